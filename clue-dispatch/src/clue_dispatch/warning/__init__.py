"""Warnings as they were last raised: an assessment says only the id of one."""

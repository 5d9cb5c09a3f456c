"""Subjects: provisional ones that were announced, and what an id became."""

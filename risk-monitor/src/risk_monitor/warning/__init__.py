"""Warnings: raised, assessed, closed."""

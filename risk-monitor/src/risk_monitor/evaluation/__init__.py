"""Evaluating what new signals touch, month by month, with three answers."""

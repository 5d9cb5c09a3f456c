"""Signals: what the streams of departments say of a subject over a period."""

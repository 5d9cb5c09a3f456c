"""Visits 一次上门: planned on request or by draw, merged, approved, made, finished."""

"""Clues: registered, routed, dispatched, verified, concluded."""

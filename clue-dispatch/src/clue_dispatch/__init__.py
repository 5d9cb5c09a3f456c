"""Heli 合力: clue-dispatch."""

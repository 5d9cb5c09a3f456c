"""Rules of a draw, version `heli-draw-1`: lists, plan, parties, sampling, inspectors, rounds.

Pure: pool key, salts and secrets come in as values; nothing here reads a clock.
"""

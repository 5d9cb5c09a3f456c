"""SQL of a clue: functions from a connection to values."""

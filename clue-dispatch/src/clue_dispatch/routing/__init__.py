"""Routing: who leads and who cooperates, as the responsibility matrix says."""

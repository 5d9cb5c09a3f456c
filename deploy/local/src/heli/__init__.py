"""The embedded runtime of Heli and the command for people."""

"""What Heli does in a second, measured here and now against a limit of the same machine."""

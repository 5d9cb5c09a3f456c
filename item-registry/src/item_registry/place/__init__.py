"""Where things are and who is there: regions and departments."""

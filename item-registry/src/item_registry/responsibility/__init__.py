"""Who leads and who cooperates: what regions add, and the answer."""

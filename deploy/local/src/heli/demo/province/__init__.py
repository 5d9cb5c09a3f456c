"""The synthetic province of the demonstration: its world, its data as sent, and its truth."""

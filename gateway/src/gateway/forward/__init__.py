"""The one door: what is outside, whose it is, and how it gets there."""

"""Rules of an item: its versions, what an official list says of it, and its numbers in words."""

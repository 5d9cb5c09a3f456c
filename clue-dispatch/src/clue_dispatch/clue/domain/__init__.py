"""Rules of a clue: what it is, how it comes about, what people and events do to it."""

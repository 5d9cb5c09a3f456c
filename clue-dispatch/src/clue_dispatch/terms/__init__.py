"""Terms: which limits hold on a day, and what becomes a clue."""

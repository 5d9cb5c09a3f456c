"""Rules of a case of penalty: what it is, its steps, and how far a penalty may go."""

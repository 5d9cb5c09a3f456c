"""How services speak: the plumbing that every service stands on."""

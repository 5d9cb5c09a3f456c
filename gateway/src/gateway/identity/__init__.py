"""Who calls: clients, their secrets, and the tokens they turn into."""

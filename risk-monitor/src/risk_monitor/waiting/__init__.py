"""What waits to be judged: subjects from a month on, since signals of them were accepted."""

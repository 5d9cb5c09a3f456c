"""线索概况: how many clues there are, from where, how far, with whom, and how late."""

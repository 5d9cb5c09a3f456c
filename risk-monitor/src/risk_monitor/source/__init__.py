"""Sources: the streams that departments send, and how fresh each of them is."""

"""What is supervised: items and their versions."""

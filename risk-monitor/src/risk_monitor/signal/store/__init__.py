"""SQL of signals."""

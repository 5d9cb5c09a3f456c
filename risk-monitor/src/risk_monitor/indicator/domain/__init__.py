"""Pure rules of windows, flows and measures."""

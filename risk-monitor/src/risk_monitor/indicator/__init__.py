"""Indicators: numbers over windows of months, with their coverage."""

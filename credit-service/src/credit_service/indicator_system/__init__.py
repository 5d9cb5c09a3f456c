"""Indicator systems 指标体系: what is worth how many points, and from which points which grade."""

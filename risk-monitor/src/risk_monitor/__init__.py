"""Heli 合力: risk-monitor."""

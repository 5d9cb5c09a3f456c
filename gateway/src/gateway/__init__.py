"""Heli 合力: gateway."""

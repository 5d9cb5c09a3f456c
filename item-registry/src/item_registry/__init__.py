"""Heli 合力: item-registry."""

"""Heli 合力: credit-service."""

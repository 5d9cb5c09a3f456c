"""Heli 合力: joint-inspection."""

"""Entities 监管对象: who is supervised, and what an id became."""

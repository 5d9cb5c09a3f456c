"""Whom one can visit and who can inspect 一单两库: targets and inspectors."""

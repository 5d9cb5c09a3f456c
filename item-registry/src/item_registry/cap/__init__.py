"""How often a year an agency may inspect one entity."""

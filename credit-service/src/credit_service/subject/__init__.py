"""Provisional subjects 待核实主体: met somewhere without a certain code."""

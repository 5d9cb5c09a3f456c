"""Pools: dated versions of the directories, from which draws are made."""

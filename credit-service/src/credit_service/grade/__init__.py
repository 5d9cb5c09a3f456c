"""Grades 分级分类: computed from all that counts, every point explained."""

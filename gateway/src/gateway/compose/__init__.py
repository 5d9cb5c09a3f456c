"""Answers that need several services: entities, lists of all six, one document, verification."""

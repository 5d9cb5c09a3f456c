"""Rules of what is composed: joined lists, folds, and the parts of an entity."""

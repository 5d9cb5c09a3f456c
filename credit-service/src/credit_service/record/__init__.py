"""Credit records 信用记录: what departments say of an entity, with provenance."""

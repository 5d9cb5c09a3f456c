"""On which days a region works differently."""

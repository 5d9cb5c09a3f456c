"""What services say to each other: ids, enums, API models and events, one file per owning service."""

"""What services say to each other: ids, enums, API models, events; one file an owner."""

"""How often an agency may inspect an entity 检查频次: caps as published, and the visits counted."""

"""Warning models: versions, their indicators and rules in CEL."""

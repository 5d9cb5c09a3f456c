"""The demonstration: a synthetic province, played through the gateway like by any other client."""

"""The demo's page: one HTML file with charts that needs nothing from a network."""

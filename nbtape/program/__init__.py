"""How a user runs a graph."""

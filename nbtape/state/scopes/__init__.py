"""Variables by name: scopes, stores and collections."""

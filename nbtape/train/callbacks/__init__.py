"""Callbacks, which look on while a model trains."""

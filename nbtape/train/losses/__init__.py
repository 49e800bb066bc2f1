"""Losses, as functions and as objects."""

"""Checkpoints: what objects hold, in files that are whole or refused."""

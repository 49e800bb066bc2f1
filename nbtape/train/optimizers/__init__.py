"""Optimizers and their schedules, by Keras's rules."""

"""Graphs into machine code."""

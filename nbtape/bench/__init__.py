"""Benchmarks that users can run: `python -m nbtape.bench eager` compares nbtape with its peers."""

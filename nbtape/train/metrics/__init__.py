"""Metrics, which add up over batches."""

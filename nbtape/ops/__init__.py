"""The op table: every operation, one row each, with its gradient beside it."""

"""Files for TensorBoard: what is recorded, and who writes it."""

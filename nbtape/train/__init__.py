"""What people train with: optimizers and data."""

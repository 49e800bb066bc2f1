"""Programs on NVIDIA's cards: their plans, the memory that they work in, and what runs them."""

"""Models: layers that are trained as a whole, and what trains them."""

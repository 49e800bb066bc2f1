"""Pictures of graphs and tapes: what is in them, where it lies on the page, and how it is drawn."""

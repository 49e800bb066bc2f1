"""The live dashboard: what training shows while it runs, and what a hand may change meanwhile."""

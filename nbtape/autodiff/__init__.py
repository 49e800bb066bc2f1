"""Derivatives: reverse mode over lists of Nodes, tapes, forward mode, custom rules, checks."""

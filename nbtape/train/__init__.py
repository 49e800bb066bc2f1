"""What people train with: optimizers and data."""

from nbtape.graph.cluster import ClusterSpec as ClusterSpec

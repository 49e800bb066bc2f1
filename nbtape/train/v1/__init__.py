"""TensorFlow 1's training: what it puts in a graph."""

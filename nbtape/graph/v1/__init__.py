"""TensorFlow 1's graphs: names, devices, collections, and what is given from outside."""

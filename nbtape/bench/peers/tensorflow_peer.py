"""TensorFlow."""

import tensorflow as tf  # pyright: ignore[reportMissingImports]
from tf_program import program, wait as wait  # pyright: ignore[reportMissingImports]

NAME = f"tensorflow {tf.__version__}"
gradients, training = program(tf)

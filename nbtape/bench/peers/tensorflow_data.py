"""TensorFlow's input pipelines."""

import tensorflow as tf  # pyright: ignore[reportMissingImports]
from tf_data import program, wait as wait  # pyright: ignore[reportMissingImports]

NAME = f"tensorflow {tf.__version__}"
epoch = program(tf)

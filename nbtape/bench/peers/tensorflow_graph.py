"""TensorFlow's sessions."""

import tensorflow  # pyright: ignore[reportMissingImports]
from tf_graph import builder  # pyright: ignore[reportMissingImports]

NAME = f"tensorflow {tensorflow.__version__}"
build = builder(tensorflow.compat.v1)


def wait(result):
    """Results are there when a session has run."""

"""nbtape's sessions, in a program of TensorFlow 1."""

from tf_graph import builder  # pyright: ignore[reportMissingImports]

import nbtape  # pyright: ignore[reportMissingImports]
import nbtape.compat.v1 as tf  # pyright: ignore[reportMissingImports]

NAME = f"nbtape {nbtape.__version__}"
nbtape.config.set_compilation("synchronous")
build = builder(tf)


def wait(result):
    """Results are there when a session has run."""

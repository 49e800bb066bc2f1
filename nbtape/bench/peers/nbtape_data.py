"""nbtape's input pipelines, as a TensorFlow program."""

from tf_data import program, wait as wait  # pyright: ignore[reportMissingImports]

import nbtape as tf  # pyright: ignore[reportMissingImports]

NAME = f"nbtape {tf.__version__}"
epoch = program(tf)

"""nbtape, as a TensorFlow program."""

from tf_program import program, wait as wait  # pyright: ignore[reportMissingImports]

import nbtape as tf  # pyright: ignore[reportMissingImports]

NAME = f"nbtape {tf.__version__}"
gradients, training = program(tf)

"""nbtape's functions, as a TensorFlow program."""

import os

from tf_compiled import builder  # pyright: ignore[reportMissingImports]

import nbtape as tf  # pyright: ignore[reportMissingImports]

NAME = f"nbtape {tf.__version__}"
functions = []
if "NBTAPE_COMPILE" not in os.environ:
    tf.config.set_compilation("synchronous")


def function(python_function):
    functions.append(tf.function(python_function))
    return functions[-1]


def build(case, data, way):
    return builder(tf, function)(case, data)


def fused():
    """Whether the last function that was built runs as machine code."""
    traces = functions[-1].traces()
    return bool(traces) and traces[-1].compile_seconds is not None


def wait(result):
    """Results are there when a step returns."""

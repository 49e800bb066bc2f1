"""nbtape's functions, as a TensorFlow program: by hand ("function"), and with its layers ("layers")."""

import os

from tf_compiled import Programs, builder  # pyright: ignore[reportMissingImports]
from tf_layers import LayerPrograms  # pyright: ignore[reportMissingImports]

import nbtape as tf  # pyright: ignore[reportMissingImports]

NAME = f"nbtape {tf.__version__}"
functions = []
if "NBTAPE_COMPILE" not in os.environ:
    tf.config.set_compilation("synchronous")


def function(python_function):
    functions.append(tf.function(python_function))
    return functions[-1]


def build(case, data, way):
    programs = LayerPrograms(tf) if way == "layers" else Programs(tf)
    return builder(programs, function)(case, data)


def fused():
    """Whether the last function that was built runs as machine code."""
    traces = functions[-1].traces()
    return bool(traces) and traces[-1].compile_seconds is not None


def wait(result):
    """Results are there when a step returns."""

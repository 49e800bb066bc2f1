"""TensorFlow: functions ("function"), and functions compiled by XLA ("xla")."""

import tensorflow as tf  # pyright: ignore[reportMissingImports]
from tf_compiled import builder  # pyright: ignore[reportMissingImports]

NAME = f"tensorflow {tf.__version__}"


def build(case, data, way):
    return builder(tf, tf.function(autograph=False, jit_compile=way == "xla"))(case, data)


def wait(result):
    for x in tf.nest.flatten(result):
        x.numpy()
        return

"""TensorFlow: functions ("function"), functions compiled by XLA ("xla"), and those of Keras ("layers")."""

import tensorflow as tf  # pyright: ignore[reportMissingImports]
from tf_compiled import Programs, builder  # pyright: ignore[reportMissingImports]
from tf_layers import LayerPrograms  # pyright: ignore[reportMissingImports]

NAME = f"tensorflow {tf.__version__}"


def build(case, data, way):
    programs = LayerPrograms(tf) if way == "layers" else Programs(tf)
    return builder(programs, tf.function(autograph=False, jit_compile=way == "xla"))(case, data)


def wait(result):
    for x in tf.nest.flatten(result):
        x.numpy()
        return

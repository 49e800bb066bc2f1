"""Checks of a whole graph of TensorFlow 1."""

from typing import Any

from nbtape.core import context
from nbtape.graph.effects import control_dependencies, group
from nbtape.ops.debugging import check_numerics

_EAGERLY = (
    "add_check_numerics_ops() is not compatible with eager execution. To find infinite values and NaN there, "
    "write `with tf.debugging.nan_trap():`."
)


def add_check_numerics_ops() -> Any:
    """The operation that checks all tensors of floats in the default graph: it fails at the first, in the
    order in which they were made, that has inf or nan, and names it.

    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    ...     x = tf.compat.v1.placeholder(tf.float32, [])
    ...     y = tf.math.log(x, name="y")
    ...     sess.run([y, tf.compat.v1.add_check_numerics_ops()], {x: 1.0})[0]
    np.float32(0.0)
    """
    graph = context.local.graph
    if graph is None:
        raise RuntimeError(_EAGERLY)
    checks: list = []
    for operation in graph.get_operations():
        if operation.type == "VarHandleOp":  # which stands for the variable, not for its value
            continue
        for x in operation.outputs:
            if x.dtype.is_floating:
                with control_dependencies(checks[-1:]):
                    checks.append(check_numerics(x, message=x.name))
    return group(*checks)

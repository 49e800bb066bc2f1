"""What a graph of TensorFlow 1 is given from outside, and what it gives in order: placeholders, tuples."""

from typing import Any

from nbtape.core import context, nest, source
from nbtape.core.dtype import as_dtype
from nbtape.core.engine import o, tensor
from nbtape.core.shape import Spec, TensorShape
from nbtape.core.slices import IndexedSlices
from nbtape.graph.effects import control_dependencies
from nbtape.ops.create import identity

_EAGER = "tf.placeholder() is not compatible with eager execution."


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Any:
    """A tensor whose value is given each time that a session runs the graph: `sess.run(y, {x: value})`.

    A size of None is known only then. Raises RuntimeError where operations run at once.

    >>> with tf.Graph().as_default():
    ...     tf.compat.v1.placeholder(tf.float32, [None, 3], name="x")
    <tf.Tensor 'x:0' shape=(None, 3) dtype=float32>
    """
    graph = context.local.graph
    if graph is None:
        raise RuntimeError(_EAGER)
    spec = Spec(_dims(TensorShape(shape)), as_dtype(dtype).np)
    return graph.placeholder(spec, name or "Placeholder")


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Any:
    """`input`, unless a value is given when a session runs the graph; of any value that `shape` allows.

    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    ...     x = tf.compat.v1.placeholder_with_default([1.0], [None])
    ...     sess.run(x), sess.run(x, {x: [2.0, 3.0]})
    (array([1.], dtype=float32), array([2., 3.], dtype=float32))
    """
    x, shape = tensor(input), TensorShape(shape)
    if not shape.is_compatible_with(x.shape):
        raise ValueError(f"Input's shape {x.shape} is not compatible with the placeholder's shape {shape}.")
    graph = context.local.graph
    if graph is None:
        return x
    x, attrs = graph.own(x), {"shape": _dims(shape)}
    spec = Spec(attrs["shape"], x._spec.dtype)
    name = name or "PlaceholderWithDefault"
    return graph.append(o.placeholder_with_default, (x,), attrs, (spec,), source.here(2), name)[0]


def _dims(shape: TensorShape) -> tuple | None:
    return None if shape.rank is None else tuple(shape.as_list())


def tuple_(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list:
    """The same tensors, each of which is there only once all are, and `control_inputs` have run.

    None stays None. Raises ValueError where there is no tensor.

    >>> a, b = tf.compat.v1.tuple([tf.constant(1), tf.constant(2)])
    >>> int(a), int(b)
    (1, 2)
    """
    given = [x if x is None or isinstance(x, IndexedSlices) else tensor(x) for x in tensors]
    awaited = [x for x in given if x is not None]
    if not awaited:
        raise ValueError(f"Must have at least one Tensor. Received: {tensors}")
    graph = context.local.graph
    if graph is None:
        return given
    scope, context.local.scope = context.local.scope, graph.enter_scope(context.local.scope, name or "tuple")
    try:
        parts = [part for x in awaited for part in nest.flatten(x, expand_composites=True)]
        with control_dependencies([*parts, *(control_inputs or ())]):
            return [None if x is None else _same(x) for x in given]
    finally:
        context.local.scope = scope


def _same(x: Any) -> Any:
    if isinstance(x, IndexedSlices):
        return IndexedSlices(identity(x.values, "control_dependency"), x.indices, x._dense_shape)
    return identity(x, "control_dependency")

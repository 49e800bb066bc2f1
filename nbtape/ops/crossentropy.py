"""Cross-entropies, one row each, since every classifier's step runs one."""

import sys
from typing import Any

import numpy as np

from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Composite, Scalar, late
from nbtape.core.shape import Dims, Spec, TensorShape, bracket, numel
from nbtape.ops.numeric import in_float32
from nbtape.ops.reduce import keep
from nbtape.ops.row import REAL_FLOATS, elementwise_spec, op
from nbtape.ops.shape import ranked, reshape_to_sizes
from nbtape.ops.softmax import class_axis, columns, from_top, highest, total, transposed
from nbtape.ops.static import dims, partial_dims, sizes_of

_kernel, _grad_kernel = [
    late(f"nbtape.kernels.cpu.crossentropy:{name}") for name in ("sparse_xent", "sparse_xent_grad")
]
_NARROW = 128  # classes up to which the kernels are faster than NumPy
_LARGE = 1 << 16  # logits for which they are faster although Numba has to be imported for them
_UNSIGNED = {4: np.uint32, 8: np.uint64}


# Labels that are distributions


def _softmax_xent(labels, logits, *, axis):
    if labels.shape != logits.shape or labels.ndim <= axis:
        raise ValueError
    if logits.itemsize == 2:
        wide = _softmax_xent(labels.astype(np.float32), logits.astype(np.float32), axis=axis)
        return wide.astype(logits.dtype)
    shape = logits.shape[:axis] + logits.shape[axis + 1 :]
    if not logits.size:
        return np.zeros(shape, logits.dtype)
    x, p = (transposed(logits), transposed(labels)) if columns(logits, axis) else (logits, labels)
    axis = 0 if x is not logits else axis
    t = x - highest(x, axis, None, None, True)
    loss = np.log(total(np.exp(t), axis, None, None, True)) - t
    loss *= p
    return ranked(np.asarray(total(loss, axis)).reshape(shape))


def _softmax_xent_lower(labels, logits, *, axis):
    t = from_top(logits, axis)
    lost = (o.log(o.sum(o.exp(t), axis=(axis,), keepdims=True)) - t) * labels
    return o.sum(lost, axis=(axis,), keepdims=False)


def _softmax_xent_spec(labels: Spec, logits: Spec, *, axis: int) -> Spec:
    if labels.shape is None or logits.shape is None:
        return Spec(None, logits.dtype)
    if not TensorShape(labels.shape).is_compatible_with(logits.shape):
        raise not_broadcastable(labels.shape, logits.shape)
    return Spec(logits.shape[:axis] + logits.shape[axis + 1 :], logits.dtype)


def not_broadcastable(labels: Dims, logits: Dims) -> Exception:
    return invalid(
        f"logits and labels must be broadcastable: logits_size={bracket(logits)} "
        f"labels_size={bracket(labels)} [Op:SoftmaxCrossEntropyWithLogits]"
    )


def _softmax_xent_in_logits(g, y, labels, logits, *, axis):
    """Right for labels that do not add up to 1 as well: what they add up to weighs the softmax."""
    total = o.sum(labels, axis=(axis,), keepdims=True)
    return keep(g, logits, (axis,), False) * (o.softmax(logits, axis=axis) * total - labels)


# Labels that are numbers of classes


def _sparse_xent(labels, logits):
    if labels.dtype.char not in "iql" or logits.dtype.kind not in "fV" or labels.shape != logits.shape[:-1]:
        raise ValueError
    n = logits.shape[-1]
    if not n:
        raise ValueError
    if logits.itemsize == 2:
        return _sparse_xent(labels, logits.astype(np.float32)).astype(logits.dtype)
    if _by_kernel(logits, n) and (loss := _kernel(labels, logits)) is not None:
        return ranked(loss)
    _check_range(labels, n)
    e, of, axis = _exps_from_top(logits, n, labels)
    mine = e[of]
    np.exp(e, e)
    loss = np.log(total(e, axis))
    loss -= mine
    return ranked(loss.reshape(labels.shape)) if loss.ndim != labels.ndim else loss


def _by_kernel(logits, n):
    return n <= _NARROW and (logits.size >= _LARGE or "numba" in sys.modules)


def _check_range(labels, n):
    # As unsigned numbers negative labels are large ones.
    if labels.size and (highest(labels.view(_UNSIGNED[labels.itemsize]), None) >= n):
        wrong = labels[(labels < 0) | (labels >= n)].reshape(-1)[0]
        values = " ".join(map(str, labels.reshape(-1)[:100].tolist()))
        raise invalid(
            f"Received a label value of {wrong} which is outside the valid range of [0, {n}).  "
            f"Label values: {values} [Op:SparseSoftmaxCrossEntropyWithLogits]"
        )


def _exps_from_top(logits, n, labels):
    """Logits less the highest of their row, where each row's label is in them, and the axis of classes."""
    labels = labels.reshape(-1)
    each = np.arange(labels.size)
    if columns(logits, logits.ndim - 1):
        e = transposed(logits)
        e -= highest(e, 0)
        return e, (labels, each), 0
    rows = logits.reshape(-1, n)
    return rows - highest(rows, 1, None, None, True), (each, labels), 1


def _sparse_xent_lower(labels, logits):
    shape = dims(logits)
    if shape is None or dims(labels) is None:
        return None
    axis = len(shape) - 1
    e = from_top(logits, axis)
    mine = o.sum(o.where(_is_label(labels, shape), e, 0.0), axis=(axis,), keepdims=True)
    return o.squeeze(o.log(o.sum(o.exp(e), axis=(axis,), keepdims=True)) - mine, axis=(axis,))


def _is_label(labels, shape):
    """Whether a place along the last axis is the one that the label of its row names."""
    column = o.reshape(o.class_numbers(labels, n=shape[-1]), shape=(*shape[:-1], 1))
    return o.equal(column, apply(o.iota, size=shape[-1], dtype=labels.dtype.np))


def _class_numbers(labels, *, n):
    _check_range(labels, n)
    return labels


def _check_dtype(dtype: np.dtype, attr: str, allowed: tuple) -> None:
    names = {"float32": "float", "float64": "double", "float16": "half", "object": "string"}
    name = names.get(dtype.name, dtype.name)
    if name not in allowed:
        raise invalid(
            f"Value for attr '{attr}' of {name} is not in the list of allowed values: {', '.join(allowed)} "
            "[Op:SparseSoftmaxCrossEntropyWithLogits]"
        )


def _sparse_xent_spec(labels: Spec, logits: Spec) -> Spec:
    _check_dtype(labels.dtype, "Tlabels", ("int32", "int64"))
    _check_dtype(logits.dtype, "T", ("half", "bfloat16", "float", "double"))
    if labels.shape is None or logits.shape is None:
        return Spec(labels.shape, logits.dtype)
    if not logits.shape:
        raise ValueError(f"`logits` cannot be a scalar. Received logits={TensorShape(logits.shape)}")
    told = f"Received: labels.shape={TensorShape(labels.shape)}"
    if len(labels.shape) != len(logits.shape) - 1:
        raise ValueError(
            f"`labels.shape.rank` must equal `logits.shape.rank - 1`. {told} of rank {len(labels.shape)} and "
            f"logits.shape={TensorShape(logits.shape)} of rank {len(logits.shape)}\n"
            "For labels that are distributions write tf.nn.softmax_cross_entropy_with_logits."
        )
    if not TensorShape(labels.shape).is_compatible_with(logits.shape[:-1]):
        raise ValueError(
            f"`labels.shape` must equal `logits.shape` except for the last dimension. {told} and "
            f"logits.shape={TensorShape(logits.shape)}"
        )
    if logits.shape[-1] == 0:
        raise invalid(f"Must have at least one class, but got logits shape {bracket(logits.shape)}")
    return Spec(labels.shape, logits.dtype)


def _sparse_xent_grad(g, labels, logits):
    """g * (softmax(logits) - one_hot(labels))."""
    n = logits.shape[-1]
    if logits.itemsize == 2:
        wide = _sparse_xent_grad(g, labels, logits.astype(np.float32))
        return wide.astype(logits.dtype)
    if _by_kernel(logits, n) and (slopes := _grad_kernel(g, labels, logits)) is not None:
        return slopes
    e, of, axis = _exps_from_top(logits, n, labels)
    np.exp(e, e)
    g = g.reshape(-1)
    share = g / total(e, axis)
    e *= share if axis == 0 else share[:, None]
    e[of] -= g
    return (e if axis else e.T).reshape(logits.shape)


def _sparse_xent_grad_lower(g, labels, logits):
    shape = dims(logits)
    if shape is None or dims(labels) is None:
        return None
    axis = len(shape) - 1
    e = o.exp(from_top(logits, axis))
    g = o.reshape(g, shape=(*shape[:-1], 1))
    return e * (g / o.sum(e, axis=(axis,), keepdims=True)) - o.where(_is_label(labels, shape), g, 0.0)


def _sparse_xent_grad_in_g(h, z, g, labels, logits):
    slope = o.sparse_xent_grad(o.ones_like(g), labels, logits)
    return o.sum(h * slope, axis=(len(logits.shape) - 1,), keepdims=False)


def _sparse_xent_grad_in_logits(h, z, g, labels, logits):
    axis = len(logits.shape) - 1
    p = o.softmax(logits, axis=axis)
    return keep(g, logits, (axis,), False) * p * (h - o.sum(h * p, axis=(axis,), keepdims=True))


# One logit a label


@in_float32
def _sigmoid_xent(labels, logits):
    if labels.shape != logits.shape:
        raise ValueError
    return np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits)))


def _sigmoid_xent_spec(labels: Spec, logits: Spec) -> Spec:
    check_same_shape(labels.shape, logits.shape)
    return elementwise_spec(logits, labels)


def check_same_shape(labels: Dims | None, logits: Dims | None, names: str = "`logits` and `labels`") -> None:
    if not TensorShape(labels).is_compatible_with(logits):
        shapes = f"({TensorShape(logits)} vs {TensorShape(labels)})"
        raise ValueError(f"{names} must have the same shape, received {shapes}.")


# fmt: off
op("softmax_xent", _softmax_xent, _softmax_xent_spec,
   lambda g, y, labels, logits, *, axis: -keep(g, logits, (axis,), False) * o.log_softmax(logits, axis=axis),
   _softmax_xent_in_logits, kernel=Composite(_softmax_xent_lower), kinds=REAL_FLOATS)
# Labels as they are, if each is the number of one of n classes.
op("class_numbers", _class_numbers, lambda labels, *, n: labels)
op("sparse_xent", _sparse_xent, _sparse_xent_spec,
   None, lambda g, y, labels, logits: o.sparse_xent_grad(g, labels, logits),
   kernel=Composite(_sparse_xent_lower))
op("sparse_xent_grad", _sparse_xent_grad, lambda g, labels, logits: logits,
   _sparse_xent_grad_in_g, None, _sparse_xent_grad_in_logits, kernel=Composite(_sparse_xent_grad_lower))
op("sigmoid_xent", _sigmoid_xent, _sigmoid_xent_spec,
   lambda g, y, z, x: -g * x, lambda g, y, z, x: g * (o.sigmoid(x) - z),
   kernel=Scalar("(maximum({1}, 0) - {1} * {0} + log1p(exp(-abs({1}))))"),
   kinds=REAL_FLOATS, absorbs=True)
# fmt: on


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: Any = -1, name: str | None = None
) -> Any:
    """Cross-entropy, in nats, between `labels`, distributions along `axis`, and the softmax of `logits`.

    `labels` are converted to the dtype of `logits`. The result has the shape of `logits` without `axis`.
    Gradients flow to both, and are right for labels that do not add up to 1, too.

    >>> tf.nn.softmax_cross_entropy_with_logits([[0.0, 1.0]], [[0.0, 0.0]]).numpy()
    array([0.6931472], dtype=float32)
    """
    x, p = tensor(logits), tensor(labels)
    if p.dtype is not x.dtype:
        p = apply(o.cast, p, dtype=x.dtype.np)
    at = class_axis(x, axis)
    return apply(o.softmax_xent, _like(p, x), x, axis=at)


def _like(labels: Any, logits: Any) -> Any:
    """`labels` in the shape of `logits`; as in TensorFlow one of as many elements will do, or a part."""
    came, wanted = partial_dims(labels), partial_dims(logits)
    if came == wanted or came is None or wanted is None or None in came or None in wanted:
        return labels
    if came[-1:] == wanted[-1:] and numel(came) == numel(wanted):  # type: ignore[arg-type]
        return reshape_to_sizes(labels, sizes_of(logits))
    if len(came) != len(wanted) or any(a not in (1, b) for a, b in zip(came, wanted)):
        raise not_broadcastable(came, wanted)
    return apply(o.broadcast_to, labels, shape=wanted)


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any, name: str | None = None) -> Any:
    """Cross-entropy, in nats, between classes and the softmax of `logits` along its last axis.

    `labels` are int32 or int64, of the shape of `logits` without that axis. One that is not in [0, number of
    classes) raises InvalidArgumentError.

    >>> tf.nn.sparse_softmax_cross_entropy_with_logits([1, 0], [[0.0, 0.0], [1000.0, 0.0]]).numpy()
    array([0.6931472, 0.       ], dtype=float32)
    """
    return apply(o.sparse_xent, tensor(labels), tensor(logits))


def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None, name: str | None = None) -> Any:
    """Cross-entropy, in nats, between `labels`, which are probabilities, and sigmoid(logits), elementwise.

    >>> tf.nn.sigmoid_cross_entropy_with_logits([1.0, 0.0], [0.0, 1000.0]).numpy()
    array([6.931472e-01, 1.000000e+03], dtype=float32)
    """
    if labels is None or logits is None:
        told = "Both `labels` and `logits` must be provided for sigmoid_cross_entropy_with_logits"
        raise ValueError(f"{told}Received: labels={labels} and logits={logits}")
    return apply(o.sigmoid_xent, tensor(labels), tensor(logits))


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Any:
    """`sigmoid_cross_entropy_with_logits` in which `pos_weight` multiplies what positive labels cost.

    >>> tf.nn.weighted_cross_entropy_with_logits([1.0, 0.0], [0.0, 0.0], pos_weight=2.0).numpy()
    array([1.3862944, 0.6931472], dtype=float32)
    """
    z, x = tensor(labels), tensor(logits)
    check_same_shape(partial_dims(z), partial_dims(x))
    weight = tensor(pos_weight, x.dtype) if isinstance(pos_weight, list | tuple) else pos_weight
    return (1.0 - z) * x + (1.0 + (weight - 1.0) * z) * apply(o.softplus, -x)

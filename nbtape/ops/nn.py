"""What layers are made of: biases, normalisation, dropout, embeddings, and a few losses."""

import math
from numbers import Real
from typing import Any

import numpy as np

from nbtape.core.dtype import float32
from nbtape.core.engine import apply, o, stands_for_tensor, tensor
from nbtape.core.errors import OpError, invalid
from nbtape.core.kernel import Composite, Scalar
from nbtape.core.shape import Spec, TensorShape, bracket
from nbtape.ops.activation import masked
from nbtape.ops.clip import clip_by_norm
from nbtape.ops.crossentropy import check_same_shape
from nbtape.ops.index import gather
from nbtape.ops.join import concat
from nbtape.ops.random import uniform
from nbtape.ops.row import NUMBER, REAL_FLOATS, op
from nbtape.ops.stateless import stateless_uniform
from nbtape.ops.static import integer, partial_dims, rank_of, sizes_of

# Biases


def _bias_add(x, bias):
    if x.ndim < 2 or bias.shape != x.shape[-1:]:
        raise ValueError
    return x + bias


def _bias_spec(x: Spec, bias: Spec) -> Spec:
    if x.shape is None or bias.shape is None:
        return x
    if len(x.shape) < 2:
        raise invalid(f"Input tensor must be at least 2D: {bracket(x.shape)} [Op:BiasAdd]")
    if len(bias.shape) != 1:
        raise invalid(f"Biases must be 1D: {bracket(bias.shape)} [Op:BiasAdd]")
    if None not in (x.shape[-1], bias.shape[0]) and x.shape[-1] != bias.shape[0]:
        raise invalid(
            "Must provide as many biases as the last dimension of the input tensor: "
            f"{bracket(bias.shape)} vs. {bracket(x.shape)} [Op:BiasAdd]"
        )
    return x


op("bias_add", _bias_add, _bias_spec, lambda g, y, x, b: g, lambda g, y, x, b: g,
   kernel=Scalar("({0} + {1})"), kinds=NUMBER)  # fmt: skip


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """`value` plus `bias`, a vector with a number for each channel: the last axis, or axis 1 for "NC...".

    >>> tf.nn.bias_add([[1.0, 2.0], [3.0, 4.0]], [10.0, 20.0]).numpy()
    array([[11., 22.],
           [13., 24.]], dtype=float32)
    """
    x = tensor(value)
    b = _beside(bias, x)
    if data_format is None or data_format.startswith("N") and data_format.endswith("C"):
        return apply(o.bias_add, x, b)
    if not data_format.startswith("NC"):
        told = f"Received: data_format={data_format}"
        raise ValueError(f"`data_format` must be of the form `N...C` or `NC...`. {told}")
    rank = rank_of(x)
    last = apply(o.transpose, x, perm=(0, *range(2, rank), 1))
    return apply(o.transpose, apply(o.bias_add, last, b), perm=(0, rank - 1, *range(1, rank - 1)))


# Normalisation


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any, name: str | None = None
) -> Any:
    """`scale * (x - mean) / sqrt(variance + variance_epsilon) + offset`; `offset` and `scale` may be None.

    >>> tf.nn.batch_normalization([[1.0], [3.0]], 2.0, 4.0, None, None, 0.0).numpy().tolist()
    [[-0.5], [0.5]]
    """
    x = tensor(x)
    mean, variance = _beside(mean, x), _beside(variance, x)
    weight = apply(o.rsqrt, variance + variance_epsilon)
    if scale is not None:
        weight = weight * _beside(scale, x)
    shift = -mean * weight if offset is None else _beside(offset, x) - mean * weight
    return x * _cast(weight, x) + _cast(shift, x)


def _beside(x: Any, like: Any) -> Any:
    return tensor(x) if stands_for_tensor(x) else tensor(x, like.dtype)


def _cast(x: Any, like: Any) -> Any:
    return x if x.dtype is like.dtype else apply(o.cast, x, dtype=like.dtype.np)


def batch_norm_with_global_normalization(
    input: Any, mean: Any, variance: Any, beta: Any, gamma: Any, variance_epsilon: Any,
    scale_after_normalization: bool, name: str | None = None
) -> Any:  # fmt: skip
    """`batch_normalization` with `beta` for offset and, if `scale_after_normalization`, `gamma` for scale.

    >>> x = tf.ones([1, 1, 1, 1])
    >>> tf.nn.batch_norm_with_global_normalization(x, [0.0], [1.0], [2.0], [3.0], 0.0, True).numpy().item()
    5.0
    """
    scale = gamma if scale_after_normalization else None
    return batch_normalization(input, mean, variance, beta, scale, variance_epsilon)


def local_response_normalization(
    input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5,
    name: str | None = None
) -> Any:  # fmt: skip
    """`input` / (bias + alpha * sum) ** beta; `sum` is of squares in channels up to `depth_radius` away.

    Takes floats of rank 4.

    >>> tf.nn.local_response_normalization([[[[3.0, 4.0]]]], depth_radius=1, bias=0.0).numpy().ravel()
    array([0.6, 0.8], dtype=float32)
    """
    x = tensor(input) if stands_for_tensor(input) else tensor(input, float32)
    if rank_of(x) != 4:
        raise invalid("in must be 4-dimensional [Op:LRN]")
    if depth_radius < 0:
        raise invalid(f"depth_radius = {depth_radius} larger than int max [Op:LRN]")
    channel = np.arange(integer(sizes_of(x)[3]))
    near = tensor((abs(channel[:, None] - channel) <= depth_radius).astype(x.dtype.np))
    return x * (bias + alpha * ((x * x) @ near)) ** -beta


# Dropout


def _dropout(x, keep, scale):
    return masked(x * x.dtype.type(scale), keep)


def _dropout_spec(x: Spec, keep: Spec, scale: Spec) -> Spec:
    try:
        return o.masked.infer(x, keep)
    except OpError:
        shapes = f"condition {bracket(keep.shape or ())}, then {bracket(x.shape or ())}, and else []"
        raise invalid(f"{shapes} must be broadcastable [Op:SelectV2]") from None


# Linear in x, and its own transpose: the gradient uses the mask that was drawn.
op("dropout", _dropout, _dropout_spec,
   lambda g, y, x, keep, s: o.dropout(g, keep, s), None,
   lambda g, y, x, keep, s: o.masked(g * x, keep), kernel=Scalar("where({1}, {0} * {2}, 0)"))  # fmt: skip


def dropout(x: Any, rate: Any, noise_shape: Any = None, seed: Any = None, name: str | None = None) -> Any:
    """`x` with each element set to 0 with probability `rate`, the others divided by `1 - rate`.

    `noise_shape`, by default that of `x`, is a shape that broadcasts to it; along its axes of size 1 elements
    stay or go together. The gradient goes through those that stayed. Raises ValueError for a rate outside
    [0, 1).

    >>> tf.nn.dropout([1.0, 2.0], rate=0.0).numpy()
    array([1., 2.], dtype=float32)
    >>> sorted(set(tf.nn.dropout(tf.ones([100]), rate=0.5, seed=1).numpy().tolist()))
    [0.0, 2.0]
    """
    return _dropped(x, rate, noise_shape, lambda shape: uniform(shape, seed=seed))


def stateless_dropout(
    x: Any, rate: Any, seed: Any, rng_alg: Any = None, noise_shape: Any = None, name: str | None = None
) -> Any:
    """`dropout` whose choice depends on `seed`, two ints, and on nothing else.

    >>> a, b = [tf.nn.experimental.stateless_dropout(tf.ones([8]), 0.5, seed=[1, 2]) for _ in range(2)]
    >>> bool((a.numpy() == b.numpy()).all())
    True
    """
    alg = rng_alg or "auto_select"
    return _dropped(x, rate, noise_shape, lambda shape: stateless_uniform(shape, seed, alg=alg))


def general_dropout(
    x: Any, rate: Any, uniform_sampler: Any, noise_shape: Any = None, name: str | None = None
) -> Any:
    """`dropout` of the elements for which `uniform_sampler(shape, dtype)` gives less than `rate`.

    >>> half = lambda shape, dtype: tf.fill(shape, tf.cast(0.5, dtype))
    >>> tf.nn.experimental.general_dropout([1.0, 2.0], 0.25, half).numpy()
    array([1.3333334, 2.6666667], dtype=float32)
    """
    return _dropped(x, rate, noise_shape, lambda shape: uniform_sampler(shape=shape, dtype=float32))


def _dropped(x: Any, rate: Any, noise_shape: Any, draw: Any) -> Any:
    x = tensor(x)
    if not x.dtype.is_floating:
        told = f"Received: x_dtype={x.dtype!s}"
        raise ValueError(f"`x.dtype` must be a floating point tensor as `x` will be scaled. {told}")
    if isinstance(rate, Real):
        if not 0 <= float(rate) < 1:
            told = f"Received: rate={rate}"
            raise ValueError(f"`rate` must be a scalar tensor or a float in the range [0, 1). {told}")
        if rate == 0:
            return x
        rate = float(rate)
        scale: Any = 1.0 / (1.0 - rate)
    else:
        rate = _rate_tensor(rate, x)
        scale = 1.0 / (1.0 - rate)
        rate = _cast(rate, tensor(0.0))
    keep = apply(o.greater_equal, draw(_noise_shape(x, noise_shape)), rate)
    return apply(o.dropout, x, keep, scale)


def _rate_tensor(rate: Any, x: Any) -> Any:
    if not stands_for_tensor(rate):
        raise ValueError(f"`rate` must be a scalar or scalar tensor. Received: rate={rate}")
    rate = tensor(rate)
    if rate.dtype is not x.dtype:
        told = f"Received: x.dtype={x.dtype!s} and rate.dtype={rate.dtype!s}"
        raise ValueError(f"`x.dtype` must be compatible with `rate.dtype`. {told}")
    if rank_of(rate):
        raise ValueError(f"Shape {rate.shape} must have rank 0")
    return rate


def _noise_shape(x: Any, noise_shape: Any) -> Any:
    """The shape to draw in; None in it stands for the size of `x`."""
    if noise_shape is None:
        return sizes_of(x)
    if isinstance(noise_shape, TensorShape):
        noise_shape = noise_shape.as_list()
    if not isinstance(noise_shape, list | tuple) or None not in noise_shape:
        return noise_shape
    return [n if n is not None else size for n, size in zip(noise_shape, sizes_of(x))]


# Embeddings


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: str | None = None) -> Any:
    """The rows of `params` that `ids` name, in the shape `ids.shape + params.shape[1:]`.

    A list of tensors stands for them joined along axis 0. Rows longer than `max_norm` are scaled down to it.
    The gradient is IndexedSlices, of the size of what was looked up.

    >>> tf.nn.embedding_lookup(tf.constant([[1.0], [2.0], [3.0]]), [2, 0]).numpy().ravel()
    array([3., 1.], dtype=float32)
    """
    if params is None:
        raise ValueError("params must be specified")
    if isinstance(params, list | tuple) and any(stands_for_tensor(p) for p in params):
        params = params[0] if len(params) == 1 else concat(list(params), 0)
    if isinstance(params, list | tuple) and not params:
        raise ValueError("Length of params is currently 0. Need at least one param.")
    params, ids = tensor(params), tensor(ids)
    rows = gather(params, ids)
    if max_norm is None:
        return rows
    axes = list(range(rank_of(ids), rank_of(rows)))
    return clip_by_norm(rows, max_norm, axes) if axes else apply(o.clip, rows, -max_norm, max_norm)


# Losses


def l2_loss(t: Any, name: str | None = None) -> Any:
    """Half the sum of squares of all elements. Takes floats.

    >>> tf.nn.l2_loss([3.0, 4.0]).numpy()
    np.float32(12.5)
    """
    return apply(o.l2_loss, tensor(t))


def _l2_loss(x):
    if x.itemsize == 2:
        return _l2_loss(x.astype(np.float32)).astype(x.dtype)
    flat = x.reshape(-1)
    return x.dtype.type(0.5 * np.dot(flat, flat))


op("l2_loss", _l2_loss, lambda x: Spec((), x.dtype), lambda g, y, x: g * x,
   kernel=Composite(lambda x: 0.5 * o.sum_to(x * x, shape=())), kinds=REAL_FLOATS)  # fmt: skip


def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Any:
    """exp(log_input) - targets * log_input; the full loss adds Stirling's approximation of log(targets!).

    >>> tf.nn.log_poisson_loss([1.0, 2.0], [0.0, 0.0]).numpy()
    array([1., 1.], dtype=float32)
    """
    log_input, targets = tensor(log_input), tensor(targets)
    check_same_shape(partial_dims(targets), partial_dims(log_input), "`log_input` and `targets`")
    loss = apply(o.exp, log_input) - log_input * targets
    if not compute_full_loss:
        return loss
    stirling = targets * apply(o.log, targets) - targets + 0.5 * apply(o.log, 2 * math.pi * targets)
    small = apply(o.logical_and, targets >= 0.0, targets <= 1.0)
    return loss + apply(o.where, small, 0.0, stirling)

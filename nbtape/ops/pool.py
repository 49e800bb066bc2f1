"""The rows of max and mean pooling, and of their transposes."""

from typing import Any

import numpy as np

from nbtape.core.engine import o
from nbtape.core.errors import invalid
from nbtape.core.kernel import late
from nbtape.core.shape import Dims, Spec, bracket
from nbtape.ops.row import REAL_FLOATS, op
from nbtape.ops.window import Ints, Padding, inner_dims, out_dims, pads

_index_of_max, _mean, _spread_mean = (
    late(f"nbtape.kernels.cpu.pool:{name}") for name in ("max_pool_index", "avg_pool", "avg_pool_grad")
)
_scatter_add = late("nbtape.kernels.cpu.scatter:scatter_add")
_INT64 = np.dtype(np.int64)
_MAX_TYPES = "half bfloat16 float double int32 int64 uint8 int16 int8 uint16".split()


# Rows


def _pool_spec(x: Spec, *, ksize: Ints, strides: Ints, padding: Padding) -> Spec:
    n = len(ksize)
    if x.shape is None:
        return Spec((None,) * (n + 2), x.dtype)
    if len(x.shape) != n + 2:
        raise invalid(f"tensor_in must be {n + 2}-dimensional: {bracket(x.shape)}")
    out = out_dims(x.shape[1:-1], ksize, strides, padding, (1,) * n)
    return Spec((x.shape[0], *out, x.shape[-1]), x.dtype)


def _max_pool_spec(x: Spec, **attrs: Any) -> tuple[Spec, Spec]:
    name = {"float16": "half", "float32": "float", "float64": "double"}.get(x.dtype.name, x.dtype.name)
    if name not in _MAX_TYPES:
        allowed = ", ".join(_MAX_TYPES)
        raise invalid(f"Value for attr 'T' of {name} is not in the list of allowed values: {allowed}")
    y = _pool_spec(x, **attrs)
    return y, Spec(y.shape, _INT64)


def _resolved(spatial: Ints, ksize: Ints, strides: Ints, padding: Padding) -> dict:
    pairs = pads(padding, spatial, ksize, strides, (1,) * len(ksize))
    return {"ksize": ksize, "strides": strides, "padding": pairs}


def _max_pool(x, **attrs):
    _max_pool_spec(Spec(x.shape, x.dtype), **attrs)
    index = _index_of_max(x, **_resolved(x.shape[1:-1], **attrs))
    return x.reshape(-1).take(index), index


def _unpool(g, index, like: Any = None, *, shape):
    inner = shape or like.shape[1:]
    size = len(g) * int(np.prod(inner))
    return _scatter_add(index.reshape(-1), g.reshape(-1), rows=size).reshape(len(g), *inner)


def _unpooled(g: Any, index: Any, x: Any) -> Any:
    shape = inner_dims(x)
    return o.unpool(*([g, index, x] if shape is None else [g, index]), shape=shape)


def _avg_pool(x, **attrs):
    _pool_spec(Spec(x.shape, x.dtype), **attrs)
    return _mean(x, **_resolved(x.shape[1:-1], **attrs))


def _avg_pool_grad(g, like: Any = None, *, shape, **attrs):
    inner = shape or like.shape[1:]
    return _spread_mean(g, input_shape=(len(g), *inner), **_resolved(inner[:-1], **attrs))


def _avg_pool_back(g: Any, x: Any, attrs: dict) -> Any:
    shape = inner_dims(x)
    return o.avg_pool_grad(*([g, x] if shape is None else [g]), shape=shape, **attrs)


def _inner_spec(g: Spec, like: Spec | None, shape: Dims | None) -> Spec:
    if shape is None:
        return Spec(None if like is None else like.shape, g.dtype)
    return Spec((None if g.shape is None else g.shape[0], *shape), g.dtype)


# The maximum and where it is in the input, laid into one row; the gradient is put there, all of it.
# fmt: off
max_of = op("max_pool", _max_pool, _max_pool_spec,
   lambda g, y, x, **attrs: _unpooled(g[0], y[1], x), many=True)
op("unpool", _unpool, lambda g, index, like=None, *, shape: _inner_spec(g, like, shape),
   lambda h, y, g, index, *like, shape: o.unpool_take(h, index), None, None)
op("unpool_take", lambda x, index: x.reshape(-1)[index], lambda x, index: Spec(index.shape, x.dtype),
   lambda g, y, x, index: _unpooled(g, index, x), None)
mean_of = op("avg_pool", _avg_pool, _pool_spec,
   lambda g, y, x, **attrs: _avg_pool_back(g, x, attrs), kinds=REAL_FLOATS)
op("avg_pool_grad", _avg_pool_grad, lambda g, like=None, *, shape, **attrs: _inner_spec(g, like, shape),
   lambda h, y, g, *like, shape, **attrs: o.avg_pool(h, **attrs), None, kinds=REAL_FLOATS)
# fmt: on

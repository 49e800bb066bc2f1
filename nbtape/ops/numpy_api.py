"""The doors through which NumPy meets Tensors: `np.exp(t)`, `ndarray * t`, `np.sum(t)` stay differentiable.

NumPy asks a Tensor (or a Variable) what its functions do with it. Where there is an op for it, the op runs,
so that tapes and traces see it, and the result is a Tensor. Where there is none NumPy computes on the arrays,
the result is an array, and open recorders are told that the values left: `tape.explain` then names the line.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import FLOATS, as_dtype
from nbtape.core.engine import EagerTensor, Operators, doors, stands_for_tensor, tensor
from nbtape.core.slices import IndexedSlices
from nbtape.ops import numpy_layout as numpy_layout  # for what it adds to FUNCTIONS
from nbtape.ops.numpy_functions import FUNCTIONS, Unmapped
from nbtape.ops.numpy_ufuncs import ALWAYS, parameters, standing_for

_SILENT = ("out", "where", "dtype", "initial")  # arguments that may be given without saying anything


def ufunc(ufunc: Any, method: str, inputs: tuple, kwargs: dict) -> Any:
    """What `np.exp(t)`, `array * t` and `np.add.reduce(t)` mean."""
    for x in inputs:
        if _has_rules_of_its_own(x):
            return NotImplemented
    if kwargs:
        kwargs = _said(kwargs)
        if any(isinstance(x, Operators) for x in kwargs.get("out", ())):
            raise TypeError("a Tensor never changes, and cannot be `out`: use the result of the function.")
    name = ufunc.__name__
    return _call(standing_for(name, method), getattr(ufunc, method), inputs, kwargs, always=name in ALWAYS)


def function(func: Any, args: tuple, kwargs: dict) -> Any:
    """What `np.sum(t)` means."""
    f = _OF_SHAPE.get(func)
    if f is not None:
        return f(*args, **kwargs)
    return _call(FUNCTIONS.get(func), func, args, _said(kwargs) if kwargs else kwargs)


def _call(f: Callable | None, by_numpy: Any, args: tuple, kwargs: dict, always: bool = False) -> Any:
    """`f`, if it is there and takes these arguments; else what NumPy makes of the arrays."""
    if f is not None and _takes(f, args, kwargs):
        if always or context.local.graph is not None or _has_floats(args) or _has_floats(kwargs):
            try:
                return f(*args, **kwargs)
            except Unmapped:
                pass
        else:  # nothing to differentiate: NumPy's own rules for integers and bools
            return _nested(by_numpy(*_arrays(args), **_arrays(kwargs)), _as_tensor)
    return by_numpy(*_arrays(args), **_arrays(kwargs))


def _takes(f: Callable, args: tuple, kwargs: dict) -> bool:
    """Whether `f` has these arguments; that none is missing NumPy has seen to."""
    most, names = parameters(f)
    return len(args) <= most and kwargs.keys() <= names


def _has_floats(x: Any) -> bool:
    """Whether there is a tensor of floats or complex numbers, through which a gradient could flow."""
    if isinstance(x, list | tuple):
        return any([_has_floats(item) for item in x])
    if isinstance(x, dict):
        return any([_has_floats(item) for item in x.values()])
    return stands_for_tensor(x) and as_dtype(x.dtype).np.kind in FLOATS


def _said(kwargs: dict) -> dict:
    """`kwargs` without those that say nothing."""
    return {k: v for k, v in kwargs.items() if not (v is np._NoValue or k in _SILENT and _is_default(v))}


def _is_default(v: Any) -> bool:
    return v is None or v is True or isinstance(v, tuple) and all(part is None for part in v)


def _has_rules_of_its_own(x: Any) -> bool:
    if isinstance(x, (Operators, np.ndarray, np.generic, IndexedSlices)):  # noqa: UP038 (faster than a union)
        return False
    return getattr(type(x), "__array_ufunc__", None) is not None


def _nested(x: Any, f: Callable) -> Any:
    """`x` with `f` applied to what is in its lists, tuples and dicts."""
    if isinstance(x, dict):
        return {k: _nested(v, f) for k, v in x.items()}
    if isinstance(x, list):
        return [_nested(v, f) for v in x]
    if isinstance(x, tuple):
        parts = [_nested(v, f) for v in x]
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
    return f(x)


def _as_tensor(x: Any) -> Any:
    return tensor(x) if isinstance(x, np.ndarray | np.generic) else x


def _arrays(x: Any) -> Any:
    """The arguments with arrays in place of tensors, which recorders are told of."""
    return _nested(x, _array)


def _array(x: Any) -> Any:
    if not stands_for_tensor(x):
        return x
    t = tensor(x)
    if not isinstance(t, EagerTensor):
        name = getattr(t, "name", None) or repr(t)
        raise NotImplementedError(
            f"Cannot convert a symbolic tf.Tensor ({name}) to a numpy array. This error may indicate that "
            "you're trying to pass a Tensor to a NumPy call, which is not supported. Look for a function of "
            "this name in tf, tf.math or tf.linalg."
        )
    return np.asarray(t.numpy())


# What needs no values, and gives none of them away


def _shape(a: Any) -> tuple:
    return tuple(tensor(a).shape)


def _ndim(a: Any) -> int:
    return tensor(a).shape.rank


def _size(a: Any, axis: int | None = None) -> int:
    return math.prod(_shape(a)) if axis is None else _shape(a)[axis]


def _filled_with(value: Any) -> Callable:
    """An array of a tensor's shape and dtype, made to be written into."""

    def like(a: Any, dtype: Any = None, *_: Any, shape: Any = None, **__: Any) -> np.ndarray:
        a = tensor(a)
        dtype = a.dtype.np if dtype is None else dtype
        return np.full(tuple(a.shape) if shape is None else shape, value, dtype)

    return like


def _full_like(a: Any, fill_value: Any, *args: Any, **kwargs: Any) -> np.ndarray:
    return _filled_with(fill_value)(a, *args, **kwargs)


_OF_SHAPE = {
    np.shape: _shape,
    np.ndim: _ndim,
    np.size: _size,
    np.zeros_like: _filled_with(0),
    np.ones_like: _filled_with(1),
    np.empty_like: _filled_with(0),
    np.full_like: _full_like,
}

doors["ufunc"] = ufunc
doors["function"] = function

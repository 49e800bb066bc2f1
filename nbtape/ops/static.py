"""Arguments that say a shape, an axis or a size: Python numbers where known, tensors where a trace computes
them.

A user writes them as numbers, lists, arrays, Tensors, TensorShapes or lists with Tensors in them. `entries`
gives a list of Python ints in which a size that is not known while a function is traced stands as a scalar
tensor.
"""

from typing import Any

import numpy as np

from nbtape.core import dtype as dtypes
from nbtape.core.convert import array_of
from nbtape.core.engine import EagerTensor, Tensor, apply, o, stands_for_tensor, tensor
from nbtape.core.errors import InvalidArgumentError, invalid
from nbtape.core.memory import on_host
from nbtape.core.shape import Dims, TensorShape


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor or stands for one: a Tensor, a Variable, IndexedSlices.

    >>> tf.is_tensor(tf.constant(1)), tf.is_tensor(1)
    (True, False)
    """
    return stands_for_tensor(x)


def known(x: Any) -> Any:
    """The value of `x` as a NumPy array or scalar; None for a tensor that a trace has no value of."""
    if type(x) is EagerTensor:
        return on_host(x._value)
    if isinstance(x, Tensor):
        return getattr(x, "_static", None)
    if is_tensor(x):
        return known(tensor(x))
    if isinstance(x, TensorShape):
        return array_of(dims_of_shape(x))
    if isinstance(x, list | tuple) and any(is_tensor(i) for i in x):
        items = [known(i) for i in x]
        return None if any(i is None for i in items) else array_of([i.tolist() for i in items])
    return array_of(x)


def dims_of_shape(shape: TensorShape) -> list[int]:
    if not shape.is_fully_defined():
        raise ValueError(f"Cannot convert a partially known TensorShape {shape} to a Tensor.")
    return shape.as_list()  # type: ignore[return-value]


def entries(x: Any, attr: str = "", scalar: bool = False) -> Any:
    """A vector of ints as a list of ints and scalar tensors; a tensor, where not even its length is known.

    A single number counts as a vector of one where `scalar` says so. `attr` is TensorFlow's name of the type.
    """
    if type(x) in (list, tuple):
        if all([type(i) is int for i in x]):
            return list(x)
        if any([isinstance(i, Tensor) and known(i) is None for i in x]):
            return [i if isinstance(i, Tensor) and known(i) is None else integer(i, attr) for i in x]
    elif type(x) is int and scalar:
        return [x]
    value = known(x)
    if value is None:
        return _symbolic_entries(tensor(x), attr)
    value = integers(value, attr)
    if value.ndim == 1 or value.ndim == 0 and scalar:
        return value.reshape(-1).tolist()
    raise not_a_vector(value.shape)


class NotAVector(InvalidArgumentError):
    """`entries` met a matrix, or a number where it takes none; callers say it in TensorFlow's words."""


def not_a_vector(shape: tuple) -> NotAVector:
    return NotAVector(None, None, f"a vector of integers was expected, got shape {list(shape)}")


def _symbolic_entries(x: Any, attr: str) -> Any:
    if not x.dtype.is_integer:
        raise wrong_type(as_tf_name(x), attr)
    if x.shape.rank == 0:
        return [x]
    if x.shape.rank is None or x.shape[0] is None:
        return x
    return list(apply(o.unstack, x, num=x.shape[0], axis=0))


def integers(value: Any, attr: str = "") -> Any:
    """`value`, an array, if it holds integers; an empty list is no float here."""
    if value.dtype.kind in "iu":
        return value
    if value.size == 0:
        return value.astype(np.int32)
    raise wrong_type(as_tf_name(value), attr)


def as_tf_name(value: Any) -> str:
    """The dtype of an array, a Spec or a Tensor as TensorFlow's kernels write it."""
    return dtypes.spelled(value.dtype.np if isinstance(value, Tensor) else value.dtype)


def wrong_type(got: str, attr: str) -> InvalidArgumentError:
    return invalid(
        f"Value for attr '{attr or 'T'}' of {got} is not in the list of allowed values: int32, int64"
    )


def integer(x: Any, attr: str = "") -> int:
    """One int that has to be known: an axis, a count."""
    if type(x) is int:
        return x
    value = known(x)
    if value is None:
        raise TypeError(
            f"{x!r} must be known while a function is traced. Pass a Python number, or compute it from "
            "shapes rather than from tensors."
        )
    value = integers(value, attr)
    if value.size != 1:
        raise not_a_vector(value.shape)
    return int(value.reshape(())[()])


def array(x: Any, attr: str = "") -> np.ndarray:
    """A constant array of ints of any rank."""
    value = known(x)
    if value is None:
        raise TypeError(f"{x!r} must be known while a function is traced.")
    return np.asarray(integers(value, attr))


def is_static(sizes: Any) -> bool:
    """Whether `entries` gave nothing but numbers."""
    return type(sizes) is list and all([type(n) is int for n in sizes])


def vector(sizes: list | Tensor) -> Any:
    """What `entries` gave, as one tensor."""
    if isinstance(sizes, Tensor):
        return sizes
    like = next(n for n in sizes if not isinstance(n, int)).dtype
    return apply(o.stack, *[tensor(n, like) for n in sizes], axis=0)


def hint(sizes: list | Tensor) -> Dims | None:
    """What is known of `sizes` without running the program."""
    return None if isinstance(sizes, Tensor) else tuple([n if isinstance(n, int) else None for n in sizes])


def dims(x: Any) -> tuple[int, ...] | None:
    """The sizes of a bare array or of a Tensor, None where one of them is not known yet."""
    if type(x) is EagerTensor:
        return x._value.shape
    if not isinstance(x, Tensor):
        return x.shape
    known_dims = x._spec.shape  # type: ignore[attr-defined]
    return None if known_dims is None or None in known_dims else known_dims


def partial_dims(x: Any) -> Any:
    """The sizes of a Tensor, None for those that are not known yet."""
    return x._value.shape if type(x) is EagerTensor else x._spec.shape


def sizes_of(x: Any) -> list:
    """The sizes of a Tensor of known rank: ints, and scalar tensors where a trace computes them."""
    shape = partial_dims(x)
    if shape is None:
        raise ValueError(
            f"The rank of {x!r} must be known. Give it one with tf.ensure_shape(x, [None, ...])."
        )
    if None not in shape:
        return list(shape)
    whole = apply(o.unstack, apply(o.shape, x, dtype=np.dtype(np.int32)), num=len(shape), axis=0)
    return [n if n is not None else whole[i] for i, n in enumerate(shape)]


def rank_of(x: Any) -> int:
    shape = partial_dims(x)
    if shape is None:
        raise ValueError(
            f"The rank of {x!r} must be known. Give it one with tf.ensure_shape(x, [None, ...])."
        )
    return len(shape)


def product(sizes: list) -> Any:
    n: Any = 1
    for size in sizes:
        n = size * n
    return n

"""From Python and NumPy values to arrays by TensorFlow's dtype rules: int32 and float32 for bare numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nbtape.core import dlpack, dtype as dtypes
from nbtape.core.dtype import DType, string
from nbtape.core.memory import CardArray, between

_RAGGED = "Can't convert non-rectangular Python sequence to Tensor."
_MIXED = "Can't convert Python sequence with mixed types to Tensor."
_BIG_INT = "Can't convert Python sequence with out-of-range integer to Tensor."
_BIG_FLOAT = (
    "Can't convert Python sequence with a value out of range for a double-precision float. (float32 ends at "
    "3.4e38; give dtype=tf.float64.)"
)
_INT32, _INT64, _FLOAT32 = np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.float32)
_COMPLEX128, _OBJECT = np.dtype(np.complex128), np.dtype(object)
_FLOAT_MAX = float(np.finfo(np.float32).max)
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2, "c": 3}  # a kind fits the kinds of its rank and above


def array_of(value: Any, dtype: DType | None = None) -> Any:
    """`value` as a fresh NumPy array (or NumPy scalar, for rank 0) of `dtype`, or of the dtype TensorFlow
    infers.

    Raises ValueError for ragged or mixed sequences and unsupported types, TypeError where numbers do not fit
    `dtype`.
    """
    make = _BY_TYPE.get(type(value))
    if make is None:
        make = next((m for kind, m in _BY_TYPE.items() if isinstance(value, kind)), None)
    if make is not None:
        return make(value, dtype)
    if hasattr(value, "__cuda_array_interface__"):
        return _from_card(dlpack.shared(value), dtype)
    exported = _exported(value)
    if exported is not None:
        return _from_numpy(exported, dtype)
    if _is_sequence(value):
        return _from_sequence(list(value), dtype)
    raise _unsupported(value)


def _exported(value: Any) -> Any:
    """What `value` gives through NumPy's protocols, DLPack or the buffer protocol, None where it has none."""
    if hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        return np.asarray(value)
    if hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    try:
        return np.asarray(memoryview(value))
    except TypeError:
        return None


def _from_card(value: CardArray, dtype: DType | None) -> Any:
    """A copy of what another library has on a card, there; here, where it is to have another dtype."""
    if dtype is None or dtype.np == value.dtype:
        return between(value, value.card)
    return _from_numpy(np.asarray(value), dtype)


def _is_sequence(value: Any) -> bool:
    if isinstance(value, Mapping) or isinstance(value, type):
        return False
    return hasattr(type(value), "__len__") and hasattr(type(value), "__getitem__")


def _from_numpy(value: Any, dtype: DType | None) -> Any:
    kind = value.dtype.kind
    if kind in "SUO":
        return _strings(value, value.shape, value.ravel().tolist(), dtype)
    own = value.dtype if value.dtype.isnative else value.dtype.newbyteorder("=")
    if dtypes.find(own) is None:
        raise ValueError(
            f"Failed to convert a NumPy array to a Tensor (Unsupported numpy type: {value.dtype}). "
            "Give it another one first: array.astype(np.float32)."
        )
    target = own if dtype is None else dtype.np
    if target == _OBJECT:
        raise ValueError(
            f"Failed to convert a NumPy array to a Tensor (Unsupported object type {value.dtype})."
        )
    if kind == "c" and target.kind not in "cb":
        raise TypeError(
            f"Cannot convert a NumPy array of {value.dtype} to EagerTensor of dtype {target}. "
            "Take what you mean of it: np.real(x), np.imag(x) or np.abs(x)."
        )
    return np.array(value, dtype=target, order="C", copy=True)[()]


def _from_number(value: Any, dtype: DType | None) -> Any:
    if dtype is None:
        if isinstance(value, bool):
            return np.bool_(value)
        if isinstance(value, int):
            return np.int32(value) if -(2**31) <= value < 2**31 else _big(value)
        if isinstance(value, float):
            if abs(value) > _FLOAT_MAX and value - value == 0:
                raise ValueError(f"{_BIG_FLOAT} It is {value!r}.")
            return np.float32(value)
        return np.complex128(value)
    with np.errstate(over="ignore"):
        return np.array(fit(value, dtype), dtype=dtype.np)[()]


def _big(value: int) -> np.int64:
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{_BIG_INT} It is {value}.")
    return np.int64(value)


def fit(value: Any, dtype: DType) -> Any:
    """`value`, a Python number, if a tensor of `dtype` can hold it; raises TypeError otherwise."""
    came = "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "f"
    came = "c" if isinstance(value, complex) else came
    rank = _RANK.get(dtype.np.kind, -1)
    if rank < _RANK[came]:
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}")
    if rank == 1 and not dtype.min <= value <= dtype.max:
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}: it is out of range")
    return value


def _from_sequence(value: Any, dtype: DType | None) -> Any:
    leaf = _first_leaf(value)
    if isinstance(leaf, str | bytes):
        shape, flat = _shape_of_strings(value), []
        _gather_strings(value, shape, flat)
        return _strings(value, shape, flat, dtype)
    try:
        array = np.array(value)
    except ValueError:
        raise _unsupported(value, _RAGGED) from None
    except OverflowError:
        raise ValueError(_BIG_INT) from None
    if array.dtype.kind not in _RANK:
        raise _unsupported(value, _BIG_INT if array.dtype == _OBJECT and _all_integers(value) else _MIXED)
    if array.size == 0:
        return np.empty(array.shape, _FLOAT32 if dtype is None else dtype.np)
    if dtype is not None:
        return _sequence_as(array, value, dtype)
    natural = _natural(array, value, leaf)
    if array.dtype == natural:
        return array
    with np.errstate(over="raise"):
        try:
            return array.astype(natural)
        except FloatingPointError:
            raise ValueError(_BIG_FLOAT) from None


def _natural(array: np.ndarray, value: Any, leaf: Any) -> np.dtype:
    """The dtype TensorFlow gives to a sequence, whose first number decides."""
    kind = array.dtype.kind
    if isinstance(leaf, complex | np.complexfloating):
        return _COMPLEX128
    if kind == "c" or isinstance(leaf, bool | np.bool_) and kind != "b":
        raise ValueError(_MIXED)
    if isinstance(leaf, np.floating) or kind == "V" and isinstance(leaf, np.generic):
        if dtypes.find(leaf.dtype) is None:
            raise ValueError(f"Can't convert Python sequence of {leaf.dtype} to Tensor.")
        return leaf.dtype
    if kind == "f":
        if isinstance(leaf, int) and np.abs(array).max() >= 2**63 and _all_integers(value):
            raise ValueError(_BIG_INT)  # NumPy takes such integers for floats
        return _FLOAT32
    if kind == "b":
        return array.dtype
    low, high = array.min(), array.max()
    if high > 2**63 - 1:
        raise ValueError(f"{_BIG_INT} It is {high}.")
    return _INT32 if low >= -(2**31) and high < 2**31 else _INT64


def _sequence_as(array: np.ndarray, value: Any, dtype: DType) -> np.ndarray:
    kind = array.dtype.kind
    if _RANK.get(dtype.np.kind, -1) < _RANK[kind]:
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}")
    if kind in "iu" and dtype.is_integer and (array.min() < dtype.min or array.max() > dtype.max):
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}: it is out of range")
    with np.errstate(over="ignore"):
        return array.astype(dtype.np, copy=False)


def _first_leaf(value: Any) -> Any:
    while isinstance(value, list | tuple | range) and len(value):
        value = value[0]
    return value.flat[0] if isinstance(value, np.ndarray) and value.size else value


def _unsupported(value: Any, otherwise: str = "") -> ValueError:
    """The error that names what cannot stand in a tensor, or says `otherwise` where each item alone could."""
    for leaf in _leaves(value):
        if not isinstance(leaf, bool | int | float | complex | str | bytes | np.generic | np.ndarray):
            text = (
                f"Attempt to convert a value ({leaf!r}) with an unsupported type ({type(leaf)}) to a Tensor."
            )
            return ValueError(text if leaf is value or not otherwise else f"{text} {otherwise}")
    return ValueError(otherwise)


def _all_integers(value: Any) -> bool:
    return all(isinstance(leaf, int | np.integer) for leaf in _leaves(value))


def _leaves(value: Any):
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


# Strings are kept as object arrays of bytes: NumPy's own string types cut trailing zeros off.


def _shape_of_strings(value: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = ()
    while not isinstance(value, str | bytes):
        shape += (len(value),)
        value = value[0]
    return shape


def _gather_strings(value: Any, shape: tuple[int, ...], flat: list) -> None:
    if not shape:
        if isinstance(value, list | tuple | np.ndarray):
            raise ValueError(_RAGGED)
        flat.append(value)
        return
    if isinstance(value, str | bytes) or hasattr(value, "__len__") and len(value) != shape[0]:
        raise ValueError(_RAGGED)
    if not hasattr(value, "__len__"):
        raise _unsupported(value, _MIXED)
    for item in value:
        _gather_strings(item, shape[1:], flat)


def _strings(value: Any, shape: tuple[int, ...], flat: list, dtype: DType | None) -> np.ndarray:
    if dtype is not None and dtype is not string:
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}")
    out = np.empty(len(flat), dtype=object)
    out[:] = [_bytes(item, value) for item in flat]
    return out.reshape(shape)


def _bytes(item: Any, value: Any) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8")
    if isinstance(item, bytes):
        return item
    if isinstance(value, np.ndarray | np.generic):
        raise ValueError(
            f"Failed to convert a NumPy array to a Tensor (Unsupported object type {type(item).__name__})."
        )
    raise _unsupported(item, _MIXED)


def _from_text(value: Any, dtype: DType | None) -> np.ndarray:
    return _strings(value, (), [value], dtype)


_BY_TYPE = {  # NumPy's scalars first: some are Python's numbers too
    np.generic: _from_numpy,
    np.ndarray: _from_numpy,
    bool: _from_number,
    int: _from_number,
    float: _from_number,
    complex: _from_number,
    str: _from_text,
    bytes: _from_text,
    list: _from_sequence,
    tuple: _from_sequence,
    range: _from_sequence,
}

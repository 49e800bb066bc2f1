"""From Python and NumPy values to arrays, with TensorFlow's dtype rules (int32 and float32 for bare numbers)."""

from typing import Any

import numpy as np

from nbtape.core.dtype import DType, string

_RAGGED = "Can't convert non-rectangular Python sequence to Tensor."
_INT32, _INT64, _FLOAT32 = np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.float32)
_OBJECT = np.dtype(object)
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "V": 2, "c": 3}  # a kind fits the kinds of its rank and above


def array_of(value: Any, dtype: DType | None = None) -> Any:
    """`value` as a fresh NumPy array (or NumPy scalar, for rank 0) of `dtype`, or of the dtype TensorFlow infers.

    Raises ValueError for ragged sequences and unsupported types, TypeError where numbers do not fit `dtype`.
    """
    if isinstance(value, np.ndarray | np.generic):
        return _from_numpy(value, dtype)
    if isinstance(value, bool | int | float | complex):
        return _from_number(value, dtype)
    if isinstance(value, str | bytes):
        return _strings(np.array(value, dtype=object), dtype, value)
    if isinstance(value, list | tuple | range):
        return _from_sequence(value, dtype)
    for protocol in ("__array__", "__array_interface__", "__dlpack__", "__buffer__"):
        if hasattr(value, protocol):
            exported = np.from_dlpack(value) if protocol == "__dlpack__" else np.asarray(value)
            return _from_numpy(exported, dtype)
    if isinstance(value, memoryview | bytearray):
        return _from_numpy(np.asarray(value), dtype)
    raise ValueError(f"Attempt to convert a value ({value!r}) with an unsupported type ({type(value)}) to a Tensor.")


def _from_numpy(value: Any, dtype: DType | None) -> Any:
    if value.dtype.kind in "SUO":
        return _strings(np.array(value, dtype=object), dtype, value)
    if value.dtype.kind in "Mm" or value.dtype.names:
        raise ValueError(f"Failed to convert a NumPy array to a Tensor (Unsupported numpy type: {value.dtype}).")
    target = dtype.np if dtype is not None else value.dtype.newbyteorder("=")
    if target == _OBJECT:
        raise TypeError(f"Cannot convert a NumPy array of {value.dtype} to a Tensor of dtype string.")
    return np.array(value, dtype=target, order="C", copy=True)[()]


def _from_number(value: Any, dtype: DType | None) -> Any:
    if dtype is None:
        if isinstance(value, bool):
            return np.bool_(value)
        if isinstance(value, int):
            return np.int32(value) if -(2**31) <= value < 2**31 else _big(value)
        return np.float32(value) if isinstance(value, float) else np.complex128(value)
    return np.array(fit(value, dtype), dtype=dtype.np)[()]


def _big(value: int) -> np.int64:
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"Can't convert Python sequence with out-of-range integer to Tensor: {value}")
    return np.int64(value)


def fit(value: Any, dtype: DType) -> Any:
    """`value`, a Python number, if a tensor of `dtype` can hold one of its kind; raises TypeError otherwise."""
    kind = dtype.np.kind
    came = "b" if isinstance(value, bool) else "i" if isinstance(value, int) else "f"
    came = "c" if isinstance(value, complex) else came
    rank = _RANK.get(kind, -1)
    # A bool is no number in TensorFlow, and a number is no bool.
    if rank < _RANK[came] or (came == "b") != (kind == "b"):
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}")
    if rank == 1 and not np.iinfo(dtype.np).min <= value <= np.iinfo(dtype.np).max:
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}: it is out of range")
    return value


def _from_sequence(value: Any, dtype: DType | None) -> Any:
    leaf = _first_leaf(value)
    if isinstance(leaf, str | bytes):
        return _strings(_object_array(value), dtype, value)
    try:
        array = np.array(value)
    except ValueError:
        raise ValueError(_RAGGED) from None
    except OverflowError:
        raise ValueError("Can't convert Python sequence with out-of-range integer to Tensor.") from None
    if array.dtype.kind in "OSU":
        raise _unsupported(value)
    if dtype is not None:
        return _sequence_as(array, value, leaf, dtype)
    if isinstance(leaf, np.generic | np.ndarray):
        return array
    if array.size == 0 or array.dtype.kind == "f":
        return array.astype(_FLOAT32)
    if array.dtype == _INT64 and (array.min() >= -(2**31) and array.max() < 2**31):
        return array.astype(_INT32)
    return array


def _sequence_as(array: np.ndarray, value: Any, leaf: Any, dtype: DType) -> np.ndarray:
    kind = array.dtype.kind
    if array.size and not isinstance(leaf, np.generic | np.ndarray):
        if _RANK.get(dtype.np.kind, -1) < _RANK[kind] or (kind == "b") != (dtype.np.kind == "b"):
            raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}")
        if kind in "iu" and dtype.is_integer and (array.min() < dtype.min or array.max() > dtype.max):
            raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}: it is out of range")
    if dtype.np == _OBJECT:
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype string")
    return array.astype(dtype.np)


def _first_leaf(value: Any) -> Any:
    while isinstance(value, list | tuple) and len(value):
        value = value[0]
    return value


def _unsupported(value: Any) -> ValueError:
    for leaf in _leaves(value):
        if not isinstance(leaf, bool | int | float | complex | np.generic | np.ndarray):
            return ValueError(
                f"Attempt to convert a value ({leaf!r}) with an unsupported type ({type(leaf)}) to a Tensor."
            )
    return ValueError(_RAGGED)


def _leaves(value: Any):
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _object_array(value: Any) -> np.ndarray:
    try:
        return np.array(value, dtype=np.str_ if isinstance(_first_leaf(value), str) else np.bytes_).astype(object)
    except (ValueError, UnicodeError):
        raise ValueError(_RAGGED) from None


def _strings(array: np.ndarray, dtype: DType | None, value: Any) -> np.ndarray:
    if dtype is not None and dtype is not string:
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name}")
    flat = [_bytes(item) for item in array.ravel().tolist()]
    out = np.empty(len(flat), dtype=object)
    out[:] = flat
    return out.reshape(array.shape)


def _bytes(item: Any) -> bytes:
    if isinstance(item, str):
        return item.encode("utf-8")
    if isinstance(item, bytes):
        return item
    raise ValueError(f"Attempt to convert a value ({item!r}) with an unsupported type ({type(item)}) to a Tensor.")

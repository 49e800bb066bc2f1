"""Values of cards shared with other array libraries, without a copy: DLPack and `__cuda_array_interface__`.

DLPack hands over a capsule of Python's with a structure of C; who takes it renames it, and calls its deleter
when he is done. A capsule that nobody took is let go of when the next one is made, not by a destructor, which
may be called while an exception is on its way and would lose it. Both sides order their work by CUDA's
default stream, which a card's own stream keeps step with. Layouts and numbers are those of dlpack.h, version
0.8, which later ones still read.
"""

import ctypes
from ctypes import c_char_p, c_int, c_int32, c_int64, c_uint8, c_uint16, c_uint64, c_void_p, py_object
from dataclasses import dataclass
from math import prod
from sys import getrefcount
from typing import Any

import numpy as np

from nbtape.core.dtype import ALL, bfloat16
from nbtape.core.kernel import late
from nbtape.core.memory import Block, CardArray

CPU, CUDA = 1, 2  # kDLCPU, kDLCUDA
_DEFAULT_STREAMS = (None, 1, -1)  # of which the last says that nothing needs to be in order
_KINDS = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}  # DLDataTypeCode
_BFLOAT = 4
_NAME, _USED = b"dltensor", b"used_dltensor"
_cards, _card = late("nbtape.compile.card.cards:count"), late("nbtape.compile.card.cards:card")


class _Tensor(ctypes.Structure):
    """DLTensor"""

    _fields_ = [
        ("data", c_void_p),
        ("device", c_int32),
        ("number", c_int32),
        ("rank", c_int32),
        ("kind", c_uint8),
        ("bits", c_uint8),
        ("lanes", c_uint16),
        ("shape", ctypes.POINTER(c_int64)),
        ("strides", ctypes.POINTER(c_int64)),
        ("offset", c_uint64),
    ]


_Deleter = ctypes.CFUNCTYPE(None, c_void_p)


class _Managed(ctypes.Structure):
    """DLManagedTensor"""

    _fields_ = [("tensor", _Tensor), ("context", c_void_p), ("deleter", _Deleter)]


def _python(name: str, result: Any, *arguments: Any) -> Any:
    return ctypes.PYFUNCTYPE(result, *arguments)((name, ctypes.pythonapi))


_new = _python("PyCapsule_New", py_object, c_void_p, c_char_p, c_void_p)
_pointer = _python("PyCapsule_GetPointer", c_void_p, py_object, c_char_p)
_is_named = _python("PyCapsule_IsValid", c_int, py_object, c_char_p)
_rename = _python("PyCapsule_SetName", c_int, py_object, c_char_p)


@dataclass(eq=False, slots=True)
class _Loan:
    """What others use of a value: the capsule, what it points to, and what that points to."""

    capsule: Any
    held: tuple


_loan = _Loan(object(), ())
_ALONE = getrefcount(_loan.capsule)  # of a capsule that nobody else has
_lent: dict[int, _Loan] = {}  # by the address of the structure


@_Deleter
def _done(pointer: int) -> None:
    _lent.pop(pointer, None)


def _sweep() -> None:
    """Let go of what nobody took."""
    for pointer, loan in list(_lent.items()):
        if getrefcount(loan.capsule) <= _ALONE and _is_named(loan.capsule, _NAME):
            del _lent[pointer]


def lent(value: CardArray, stream: Any = None) -> Any:
    """A capsule of a value, for work on a CUDA stream, as DLPack numbers them."""
    if stream not in _DEFAULT_STREAMS:
        _card(value.card).wait()
    managed, shape = _Managed(), (c_int64 * value.ndim)(*value.shape)
    strides = (c_int64 * value.ndim)(*[prod(value.shape[i + 1 :]) for i in range(value.ndim)])
    tensor, dtype = managed.tensor, value.dtype
    tensor.data = value.block.address + value.offset if value.size else None
    tensor.device, tensor.number, tensor.rank = CUDA, value.card, value.ndim
    tensor.kind = _BFLOAT if dtype == bfloat16.np else _KINDS[dtype.kind]
    tensor.bits, tensor.lanes = dtype.itemsize * 8, 1
    tensor.shape, tensor.strides = shape, strides
    managed.deleter = _done
    pointer = ctypes.addressof(managed)
    _sweep()
    capsule = _new(pointer, _NAME, None)
    _lent[pointer] = _Loan(capsule, (managed, shape, strides, value))
    return capsule


def is_on_card(source: Any) -> bool:
    """Whether what a capsule holds, or another library's array, is on a card."""
    if hasattr(source, "__dlpack_device__"):
        return source.__dlpack_device__()[0] == CUDA
    if hasattr(source, "__cuda_array_interface__"):
        return True
    return type(source).__name__ == "PyCapsule" and _held(source).tensor.device == CUDA


def shared(source: Any) -> CardArray:
    """The value of a capsule or of another library's array, in the memory of the card where it is.

    Raises BufferError where it cannot be shared.
    """
    if hasattr(source, "__dlpack__"):
        return _borrowed(source.__dlpack__(stream=1))
    return _through_interface(source) if hasattr(source, "__cuda_array_interface__") else _borrowed(source)


def _held(capsule: Any) -> _Managed:
    return _Managed.from_address(_pointer(capsule, _NAME))


def _borrowed(capsule: Any) -> CardArray:
    managed = _held(capsule)
    tensor, pointer = managed.tensor, ctypes.addressof(managed)
    shape = tuple(tensor.shape[: tensor.rank])
    if tensor.strides:
        _check_order(shape, tensor.strides[: tensor.rank])
    dtype = _dtype(tensor)
    _rename(capsule, _USED)

    def free(block: Block) -> None:
        if managed.deleter:
            managed.deleter(pointer)

    bytes = prod(shape) * dtype.itemsize
    return CardArray(shape, dtype, Block(tensor.number, tensor.data or 0, bytes, free), tensor.offset)


def _dtype(tensor: _Tensor) -> np.dtype:
    kinds = {code: kind for kind, code in _KINDS.items()}
    found = [bfloat16] if tensor.kind == _BFLOAT else [d for d in ALL if d.np.kind == kinds.get(tensor.kind)]
    for dtype in found:
        if dtype.np.itemsize * 8 == tensor.bits and tensor.lanes == 1:
            return dtype.np
    raise BufferError(f"No tensor has DLPack's type ({tensor.kind}, {tensor.bits}, {tensor.lanes}).")


def _check_order(shape: tuple, strides: Any) -> None:
    """Raise BufferError where elements do not lie in C order."""
    usual = [prod(shape[i + 1 :]) for i in range(len(shape))]
    if 0 not in shape and any(n > 1 and s != u for n, s, u in zip(shape, strides, usual)):
        raise BufferError(
            f"An array of shape {shape} and strides {tuple(strides)} cannot be shared, since its elements "
            "are not in order: make it contiguous in its own library first."
        )


def interface(value: CardArray) -> dict[str, Any]:
    """What `__cuda_array_interface__` says of a value, which others must not write."""
    address = value.block.address + value.offset if value.size else 0
    # PyTorch takes no array that says that it is read-only.
    return {
        "shape": value.shape,
        "typestr": value.dtype.str,
        "data": (address, False),
        "strides": None,
        "version": 3,
        "stream": 1,
    }


def _through_interface(owner: Any) -> CardArray:
    if _cards() != 1:
        raise BufferError(
            f"__cuda_array_interface__ does not say on which of {_cards()} cards a {type(owner).__name__} "
            "is: use its `__dlpack__`."
        )
    told = owner.__cuda_array_interface__
    if told.get("stream") not in (None, 1):
        raise BufferError(
            f"The {type(owner).__name__} may still be written, on a stream of its own: synchronize that and "
            "use its `__dlpack__`, or make the array on the default stream."
        )
    dtype, shape = np.dtype(told["typestr"]), tuple(told["shape"])
    if told.get("strides") is not None:
        _check_order(shape, [stride // dtype.itemsize for stride in told["strides"]])

    def free(block: Block, owner: Any = owner) -> None:
        """Nothing but to have held `owner` until now."""

    return CardArray(shape, dtype, Block(0, told["data"][0], prod(shape) * dtype.itemsize, free))

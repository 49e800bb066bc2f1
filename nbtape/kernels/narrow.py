"""Floats of 16 bits, which kernels keep in memory only: they compute with them as float32.

The address of such numbers is to Numba a `Narrow`. What is read there is a float32, and what is written there
is rounded to the nearest.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.core.typing.templates import signature
from numba.extending import lower_builtin, register_model, type_callable

from nbtape.kernels.value import Value, dialects, elementwise

_HIGH, _NAN = 0xFFFF0000, 0x7FC00000  # of a float32: what bfloat16 has of it, and NaN


@elementwise
def half(x: Any) -> Any:
    """A float32 rounded to what float16 has, as a float32.

    >>> half(np.float32(0.1))
    np.float32(0.099975586)
    """
    return x.astype(np.float16).astype(np.float32)


@elementwise
def brain(x: Any) -> Any:
    """A float32 rounded to what bfloat16 has, as a float32.

    >>> brain(np.float32(0.1))
    np.float32(0.100097656)
    """
    return _brain_bits(x).view(np.float32)


def _brain_bits(x: Any) -> Any:
    bits = x.view(np.uint32)
    rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    return np.where(x != x, np.uint32(_NAN), rounded & np.uint32(_HIGH))


class Narrow(types.Type):
    """The Numba type of an address of numbers of a dtype, "float16" or "bfloat16"."""

    def __init__(self, dtype: str):
        self.dtype = dtype
        super().__init__(f"Narrow({dtype})")


@register_model(Narrow)
class _NarrowModel(models.PrimitiveModel):
    def __init__(self, manager: Any, pointer: Narrow):
        super().__init__(manager, pointer, ir.IntType(16).as_pointer())


@type_callable(operator.getitem)
def _reading(context: Any) -> Callable:
    written = dialects.get(type(context), signature)
    return lambda x, i: written(types.float32, x, types.int64) if isinstance(x, Narrow) else None


@type_callable(operator.setitem)
def _writing(context: Any) -> Callable:
    written = dialects.get(type(context), signature)
    taken = types.int64, types.float32
    return lambda x, i, value: written(types.none, x, *taken) if isinstance(x, Narrow) else None


@lower_builtin(operator.getitem, Narrow, types.int64)
def _read(_context: Any, builder: ir.IRBuilder, told: Any, raws: Any) -> Any:
    bits = Value(builder, builder.load(builder.gep(raws[0], [raws[1]])), np.uint16)
    if told.args[0].dtype == "float16":
        return bits.view(np.float16).astype(np.float32).raw
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32).raw


@lower_builtin(operator.setitem, Narrow, types.int64, types.float32)
def _write(_context: Any, builder: ir.IRBuilder, told: Any, raws: Any) -> None:
    x = Value(builder, raws[2], np.float32)
    if told.args[0].dtype == "float16":
        bits = x.astype(np.float16).view(np.uint16)
    else:
        bits = (_brain_bits(x) >> np.uint32(16)).astype(np.uint16)
    builder.store(bits.raw, builder.gep(raws[0], [raws[1]]))

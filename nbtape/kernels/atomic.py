"""Updates of elements that many threads of a card change: each is done as a whole, in an order that is
another one at each run.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature
from numba.extending import lower_builtin, type_callable
from numba.np.numpy_support import as_dtype

from nbtape.kernels.value import Value, dialects

_NVIDIA = "llvm.nvvm.atomic.load.add.f{0}.p0f{0}"  # what NVIDIA's compiler calls its addition of floats


def _atomic(ufunc: np.ufunc) -> Callable:
    """`function(x, i, value)`, which makes x[i] `ufunc(x[i], value)`, for elements of 4 or 8 bytes."""

    def function(x: Any, i: Any, value: Any) -> None:  # of the simulator, whose threads take turns
        x[i] = ufunc(x[i], value)

    @type_callable(function)
    def typed(context: Any) -> Callable:
        written = dialects.get(type(context), signature)

        def typer(x: Any, i: Any, value: Any) -> Any:
            if not isinstance(x, types.CPointer) or x.dtype.bitwidth not in (32, 64):
                return None
            return written(types.none, x, types.int64, x.dtype)

        typer.__signature__ = inspect.signature(function)  # pyright: ignore[reportFunctionMemberAccess]
        return typer

    @lower_builtin(function, types.CPointer, types.Integer, types.Number)
    def lowered(context: Any, builder: ir.IRBuilder, told: Any, raws: Any) -> Any:
        pointer, index, value = raws
        dtype = as_dtype(told.args[2])
        _update(builder, ufunc, builder.gep(pointer, [index]), Value(builder, value, dtype))
        return context.get_dummy_value()

    return function


def _update(builder: ir.IRBuilder, ufunc: np.ufunc, place: Any, value: Value) -> None:
    if ufunc is np.subtract:
        ufunc, value = np.add, np.negative(value)
    if ufunc is np.add and value.dtype.kind == "f":
        kind = ir.FunctionType(value.raw.type, [place.type, value.raw.type])
        name = _NVIDIA.format(8 * value.dtype.itemsize)
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [place, value.raw])
    elif ufunc is np.add:
        builder.atomic_rmw("add", place, value.raw, "monotonic")
    else:
        _exchange(builder, ufunc, place, value)


def _exchange(builder: ir.IRBuilder, ufunc: np.ufunc, place: Any, value: Value) -> None:
    """Work the new element out until nobody has changed the old one meanwhile."""
    bits = ir.IntType(8 * value.dtype.itemsize)
    place = builder.bitcast(place, bits.as_pointer())
    before, first = builder.block, builder.load(place)
    again, after = builder.append_basic_block("again"), builder.append_basic_block("after")
    builder.branch(again)
    builder.position_at_end(again)
    old = builder.phi(bits)
    old.add_incoming(first, before)
    element = Value(builder, builder.bitcast(old, value.raw.type), value.dtype)
    new: Any = ufunc(element, value)
    found = builder.cmpxchg(place, old, builder.bitcast(new.raw, bits), "monotonic")
    old.add_incoming(builder.extract_value(found, 0), builder.block)
    builder.cbranch(builder.extract_value(found, 1), after, again)
    builder.position_at_end(after)


atomic_add, atomic_sub = _atomic(np.add), _atomic(np.subtract)
atomic_mul, atomic_div = _atomic(np.multiply), _atomic(np.divide)
atomic_max, atomic_min = _atomic(np.maximum), _atomic(np.minimum)

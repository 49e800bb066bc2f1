"""What a kernel needs to run other kernels: calls of machine code by its address."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_WORD = ir.IntType(64)


@intrinsic
def call(typing: Any, function: Any, words: Any) -> Any:
    """Run the entry at address `function` on the argument words at address `words`; nonzero says to stop."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        entry = ir.FunctionType(_WORD, [_WORD]).as_pointer()
        return builder.call(builder.inttoptr(args[0], entry), [args[1]])

    return types.int64(types.int64, types.int64), build


@intrinsic
def at(typing: Any, address: Any) -> Any:
    """The words at an address, `int64*`."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], _WORD.as_pointer())

    return types.CPointer(types.int64)(types.int64), build


@intrinsic
def copy(typing: Any, target: Any, source: Any, count: Any) -> Any:
    """Copy `count` bytes from one address to another that lies apart from it."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        target, source = (builder.inttoptr(arg, byte) for arg in args[:2])
        cgutils.raw_memcpy(builder, target, source, args[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), build

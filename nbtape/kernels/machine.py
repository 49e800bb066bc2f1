"""What the kernels that steer other kernels need: memory and functions by their addresses."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_WORD, _BYTE = ir.IntType(64), ir.IntType(8)
_POINTER = _BYTE.as_pointer()


def _pointer(builder: Any, address: Any, to: Any = _BYTE) -> Any:
    return builder.inttoptr(address, to.as_pointer())


@intrinsic
def at(typing: Any, address: Any) -> Any:
    """The words at an address, `int64*`."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _pointer(builder, args[0], _WORD)

    return types.CPointer(types.int64)(types.int64), build


@intrinsic
def floats(typing: Any, address: Any) -> Any:
    """The numbers at an address, `float32*`."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _pointer(builder, args[0], ir.FloatType())

    return types.CPointer(types.float32)(types.int64), build


@intrinsic
def pointer(typing: Any, address: Any) -> Any:
    """An address as Numba's `carray` takes it."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _pointer(builder, args[0])

    return types.voidptr(types.int64), build


@intrinsic
def byte(typing: Any, address: Any) -> Any:
    """The byte at an address, 0 to 255."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.zext(builder.load(_pointer(builder, args[0])), _WORD)

    return types.int64(types.int64), build


@intrinsic
def copy(typing: Any, target: Any, source: Any, count: Any) -> Any:
    """Copy `count` bytes from one address to another; the two do not overlap."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, source = (_pointer(builder, arg) for arg in args[:2])
        cgutils.raw_memcpy(builder, target, source, args[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), build


@intrinsic
def call(typing: Any, function: Any, words: Any) -> Any:
    """Run the entry at an address with the words at another. A result other than 0 says to stop."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        entry = ir.FunctionType(_WORD, [_WORD])
        return builder.call(_pointer(builder, args[0], entry), [args[1]])

    return types.int64(types.int64, types.int64), build


@intrinsic
def tell(typing: Any, function: Any, number: Any) -> Any:
    """Call a function of C, `void function(int)`."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = ir.FunctionType(ir.VoidType(), [ir.IntType(32)])
        builder.call(_pointer(builder, args[0], function), [builder.trunc(args[1], ir.IntType(32))])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), build


def _gemm(real: Any) -> Callable[..., Any]:
    """CBLAS's product of row-major matrices, with integers of 64 bits: c = a @ b + beta * c."""
    # order, transpose a, transpose b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc
    kinds = (
        [ir.IntType(32)] * 3 + [_WORD] * 3 + [real, _POINTER, _WORD, _POINTER, _WORD, real, _POINTER, _WORD]
    )

    def gemm(typing, function, ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc):
        def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            values = [kinds[0](101), *args[1:6], real(1), *args[6:]]
            for k, kind in enumerate(kinds):
                if values[k].type == kind:
                    continue
                if kind == _POINTER:
                    values[k] = _pointer(builder, values[k])
                else:
                    change = builder.sitofp if kind == real else builder.trunc
                    values[k] = change(values[k], kind)
            builder.call(_pointer(builder, args[0], ir.FunctionType(ir.VoidType(), kinds)), values)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 13), build

    return intrinsic(gemm)


sgemm, dgemm = _gemm(ir.FloatType()), _gemm(ir.DoubleType())

"""Products of matrices by cuBLAS, where it is installed.

BLAS has its matrices column by column: what lies here in rows is to it transposed, and so is the product, for
which the operands change places. Halves are summed up in float32. Products of float32 are exact to it, unless
`tf.config.experimental.enable_tensor_float_32_execution` allows tensor cores to round their factors.
"""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_int, c_longlong, c_void_p
from functools import cache
from math import prod
from typing import Any

from nbtape.compile.card import cards
from nbtape.compile.card.actions import Gemm
from nbtape.compile.card.libraries import library
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.multiply import apart
from nbtape.compile.planning.products import matrix
from nbtape.compile.settings import Settings
from nbtape.core.errors import InternalError

_LARGE = 1 << 28  # operations from which on a call of a library is not slower than a kernel among others
_KINDS = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}  # cudaDataType_t
_EXACT, _DOUBLE, _ROUNDED = 68, 70, 77  # CUBLAS_COMPUTE_32F, _64F and _32F_FAST_TF32
_DEFAULT = -1  # CUBLAS_GEMM_DEFAULT
_WIDE_SUMS = 16  # CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION, which is for halves
_OPERAND = c_void_p, c_int, c_int, c_longlong  # address, type, and how far apart rows and matrices are
_SIGNATURES: dict[str, tuple] = {
    "cublasCreate_v2": (POINTER(c_void_p),),
    "cublasSetStream_v2": (c_void_p, c_void_p),
    "cublasSetMathMode": (c_void_p, c_int),
    "cublasGemmStridedBatchedEx": (
        *(c_void_p, c_int, c_int, c_int, c_int, c_int, c_void_p),
        *(*_OPERAND, *_OPERAND, c_void_p, *_OPERAND, c_int, c_int, c_int),
    ),
}


@cache
def _blas() -> Any:
    """The library, its functions with the types of their arguments; None where there is none."""
    found = None if cards.SIMULATED else library("cublas")
    return found and typed(found)


def typed(found: Any) -> Any:
    """A library whose functions know their arguments, and raise what cuBLAS reports."""
    for name, types in _SIGNATURES.items():
        function = getattr(found, name)
        function.argtypes, function.restype, function.errcheck = types, c_int, _checked
    return found


def _checked(result: int, function: Any, arguments: tuple) -> None:
    if result:
        raise InternalError(None, None, f"cuBLAS reports error {result} from {function.__name__}.")


@cache
def _handle(card: Any) -> c_void_p:
    """What cuBLAS keeps for a card, of which it uses the one stream."""
    handle = c_void_p()
    card.enter()
    _blas().cublasCreate_v2(byref(handle))
    _blas().cublasSetStream_v2(handle, card.stream)
    _blas().cublasSetMathMode(handle, _WIDE_SUMS)
    return handle


def takes(a: Layout, b: Layout, y: Layout) -> bool:
    """Whether cuBLAS is to make `y` the product of `a` and `b`."""
    if str(y.buffer.dtype) not in _KINDS or 2 * prod(y.shape) * a.shape[-1] < _LARGE or _blas() is None:
        return False
    found = [matrix(x) for x in (a, b, y)]
    sizes = [*y.shape, a.shape[-1], *[lead for _, lead in filter(None, found)]]
    return all(found) and not found[2][0] and max(sizes) < 1 << 31  # type: ignore[index]


def multiplying(host: Any, action: Gemm) -> Callable[[list], None]:
    """What makes a product, as the arrays of a call lie."""
    a, b, y = action.a, action.b, action.y
    (m, n), k, count, dtype = y.shape[-2:], a.shape[-1], prod(y.shape[:-2]), str(y.buffer.dtype)
    multiply, handle, kind = _blas().cublasGemmStridedBatchedEx, _handle(host.card), _KINDS[dtype]
    number = ctypes.c_double if dtype == "float64" else ctypes.c_float
    one, nothing = number(1), number(0)
    (turned_a, row_a), (turned_b, row_b), (_, row_y) = [matrix(x) for x in (a, b, y)]  # type: ignore[misc]
    told = [(kind, row, apart(x)) for x, row in ((a, row_a), (b, row_b), (y, row_y))]
    places = [host.place(x) for x in (a, b, y)]

    def run(arrays: list) -> None:
        p, q, r = [arrays[k].block.address + arrays[k].offset + offset for k, offset in places]
        multiply(
            *(handle, int(turned_b), int(turned_a), n, m, k, byref(one), q, *told[1], p, *told[0]),
            *(byref(nothing), r, *told[2], count, _computed(dtype), _DEFAULT),
        )

    return run


def _computed(dtype: str) -> int:
    """What cuBLAS computes with."""
    if dtype == "float64":
        return _DOUBLE
    return _ROUNDED if dtype == "float32" and Settings.tensor_float_32 else _EXACT

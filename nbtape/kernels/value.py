"""NumPy code as LLVM IR: how the functions of `math.py` are compiled.

An elementary function is written once, as NumPy code without branches. `elementwise` makes it a function of
numbers and arrays, and has Numba compile it by calling it with `Value`s, which answer NumPy's operators and
ufuncs by writing instructions. So there is nothing to infer and nothing to inline, which would take longer
than all the rest of a small kernel, and loops over it vectorise.

Each floating-point operation carries its own fast-math flag, `contract` alone, which Numba leaves as it is. A
kernel may be compiled with `reassoc`, `arcp` and `nsz`, and no range reduction in here loses its last bits.
`nnan` and `ninf` it must not have.
"""

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import signature
from numba.extending import lower_builtin, type_callable
from numba.np.numpy_support import as_dtype, from_dtype

_BOOL = np.dtype(np.bool_)
# What LLVM has for a ufunc: comparisons, instructions, and for floats functions
_COMPARISONS: dict[Any, str] = {
    np.less: "<",
    np.less_equal: "<=",
    np.greater: ">",
    np.greater_equal: ">=",
    np.equal: "==",
    np.not_equal: "!=",
}
_FLOAT: dict[Any, str] = {
    np.add: "fadd",
    np.subtract: "fsub",
    np.multiply: "fmul",
    np.divide: "fdiv",
    np.fmod: "frem",
    np.negative: "fneg",
}
_FLOAT_FUNCTIONS: dict[Any, str] = {
    np.absolute: "fabs",
    np.ceil: "ceil",
    np.copysign: "copysign",
    np.floor: "floor",
    np.maximum: "maximum",
    np.minimum: "minimum",
    np.rint: "rint",
    np.sqrt: "sqrt",
    np.trunc: "trunc",
}
_UNSIGNED: dict[Any, str] = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.negative: "neg",
    np.bitwise_and: "and_",
    np.bitwise_or: "or_",
    np.bitwise_xor: "xor",
    np.invert: "not_",
    np.left_shift: "shl",
    np.right_shift: "lshr",
}
_SIGNED = {**_UNSIGNED, np.right_shift: "ashr"}


class Value(np.lib.mixins.NDArrayOperatorsMixin):
    """A number that a kernel will compute: an LLVM value, its NumPy dtype, and the builder that goes on."""

    def __init__(self, builder: ir.IRBuilder, raw: Any, dtype: Any):
        self.builder, self.raw, self.dtype = builder, raw, np.dtype(dtype)

    def view(self, dtype: Any) -> Any:
        """The same bits as a dtype of the same size."""
        return Value(self.builder, self.builder.bitcast(self.raw, _llvm(np.dtype(dtype))), dtype)

    def astype(self, dtype: Any) -> Any:
        """The number, converted."""
        dtype = np.dtype(dtype)
        if dtype == self.dtype:
            return self
        if dtype == _BOOL:
            return self != 0
        convert = getattr(self.builder, _conversion(self.dtype, dtype))
        return Value(self.builder, convert(self.raw, _llvm(dtype)), dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *xs: Any, **options: Any) -> Any:
        values = self._alike(xs)
        build, dtype, raws = self.builder, values[0].dtype, [x.raw for x in values]
        if ufunc in _COMPARISONS:
            return Value(build, _compared(build, _COMPARISONS[ufunc], dtype, raws), _BOOL)
        if dtype.kind != "f":
            if ufunc in _COMPOSED:
                return _COMPOSED[ufunc](*values)
            name = (_SIGNED if dtype.kind == "i" else _UNSIGNED)[ufunc]
            return Value(build, getattr(build, name)(*raws), dtype)
        if ufunc is np.negative and _is_nvidia(build):
            return Value(build, build.fsub(ir.Constant(raws[0].type, -0.0), raws[0]), dtype)
        if ufunc in _FLOAT:
            return Value(build, getattr(build, _FLOAT[ufunc])(*raws, flags=("contract",)), dtype)
        return self._called(_FLOAT_FUNCTIONS[ufunc], values)

    def __array_function__(self, function: Any, _types: Any, xs: Any, options: Any) -> Any:
        if function is not np.where:
            return NotImplemented
        condition, *xs = xs
        a, b = self._alike(xs)
        return Value(self.builder, self.builder.select(condition.raw, a.raw, b.raw), a.dtype)

    def fma(self, b: Any, c: Any) -> Any:
        """self * b + c, rounded once."""
        return self._called("fma", self._alike([self, b, c]))

    def _called(self, name: str, values: "list[Value]") -> Any:
        module, kind = self.builder.module, values[0].raw.type
        if not _is_nvidia(self.builder):
            function = module.declare_intrinsic(f"llvm.{name}", [kind], _taking(values))
        elif name in _BY_COMPARISON:  # NVIDIA's own lose NaNs
            return _BY_COMPARISON[name](*values)
        else:
            name = f"__nv_{name}{'f' if kind == ir.FloatType() else ''}"
            function = module.globals.get(name) or ir.Function(module, _taking(values), name)
        return Value(self.builder, self.builder.call(function, [x.raw for x in values]), values[0].dtype)

    def _alike(self, xs: Any) -> "list[Value]":
        """`xs` in the dtype of those that have one; Python's numbers have none."""
        dtype = next(x.dtype for x in xs if isinstance(x, Value | np.generic | np.ndarray))
        return [x.astype(dtype) if isinstance(x, Value) else self._constant(x, dtype) for x in xs]

    def _constant(self, x: Any, dtype: np.dtype) -> "Value":
        return Value(self.builder, ir.Constant(_llvm(dtype), dtype.type(x).item()), dtype)


def _is_nvidia(builder: ir.IRBuilder) -> bool:
    """Whether this is for NVIDIA's compiler, which knows an older LLVM, and has functions of its own."""
    return builder.module.triple.startswith("nvptx")


def _llvm(dtype: np.dtype) -> ir.Type:
    if dtype.kind == "f":
        return {2: ir.HalfType, 4: ir.FloatType, 8: ir.DoubleType}[dtype.itemsize]()
    return ir.IntType(1 if dtype.kind == "b" else 8 * dtype.itemsize)


def _taking(values: list[Value]) -> ir.FunctionType:
    return ir.FunctionType(values[0].raw.type, [x.raw.type for x in values])


def _conversion(source: np.dtype, target: np.dtype) -> str:
    """The builder's method that converts a number."""
    if source.kind == "f":
        if target.kind == "f":
            return "fpext" if target.itemsize > source.itemsize else "fptrunc"
        return "fptosi" if target.kind == "i" else "fptoui"
    if target.kind == "f":
        return "sitofp" if source.kind == "i" else "uitofp"
    if target.itemsize == source.itemsize:
        return "bitcast" if source.kind != "b" else "zext"
    return "trunc" if target.itemsize < source.itemsize else "sext" if source.kind == "i" else "zext"


def _compared(build: ir.IRBuilder, sign: str, dtype: np.dtype, raws: list) -> Any:
    if dtype.kind == "f":
        return (build.fcmp_unordered if sign == "!=" else build.fcmp_ordered)(sign, *raws)
    return (build.icmp_signed if dtype.kind == "i" else build.icmp_unsigned)(sign, *raws)


def _larger(a: Any, b: Any) -> Any:
    return np.where(a > b, a, b)


def _smaller(a: Any, b: Any) -> Any:
    return np.where(a < b, a, b)


def _floor_quotient(a: Any, b: Any) -> Any:
    """The floor of a / b, 0 for b = 0; on that, and on least / -1, the machine's division traps."""
    one = b.dtype.type(1)
    if a.dtype.kind == "u":
        return np.where(b == 0, b, _quotient(a, np.where(b == 0, one, b)))
    minus = b == -1
    safe = np.where((b == 0) | minus, one, b)
    q = _quotient(a, safe)
    q = np.where((q * safe != a) & ((a ^ safe) < 0), q - 1, q)
    return np.where(b == 0, b, np.where(minus, -a, q))


def _quotient(a: Any, b: Any) -> Any:
    divide = a.builder.udiv if a.dtype.kind == "u" else a.builder.sdiv
    return Value(a.builder, divide(a.raw, b.raw), a.dtype)


# What NVIDIA's compiler has no function for
_BY_COMPARISON: dict[str, Callable] = {
    "maximum": lambda a, b: np.where((a > b) | (a != a), a, b),
    "minimum": lambda a, b: np.where((a < b) | (a != a), a, b),
}
# What the machine has no instruction for, for integers
_COMPOSED: dict[Any, Callable] = {
    np.maximum: _larger,
    np.minimum: _smaller,
    np.floor_divide: _floor_quotient,
}


# How targets of Numba that have their own signatures write one, by the type of their typing context
dialects: dict[type, Callable] = {}


def elementwise(f: Callable) -> Callable:
    """Make `f`, NumPy code, a function of numbers and arrays that Numba compiles too.

    Operands are brought to one dtype, bools excepted: floats win over integers, then the narrower wins. The
    operands of an op have one dtype, and what else comes is a Python number, which must not widen them.
    """

    @wraps(f)
    def function(*xs: Any) -> Any:
        if any(isinstance(x, Value) for x in xs):
            return f(*xs)
        arrays = [np.asarray(x) for x in xs]
        dtypes = _common(*[x.dtype for x in arrays])
        with np.errstate(all="ignore"):
            return np.asarray(f(*[x.astype(dtype) for x, dtype in zip(arrays, dtypes)]))[()]

    @cache
    def result(*dtypes: np.dtype) -> np.dtype:
        return function(*[np.ones((), dtype) for dtype in dtypes]).dtype

    @type_callable(function)
    def typed(context: Any) -> Callable:
        written = dialects.get(type(context), signature)

        def typer(*kinds: Any) -> Any:
            if not all(isinstance(kind, types.Float | types.Integer | types.Boolean) for kind in kinds):
                return None
            dtypes = _common(*[as_dtype(types.unliteral(kind)) for kind in kinds])
            if np.dtype(np.float16) in dtypes:
                return None
            return written(from_dtype(result(*dtypes)), *[from_dtype(dtype) for dtype in dtypes])

        typer.__signature__ = inspect.signature(f)  # pyright: ignore[reportFunctionMemberAccess]
        return typer

    @lower_builtin(function, types.VarArg(types.Any))
    def lowered(_context: Any, builder: ir.IRBuilder, told: Any, raws: Any) -> Any:
        return f(*[Value(builder, raw, as_dtype(kind)) for raw, kind in zip(raws, told.args)]).raw

    return function


def either(condition: Any, then: Callable[[], Any], other: Callable[[], Any]) -> Any:
    """`then()` where the condition holds, else `other()`; of numbers in a kernel only one is worked out.

    Loops over a branch do not vectorise: it is for numbers of which the next waits for the one before.
    """
    if not isinstance(condition, Value):
        return np.where(condition, then(), other())
    build, ends = condition.builder, []
    with build.if_else(condition.raw, likely=True) as (holding, failing):
        for branch, make in ((holding, then), (failing, other)):
            with branch:
                ends.append((make(), build.block))
    y = build.phi(ends[0][0].raw.type)
    for value, block in ends:
        y.add_incoming(value.raw, block)
    return Value(build, y, ends[0][0].dtype)


def _common(*dtypes: np.dtype) -> list[np.dtype]:
    """The dtypes that operands of these are brought to."""
    numbers = [dtype for dtype in dtypes if dtype.kind != "b"]
    floats = [dtype for dtype in numbers if dtype.kind not in "iu"]
    common = min(floats or numbers, key=lambda dtype: dtype.itemsize, default=_BOOL)
    return [dtype if dtype.kind == "b" else common for dtype in dtypes]

"""The functions of nbtape/kernels/math.py, compiled: accurate and vectorised; and the rows' texts."""

import ctypes
import os
import re
import subprocess
import sys
import zlib
from functools import cache

import numpy as np
import pytest
from numba import njit, typeof
from scipy import special

from nbtape.compile.code.native import addresses
from nbtape.compile.cpu import FASTMATH
from nbtape.core.engine import o
from nbtape.core.kernel import Scalar
from nbtape.core.shape import Spec
from nbtape.kernels import lone, math
from nbtape.ops.row import UNCHECKED

FLOATS = [np.float32, np.float64]
WIDE = np.longdouble
WIDER = np.finfo(WIDE).nmant > np.finfo(np.float64).nmant


@cache
def loop(function):
    """`function`, over arrays, compiled."""
    if function.__wrapped__.__code__.co_argcount == 1:

        def unary(x, y):
            for i in range(len(x)):
                y[i] = function(x[i])

        return njit(error_model="numpy", fastmath=set(FASTMATH))(unary)

    def binary(a, b, y):
        for i in range(len(a)):
            y[i] = function(a[i], b[i])

    return njit(error_model="numpy", fastmath=set(FASTMATH))(binary)


def called(function, *xs, dtype=None):
    y = np.empty(xs[0].shape, dtype or xs[0].dtype)
    loop(function)(*xs, y)
    return y


def ulps(y, wanted):
    """The largest error in units in the last place; inf where one is nan or infinite and the other is not."""
    with np.errstate(all="ignore"):
        near = wanted.astype(y.dtype)
        error = np.abs(y.astype(WIDE) - wanted) / np.spacing(np.abs(near)).astype(WIDE)
    limit = (np.abs(y) == np.finfo(y.dtype).max) & (np.abs(near) == np.inf)  # rounded up, and down
    same = (y == near) | (np.isnan(y) & np.isnan(near)) | limit
    finite = np.isfinite(near) & np.isfinite(y)
    return float(np.max(np.where(finite, error, np.where(same, 0, np.inf))))


def spread(dtype, name):
    """Floats of every size, and more of the usual ones."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    whole = np.dtype(f"u{np.dtype(dtype).itemsize}")
    patterns = rng.integers(0, np.iinfo(whole).max, 30_000, dtype=whole, endpoint=True).view(dtype)
    usual = [rng.uniform(-size, size, 20_000).astype(dtype) for size in (1e-3, 0.6, 1, 1.6, 4, 20, 100, 800)]
    return np.concatenate([patterns, *usual, edges(dtype)])


def edges(dtype):
    form = np.finfo(dtype)
    some = [
        0.0,
        0.5,
        1,
        2,
        3,
        form.smallest_subnormal,
        form.tiny,
        form.eps,
        2**form.nmant + 1,
        form.max,
        np.inf,
    ]
    return np.array([*some, *[-x for x in some], np.nan], dtype)


def sigmoid(x):
    return np.where(x < 0, np.exp(x), 1) / (1 + np.exp(-np.abs(x)))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


# name: reference, and the largest error allowed, in units in the last place
UNARY = {
    "exp": (np.exp, 1.1),
    "expm1": (np.expm1, 1.9),
    "log": (np.log, 0.9),
    "log1p": (np.log1p, 1.5),
    "sin": (np.sin, 1.6),
    "cos": (np.cos, 1.6),
    "tan": (np.tan, 2.2),
    "asin": (np.arcsin, 2.2),
    "acos": (np.arccos, 1.3),
    "atan": (np.arctan, 2),
    "sinh": (np.sinh, 1.8),
    "cosh": (np.cosh, 1.6),
    "tanh": (np.tanh, 2.4),
    "asinh": (np.arcsinh, 2),
    "acosh": (np.arccosh, 2.2),
    "atanh": (np.arctanh, 1.8),
    "sigmoid": (sigmoid, 2.4),
    "softplus": (softplus, 1.9),
    "log_sigmoid": (lambda x: -softplus(-x), 1.9),
    "sqrt": (np.sqrt, 0.5),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1.5),
    "reciprocal": (lambda x: 1 / x, 0.5),
}
BINARY = {
    "pow": (np.power, 1.6),
    "atan2": (np.arctan2, 2.2),
}
WIDEST_ANGLE = 2.0**50


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", UNARY)
def test_functions_are_accurate_everywhere(name, dtype):
    reference, bound = UNARY[name]
    x = spread(dtype, name)
    if name in ("sin", "cos", "tan"):
        x = x[~(np.abs(x) >= WIDEST_ANGLE) | np.isinf(x)]
    y = called(getattr(math, name), x)
    with np.errstate(all="ignore"):
        assert ulps(y, reference(x.astype(WIDE))) <= bound + (0 if WIDER or dtype == np.float32 else 1)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", lone.__all__)
def test_the_shorter_way_of_a_lone_number_gives_the_same_bits(name, dtype):
    x = np.concatenate([np.linspace(-2, 2, 10_001, dtype=dtype), spread(dtype, name)])
    found, wanted = called(getattr(lone, name), x), called(getattr(math, name), x)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_are_accurate_everywhere(name, dtype):
    reference, bound = BINARY[name]
    rng = np.random.default_rng(0)
    near = rng.uniform(0.5, 2, 50_000).astype(dtype), rng.uniform(-100, 100, 50_000).astype(dtype)
    some = rng.permutation(spread(dtype, "a")), rng.permutation(spread(dtype, "b"))
    corners = np.meshgrid(edges(dtype), edges(dtype))
    for a, b in (near, some, [c.ravel() for c in corners]):
        y = called(getattr(math, name), a, b)
        with np.errstate(all="ignore"):
            wanted = reference(a.astype(WIDE), b.astype(WIDE))
        assert ulps(y, wanted) <= bound + (0 if WIDER or dtype == np.float32 else 1)
        known = ~np.isnan(wanted)
        np.testing.assert_array_equal(np.signbit(y[known]), np.signbit(wanted[known]))


# to 20 digits: x, erf(x), erfc(x), erfcx(x)
ERROR_FUNCTIONS = """
0.0078125 0.00881528289517918871278 0.991184717104820811287 0.991245216065164883505
0.09375 0.105476443781779587731 0.894523556218220412269 0.902420231012486982527
0.25 0.276326390168236932985 0.723673609831763067015 0.770346547730996743917
0.5 0.520499877813046537683 0.479500122186953462317 0.615690344192925874871
0.75 0.711155633653515131599 0.288844366346484868401 0.506937650293144805791
0.96875 0.82931915059331512739 0.17068084940668487261 0.436274659245789673461
1.0625 0.867058269434952755384 0.132941730565047244616 0.411092054444830484302
1.5 0.966105146475310727067 0.033894853524689272933 0.321585416454317502354
2.25 0.998537283413318848302 0.00146271658668115169791 0.231087258730391869957
3.125 0.999990103265374754381 0.00000989673462524561946863 0.172444352102173607861
4.5 0.999999999803383955846 1.96616044154288747628e-10 0.122484804273841417549
6.75 0.999999999999999999999 1.34876788936113005122e-21 0.0826950567750530595268
8.5 1.0 2.76232407133377144613e-33 0.0659251224999803517408
-0.4375 -0.463898135749932973019 1.46389813574993297302 1.77270935221369890319
-0.90625 -0.800027894164232983762 1.80002789416423298376 4.09223478912530354215
-1.75 -0.986671671219182443772 1.98667167121918244377 42.4769132835092505447
-2.5 -0.99959304798255504106 1.99959304798255504106 1035.8148429726229083
"""


@pytest.mark.parametrize("dtype, bound", [(np.float32, 2), (np.float64, 3.5)])
def test_error_functions_are_accurate(dtype, bound):
    x, *wanted = np.array([[WIDE(v) for v in line.split()] for line in ERROR_FUNCTIONS.split("\n")[1:-1]]).T
    for name, values in zip(["erf", "erfc", "erfcx"], wanted):
        assert ulps(called(getattr(math, name), x.astype(dtype)), values) <= bound


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["erf", "erfc", "erfcx"])
def test_error_functions_agree_with_scipy(name, dtype):
    x = np.concatenate([np.linspace(-4, 8, 20_000), edges(np.float32)]).astype(dtype)
    with np.errstate(all="ignore"):
        wanted = getattr(special, name)(x.astype(np.float64)).astype(dtype)
    np.testing.assert_allclose(called(getattr(math, name), x), wanted, rtol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", "exp expm1 log1p sin tan asin atan sinh tanh asinh atanh erf".split())
def test_odd_functions_keep_the_sign_of_zero(name):
    y = called(getattr(math, name), np.array([0.0, -0.0]))
    np.testing.assert_array_equal(np.signbit(y), [False, name != "exp"])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", [*UNARY, *BINARY, "erf", "erfc", "maximum", "rint", "floor"])
def test_loops_are_vectorised(name, dtype):
    function = getattr(math, name)
    xs = [np.ones(8, dtype)] * function.__wrapped__.__code__.co_argcount
    compiled = loop(function)
    y = np.empty(8, dtype)
    compiled(*xs, y)
    text = compiled.inspect_llvm(tuple(typeof(x) for x in [*xs, y]))
    assert re.search(r"store <\d+ x (float|double|i32|i64)>", text)


@pytest.mark.parametrize("dtype", FLOATS)
def test_python_calls_give_what_compiled_ones_give(dtype):
    x = np.linspace(0.1, 0.9, 50, dtype=dtype)
    for name in UNARY.keys() - {"acosh"}:
        function = getattr(math, name)
        y = called(function, x)
        np.testing.assert_allclose(function(x), y, rtol=4 * np.finfo(dtype).eps)
        assert type(function(x[0])) is dtype and type(function(float(x[0]))) is np.float64


def test_python_numbers_do_not_widen():
    @njit
    def results(x, n):
        return math.maximum(x, 0), math.where(x > 0, 2.0, x), math.pow(x, 2), math.floordiv(n, 2)

    values = results(np.float32(3), np.int32(7))
    assert values == (3, 2, 9, 3)
    assert str(results.nopython_signatures[0].return_type) == "Tuple(float32, float32, float32, int32)"
    plain = (
        math.maximum(np.float32(3), 0),
        math.where(True, 2.0, np.float32(3)),
        math.floordiv(np.int32(7), 2),
    )
    assert [type(x) for x in plain] == [np.float32, np.float32, np.int32]


@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_wins_a_maximum(dtype):
    a, b = (grid.ravel() for grid in np.meshgrid(edges(dtype), edges(dtype)))
    np.testing.assert_array_equal(called(math.maximum, a, b), np.maximum(a, b))
    np.testing.assert_array_equal(called(math.minimum, a, b), np.minimum(a, b))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_integers_divided_by_0_give_0_and_nothing_traps(dtype):
    form = np.iinfo(dtype)
    a = np.array([7, 0, form.max, form.min, form.min, 5], dtype)
    b = np.array([0, 0, 0, form.max, dtype(0) - dtype(form.min < 0), 2], dtype)
    with np.errstate(all="ignore"):
        q, r = np.floor_divide(a, b), np.remainder(a, b)
        np.testing.assert_array_equal(called(math.floordiv, a, b), q)
        np.testing.assert_array_equal(called(math.floormod, a, b), r)
        np.testing.assert_array_equal(called(math.truncatemod, a, b), np.fmod(a, b))
        np.testing.assert_array_equal(
            called(math.truncatediv, a, b), q + ((q < 0) & (q * b != a)).astype(dtype)
        )


def test_cudas_simulator_runs_them():
    subprocess.run(
        [sys.executable, "-c", SIMULATED], env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}, check=True
    )


SIMULATED = """
import numpy as np
from numba import cuda
from nbtape.kernels.math import exp, maximum, pow, tanh, where

@cuda.jit
def kernel(x, y):
    i = cuda.grid(1)
    y[i] = where(x[i] > 0, exp(x[i]), tanh(x[i])) + pow(x[i], 2) + maximum(x[i], 0)

x = np.linspace(-2, 2, 16).astype(np.float32)
y = np.zeros_like(x)
kernel[1, 16](x, y)
wanted = np.where(x > 0, np.exp(x), np.tanh(x)) + x**2 + np.maximum(x, 0)
np.testing.assert_allclose(y, wanted, rtol=1e-6)
"""

TEXTS = {op.name: op for op in o if isinstance(op.kernel, Scalar)}
BOOLS_AT = {"where": {0}, "masked": {1}, "dropout": {1}}
ELSEWHERE = {
    "cast",
    "cast_like",
    "bias_add",
}  # conversions, which are emitted by dtype, and `add` under another name
COMPLEX = {"add", "sub", "mul", "equal", "not_equal", "conj", "real", "imag", "angle"}
DTYPES = ["float32", "float64", "int32", "int64", "uint8", "bool", "complex64"]


def takes(op, kind):
    """Whether kernels compute the row for this kind of numbers."""
    if op.name in ELSEWHERE or kind == "c" and op.name not in COMPLEX:
        return False
    if op.kinds == UNCHECKED:
        return (
            kind == "f" or kind in "iu" and op.name in ("where", "div") or kind == "b" and op.name == "where"
        )
    return kind in op.kinds


def arguments(op, dtype):
    """An array for each place in the row's text, of values that `eager` takes."""
    rng = np.random.default_rng(zlib.crc32(op.name.encode()))
    places = max(int(n) for n in re.findall(r"{(\d)}", op.kernel.text)) + 1
    bools = BOOLS_AT.get(op.name, set())
    return [drawn(rng, np.dtype(np.bool_) if at in bools else dtype) for at in range(places)]


def drawn(rng, dtype, size=64):
    if dtype.kind in "iu":  # no zeros, which integers are not divided by, and no negative powers
        return rng.integers(1, 7, size).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, size).astype(dtype)
    special = rng.choice([0.0, -0.0, 1, np.inf, -np.inf, np.nan], 12 if dtype.kind == "f" else 0)
    values = np.concatenate([rng.uniform(-3, 3, size - len(special)), special])
    return (values + 1j * values[::-1] if dtype.kind == "c" else values).astype(dtype)


def batches(dtype, size=10):
    """Rows and their arguments, a few at a time: they are compiled together."""
    rows = [(op, arguments(op, dtype)) for op in TEXTS.values() if takes(op, dtype.kind)]
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def emitted(rows, ys):
    """A kernel with a loop for each row: its text, converted to the row's dtype by the assignment."""
    taken, lines, names = [], [], set()
    for n, ((op, args), y) in enumerate(zip(rows, ys)):
        text = op.kernel.text.format(*[f"x{n}_{at}[i]" for at in range(len(args))])
        taken += [f'x{n}_{at}: "{x.dtype}*"' for at, x in enumerate(args)] + [f'y{n}: "{y.dtype}*"']
        lines += [f"    for i in range({len(y)}):", f"        y{n}[i] = {text}"]
        names |= {name for name in re.findall(r"\b([a-z]\w*)\(", text) if hasattr(math, name)}
    head = [f"from nbtape.kernels.math import {name}" for name in sorted(names)]
    return "\n".join([*head, f"def kernel({', '.join(taken)}):", *lines, ""])


def run(text, arrays):
    """Run a kernel that takes nothing but arrays."""
    (address,) = addresses([text])
    words = np.array([x.ctypes.data for x in arrays], np.uint64)
    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(address)(words.ctypes.data) == 0


@pytest.mark.parametrize("dtype, batch", [(d, n) for d in DTYPES for n in range(len(batches(np.dtype(d))))])
def test_texts_of_rows_agree_with_eager(dtype, batch):
    rows = batches(np.dtype(dtype))[batch]
    specs = [op.infer(*[Spec(x.shape, x.dtype) for x in args]) for op, args in rows]
    ys = tuple(np.empty(spec.shape, spec.dtype) for spec in specs)
    run(emitted(rows, ys), [x for (_, args), y in zip(rows, ys) for x in (*args, y)])
    for (op, args), y in zip(rows, ys):
        with np.errstate(all="ignore"):
            wanted = op.eager(*args)
        assert y.dtype == wanted.dtype
        close = (
            {"rtol": 16 * np.finfo(y.dtype).eps, "atol": np.finfo(y.dtype).eps}
            if y.dtype.kind in "fc"
            else {"rtol": 0}
        )
        np.testing.assert_allclose(y, wanted, **close, err_msg=op.name)


def test_texts_use_no_other_names():
    known = {"abs", "complex", *vars(math)}
    for op in TEXTS.values():
        used = set(re.findall(r"(?<![.\w])([a-z]\w*)\(", op.kernel.text))
        assert used <= known and "math." not in op.kernel.text, op.name

"""NumPy's functions on Tensors and Variables give what NumPy gives, and stay differentiable."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.core import context
from nbtape.core.shape import Spec
from nbtape.graph.trace import FunctionGraph

A = np.array([[1.5, -2.0, 0.25], [0.5, 3.0, -1.0]])
B = np.array([0.7, 1.2, 2.0])
POSITIVE = np.abs(A) + 0.1
SQUARE = np.array([[3.0, 0.5, 0.1], [0.5, 2.0, 0.3], [0.1, 0.3, 1.0]])

ONE = {
    "abs": np.abs,
    "negative": np.negative,
    "sign": np.sign,
    "exp": np.exp,
    "expm1": np.expm1,
    "tanh": np.tanh,
    "sin": np.sin,
    "arctan": np.arctan,
    "sinh": np.sinh,
    "square": np.square,
    "exp2": np.exp2,
    "floor": np.floor,
    "deg2rad": np.deg2rad,
    "degrees": np.degrees,
    "conj": np.conj,
    "positive": np.positive,
    "sinc": np.sinc,
    "trunc": np.trunc,
    "rint": np.rint,
    "isnan": np.isnan,
    "logical_not": np.logical_not,
    "real": np.real,
    "add one": lambda x: np.add(x, 1),
    "two minus": lambda x: np.subtract(2.0, x),
    "power": lambda x: np.power(x, 2),
    "remainder": lambda x: np.remainder(x, 1.7),
    "floor_divide": lambda x: np.floor_divide(x, 0.7),
    "array plus": lambda x: B + x,
    "times array": lambda x: x * B,
    "array over": lambda x: B / x,
    "scalar times": lambda x: np.float64(2) * x,
    "array less": lambda x: B < x,
    "array equal": lambda x: B == x,
    "maximum": lambda x: np.maximum(x, B),
    "fmin": lambda x: np.fmin(x, 0.0),
    "hypot": lambda x: np.hypot(x, B),
    "arctan2": lambda x: np.arctan2(x, B),
    "logaddexp": lambda x: np.logaddexp(x, B),
    "copysign": lambda x: np.copysign(x, [1, -1, 1]),
    "divmod": lambda x: np.divmod(x, 0.7)[1],
    "sum": np.sum,
    "sum axis": lambda x: np.sum(x, axis=0),
    "sum axes": lambda x: np.sum(x, (0, 1), keepdims=True),
    "sum float32": lambda x: np.sum(x, dtype=np.float32),
    "prod": lambda x: np.prod(x, 1),
    "mean": np.mean,
    "max": lambda x: np.max(x, axis=-1),
    "min": np.min,
    "ptp": lambda x: np.ptp(x, axis=0),
    "std": np.std,
    "var": lambda x: np.var(x, axis=1),
    "var ddof": lambda x: np.var(x, axis=1, ddof=1),
    "all": np.all,
    "any": lambda x: np.any(x > 2, axis=0),
    "average": lambda x: np.average(x, 1),
    "argmax": np.argmax,
    "weights": lambda x: np.average(x, weights=POSITIVE),
    "argmin": lambda x: np.argmin(x, axis=1),
    "cumsum": np.cumsum,
    "cumprod": lambda x: np.cumprod(x, axis=1),
    "sort": lambda x: np.sort(x, axis=0),
    "argsort": np.argsort,
    "median sort": lambda x: np.sort(x, axis=None)[2:4],
    "reduce": np.add.reduce,
    "reduce max": lambda x: np.maximum.reduce(x, axis=1),
    "outer": lambda x: np.multiply.outer(x, B),
    "accumulate": lambda x: np.add.accumulate(x, axis=1),
    "reduce keepdims": lambda x: np.add.reduce(x, 1, keepdims=True),
    "reshape": lambda x: np.reshape(x, (3, -1)),
    "ravel": np.ravel,
    "transpose": np.transpose,
    "squeeze": lambda x: np.squeeze(x[:1]),
    "transpose axes": lambda x: np.transpose(x, (1, 0)),
    "swapaxes": lambda x: np.swapaxes(x, 0, -1),
    "moveaxis": lambda x: np.moveaxis(x[None], 0, -1),
    "expand_dims": lambda x: np.expand_dims(x, (0, 2)),
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 2, 3)),
    "tile": lambda x: np.tile(x, 2),
    "tile 3": lambda x: np.tile(x, (2, 1, 1)),
    "repeat": lambda x: np.repeat(x, 2, axis=1),
    "repeat flat": lambda x: np.repeat(x, 2),
    "roll": lambda x: np.roll(x, 1),
    "roll axis": lambda x: np.roll(x, 1, axis=1),
    "flip": np.flip,
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "pad": lambda x: np.pad(x, 1),
    "pad reflect": lambda x: np.pad(x, ((0, 0), (1, 1)), mode="reflect"),
    "concatenate": lambda x: np.concatenate([x, A], axis=1),
    "concatenate flat": lambda x: np.concatenate([x, B], axis=None),
    "stack": lambda x: np.stack([x, x], axis=1),
    "vstack": lambda x: np.vstack([x, B]),
    "hstack": lambda x: np.hstack([x, x]),
    "dstack": lambda x: np.dstack([x, x]),
    "column_stack": lambda x: np.column_stack([x[0], B]),
    "append": lambda x: np.append(x, B),
    "split": lambda x: np.split(x, [1], axis=1)[1],
    "split equal": lambda x: np.split(x, 2)[0],
    "where": lambda x: np.where(x > 0, x, 0.0),
    "where numbers": lambda x: np.where(A, x, -x),
    "take": lambda x: np.take(x, [0, -1], axis=1),
    "take flat": lambda x: np.take(x, [0, -1]),
    "meshgrid": lambda x: np.meshgrid(x[0], B)[0],
    "diag": lambda x: np.diag(x[0]),
    "diag part": lambda x: np.diag(x, 1),
    "trace": np.trace,
    "tril": np.tril,
    "triu": lambda x: np.triu(x, 1),
    "diff": np.diff,
    "diff 2": lambda x: np.diff(x, 2),
    "clip": lambda x: np.clip(x, -1.2, 1.2),
    "clip below": lambda x: np.clip(x, 0, None),
    "round": np.round,
    "round 1": lambda x: np.round(x, 1),
    "nan_to_num": np.nan_to_num,
    "dot": lambda x: np.dot(x, B),
    "dot 2": lambda x: np.dot(x, SQUARE),
    "vdot": lambda x: np.vdot(x, A),
    "inner": lambda x: np.inner(x, A),
    "np.outer": lambda x: np.outer(x, B),
    "matmul": lambda x: np.matmul(x, SQUARE),
    "matmul vector": lambda x: np.matmul(x, B),
    "array @": lambda x: A @ np.transpose(x),
    "tensordot": lambda x: np.tensordot(x, A),
    "tensordot axes": lambda x: np.tensordot(x, A, axes=([1], [1])),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, A),
    "cross": lambda x: np.cross(x, B),
    "norm": np.linalg.norm,
    "norm axis": lambda x: np.linalg.norm(x, axis=1),
    "norm 1": lambda x: np.linalg.norm(x, 1, axis=1),
    "norm inf": lambda x: np.linalg.norm(x, np.inf),
    "svdvals": lambda x: np.linalg.svd(x, compute_uv=False),
    "svd": lambda x: np.abs(np.linalg.svd(x, full_matrices=False)[2]),
    "inv": lambda x: np.linalg.inv(SQUARE + np.outer(x[0], x[0])),
    "det": lambda x: np.linalg.det(SQUARE + np.outer(x[0], x[0])),
    "solve": lambda x: np.linalg.solve(SQUARE, np.transpose(x)),
    "solve vector": lambda x: np.linalg.solve(SQUARE, x[0]),
    "slogdet": lambda x: np.linalg.slogdet(SQUARE + np.outer(x[0], x[0]))[1],
    "cholesky": lambda x: np.linalg.cholesky(SQUARE * np.exp(x[0, 0])),
    "eigvalsh": lambda x: np.linalg.eigvalsh(SQUARE * np.exp(x[0, 0])),
    "matrix_power": lambda x: np.linalg.matrix_power(SQUARE * x[0, 0], 3),
    "qr": lambda x: np.abs(np.linalg.qr(np.transpose(x))[1]),
    "pinv": np.linalg.pinv,
    "multi_dot": lambda x: np.linalg.multi_dot([x, SQUARE, B]),
}
ONE_POSITIVE = {
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "reciprocal": np.reciprocal,
    "power array": lambda x: np.power(x, B),
    "float_power": lambda x: np.float_power(x, 1.5),
    "two to the": lambda x: 2.0**x,
}
CASES = [pytest.param(f, A, id=name) for name, f in ONE.items()]
CASES += [pytest.param(f, POSITIVE, id=name) for name, f in ONE_POSITIVE.items()]


@pytest.mark.parametrize("kind", [tf.constant, tf.Variable])
@pytest.mark.parametrize("f, x", CASES)
def test_numpy_on_a_tensor_is_what_numpy_gives_and_a_tensor(f, x, kind):
    got, want = f(kind(x)), f(x)
    assert isinstance(got, tf.Tensor)
    assert got.dtype == want.dtype and tuple(got.shape) == np.shape(want)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-6, atol=1e-9)


# Cases with one of these words have no derivative to check or, as float32, too few digits for differences.
PLAIN = """
floor trunc rint floor_divide round isnan logical_not less equal all any argmax argmin argsort float32
"""
SMOOTH = [c for c in CASES if not set(c.id.split()) & set(PLAIN.split())]


@pytest.mark.parametrize("f, x", SMOOTH)
def test_numpy_on_a_tensor_is_differentiable(f, x):
    y = f(x)
    t = tf.constant(x)
    rng = np.random.default_rng(0)
    w, v = rng.normal(size=np.shape(y)), rng.normal(size=np.shape(x))
    with tf.GradientTape() as tape:
        tape.watch(t)
        loss = tf.reduce_sum(tf.cast(f(t), tf.float64) * w)
    g = tape.gradient(loss, t)
    h = 1e-6
    wanted = (np.sum(w * f(x + h * v)) - np.sum(w * f(x - h * v))) / (2 * h)
    np.testing.assert_allclose(np.sum(g.numpy() * v), wanted, rtol=1e-4, atol=1e-6)


class Left(context.Recorder):
    def __init__(self):
        self.tensors = []

    def left(self, tensor):
        self.tensors.append(tensor)


def test_what_has_no_op_is_left_to_numpy_and_told():
    t, seen = tf.constant([3.0, 1.0]), Left()
    with context.recording((seen,)):
        y = np.convolve(t, [1.0, 1.0])
        np.exp(t)
        np.shape(t), np.zeros_like(t)
    assert type(y) is np.ndarray and y.tolist() == [3, 4, 1]
    assert seen.tensors == [t] or seen.tensors[0] is t and len(seen.tensors) == 1


def test_shapes_are_numpys_own():
    t = tf.constant([[1.0, 2.0]])
    assert (np.shape(t), np.ndim(t), np.size(t)) == ((1, 2), 2, 2)
    zeros = np.zeros_like(t)
    zeros[0, 0] = 1
    assert zeros.dtype == np.float32


def test_integers_follow_numpys_rules_in_functions_and_tensorflows_in_operators():
    t = tf.constant([1, 2])
    assert np.mean(t).numpy() == 1.5
    assert np.exp(t).dtype == tf.float64
    assert (np.array([1, 2], np.int32) + t).dtype == tf.int32
    with pytest.raises(TypeError):
        np.array([0.5, 0.5]) + t


def test_an_array_can_take_a_tensor_in_and_a_tensor_takes_nothing():
    array, t = np.ones(2, np.float32), tf.constant([1.0, 2.0])
    array += t
    assert array.tolist() == [2, 3]
    with pytest.raises(TypeError, match="never changes"):
        np.add(array, 1, out=t)


def test_symbolic_tensors_have_operators_but_no_arrays():
    graph = FunctionGraph()
    x = graph.add_input(Spec((2,), np.dtype(np.float32)), "x")
    with context.recording((), graph):
        y = np.ones(2, np.float32) * x
        assert isinstance(y, tf.Tensor) and y.shape == [2]
        with pytest.raises(NotImplementedError, match="Cannot convert a symbolic tf.Tensor"):
            np.convolve(x, [1.0])


def test_foreign_operands_speak_for_themselves():
    class Foreign:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return "foreign"

    assert np.add(tf.constant(1.0), Foreign()) == "foreign"

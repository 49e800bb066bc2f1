"""The table of gradient conventions: what a gradient is where mathematics leaves a choice (see
nbtape/autodiff/CONVENTIONS.md).
"""

from pathlib import Path

import numpy as np
import pytest

import nbtape as tf

INF, NAN = np.inf, np.nan
log, where = tf.math.log, tf.where

# name, function, inputs, gradient of the sum with respect to each input
CONVENTIONS = [
    ("abs at 0", tf.abs, [[0.0]], [[0.0]]),
    ("relu at 0", tf.nn.relu, [[0.0]], [[0.0]]),
    ("relu6 at 0 and 6", tf.nn.relu6, [[0.0, 6.0]], [[0.0, 0.0]]),
    ("leaky_relu at 0", tf.nn.leaky_relu, [[0.0]], [[0.2]]),
    ("elu at 0", tf.nn.elu, [[0.0]], [[1.0]]),
    ("selu at 0, the slope from the right", tf.nn.selu, [[0.0]], [[1.0507009]]),
    ("maximum: the first takes a tie", tf.maximum, [[1.0], [1.0]], [[1.0], [0.0]]),
    ("minimum: the first takes a tie", tf.minimum, [[1.0], [1.0]], [[1.0], [0.0]]),
    ("reduce_max: ties share", tf.reduce_max, [[3.0, 3.0, 1.0]], [[0.5, 0.5, 0.0]]),
    ("reduce_min: ties share", tf.reduce_min, [[3.0, 3.0, 5.0]], [[0.5, 0.5, 0.0]]),
    ("clip at its bounds", lambda x: tf.clip_by_value(x, -1.0, 1.0), [[-1.0, 1.0]], [[1.0, 1.0]]),
    ("sqrt at 0", tf.sqrt, [[0.0]], [[INF]]),
    ("rsqrt at 0", tf.math.rsqrt, [[0.0]], [[-INF]]),
    ("log at 0", log, [[0.0]], [[INF]]),
    ("asin at 1", tf.asin, [[1.0]], [[INF]]),
    ("x ** 0 at 0", lambda x: x**0, [[0.0]], [[0.0]]),
    ("pow(0, 0)", tf.pow, [[0.0], [0.0]], [[0.0], [0.0]]),
    ("pow(0, 2), pow(-2, 3) by the exponent", lambda y: tf.pow([0.0, -2.0], y), [[2.0, 3.0]], [[0.0, 0.0]]),
    ("xlogy(0, 0)", tf.math.xlogy, [[0.0], [0.0]], [[0.0], [0.0]]),
    ("norm at 0", tf.norm, [[0.0, 0.0]], [[0.0, 0.0]]),
    ("sqrt of a sum of squares at 0", lambda x: tf.sqrt(tf.reduce_sum(x * x)), [[0.0, 0.0]], [[0.0, 0.0]]),
    ("std of equal values", tf.math.reduce_std, [[2.0, 2.0]], [[0.0, 0.0]]),
    ("prod with one zero", tf.reduce_prod, [[0.0, 2.0, 3.0]], [[6.0, 0.0, 0.0]]),
    ("prod with two zeros", tf.reduce_prod, [[0.0, 0.0, 3.0]], [[0.0, 0.0, 0.0]]),
    ("cumprod with a zero", tf.math.cumprod, [[0.0, 2.0, 3.0]], [[9.0, 0.0, 0.0]]),
    ("atan2(0, 0)", tf.atan2, [[0.0], [0.0]], [[0.0], [0.0]]),
    ("hypot(0, 0)", np.hypot, [[0.0], [0.0]], [[0.0], [0.0]]),
    ("logsumexp of -inf", tf.reduce_logsumexp, [[-INF, -INF]], [[0.0, 0.0]]),
    ("logsumexp of inf", tf.reduce_logsumexp, [[INF, 0.0]], [[1.0, 0.0]]),
    ("cumulative_logsumexp from -inf", tf.math.cumulative_logsumexp, [[-INF, 0.0]], [[1.0, 1.0]]),
    ("div_no_nan by 0", tf.math.divide_no_nan, [[1.0], [0.0]], [[0.0], [0.0]]),
    ("sinc at 0", np.sinc, [[0.0]], [[0.0]]),
    ("max_pool: the first takes a tie",
     lambda x: tf.nn.max_pool1d(tf.reshape(x, [1, 2, 1]), 2, 2, "VALID"), [[1.0, 1.0]], [[1.0, 0.0]]),
    ("sort: ties keep order", lambda x: tf.sort(x) * tf.constant([1.0, 10.0]), [[2.0, 2.0]], [[1.0, 10.0]]),
    ("top_k: the first of a tie", lambda x: tf.math.top_k(x, 1)[0], [[2.0, 2.0]], [[1.0, 0.0]]),
    ("where(x > 0, sqrt(x), 0)", lambda x: where(x > 0.0, tf.sqrt(x), 0.0), [[0.0, 4.0]], [[0.0, 0.25]]),
    ("where(x > 0, log(x), 0)", lambda x: where(x > 0.0, log(x), 0.0), [[0.0, 2.0]], [[0.0, 0.5]]),
    ("where(x > 0, 1 / x, 0)", lambda x: where(x > 0.0, 1.0 / x, 0.0), [[0.0, 2.0]], [[0.0, -0.25]]),
    ("where(x > 0, x ** 0.5, 0)", lambda x: where(x > 0.0, x**0.5, 0.0), [[0.0, 4.0]], [[0.0, 0.25]]),
    ("where, exp overflows on the side not taken",
     lambda x: where(x < 0.0, tf.exp(x), 0.0), [[1000.0, -INF]], [[0.0, 0.0]]),
    ("where, acos outside its domain",
     lambda x: where(abs(x) < 1.0, tf.acos(x), 0.0), [[1.0, 0.0]], [[0.0, -1.0]]),
    ("where, log1p at -1", lambda x: where(x > -1.0, tf.math.log1p(x), 0.0), [[-1.0, 0.0]], [[0.0, 1.0]]),
]  # fmt: skip


DOCUMENT = Path(tf.__file__).parent / "autodiff" / "CONVENTIONS.md"


def rendered() -> list[str]:
    """The rows of the documented table."""
    rows = []
    for name, _, inputs, wanted in CONVENTIONS:
        at, gradient = (", ".join(str(list(v)) for v in values) for values in (inputs, wanted))
        rows.append(f"| {name} | {at} | {gradient} |")
    return rows


def test_the_documented_table_is_this_one():
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    assert lines[1:] == rendered()


@pytest.mark.parametrize("f, inputs, wanted", [c[1:] for c in CONVENTIONS], ids=[c[0] for c in CONVENTIONS])
def test_convention(f, inputs, wanted):
    xs = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    for g, want in zip(tape.gradient(y, xs), wanted, strict=True):
        np.testing.assert_allclose(np.asarray(g), np.asarray(want, np.float32), rtol=1e-6)


def test_det_of_a_singular_matrix_has_the_adjugate_as_gradient():
    x = tf.constant([[1.0, 2.0], [2.0, 4.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.linalg.det(x)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)


@pytest.mark.filterwarnings("ignore::nbtape.core.errors.GradientWarning")
def test_eigenvectors_of_equal_eigenvalues_have_gradient_zero():
    x = tf.constant(np.eye(2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.linalg.eigh(x)[1]
    assert np.all(np.asarray(tape.gradient(y, x)) == 0.0)


@pytest.mark.filterwarnings("ignore::nbtape.core.errors.GradientWarning")
def test_rounding_has_no_gradient():
    x = tf.constant([1.5])
    for f in (tf.floor, tf.round, tf.math.ceil):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x)
        assert tape.gradient(y, x) is None

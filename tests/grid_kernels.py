"""Programs for grids of threads whose kernels are written by hand, each a function and its arguments."""

import numpy as np

import nbtape as tf
from nbtape.core.engine import apply, o

_RNG = np.random.default_rng(0)
MANY = _RNG.permutation(45).astype(np.float32)
TIES = _RNG.integers(0, 9, (2, 35)).astype(np.int32)
HOLES = np.where(_RNG.random((2, 20)) < 0.2, np.nan, _RNG.standard_normal((2, 20))).astype(np.float32)
CUBE = _RNG.standard_normal((1, 18, 2))

SORTS = {
    "sort": (lambda x: tf.sort(x), HOLES),
    "sort of many": (lambda x: tf.sort(x, direction="DESCENDING"), MANY),
    "sort along a middle axis": (lambda x: (tf.sort(x, 1), tf.argsort(x, 1)), CUBE),
    "order of equals": (lambda x: (tf.argsort(x), tf.argsort(x, direction="DESCENDING")), TIES),
    "the largest": (lambda x: tf.math.top_k(x, 3), HOLES),
    "the largest of many": (lambda x: tf.math.top_k(x, 5), MANY),
    "the largest half": (lambda x: tf.math.top_k(x, 20), TIES),
}

SCANS = {
    "running sums": (lambda x: tf.cumsum(x), MANY),
    "running sums of columns": (lambda x: tf.cumsum(x, 1, exclusive=True, reverse=True), CUBE),
    "running products": (lambda x: tf.math.cumprod(x, 1, exclusive=True), CUBE),
    "running logsumexp": (lambda x: tf.math.cumulative_logsumexp(x, reverse=True), MANY),
    "running counts": (lambda x: tf.cumsum(x, 1), TIES),
    "recurrence": (
        lambda a, b: apply(o.recurrence, a, b, axis=0, reverse=True),
        *[_RNG.standard_normal(40) for _ in "ab"],
    ),
    "recurrence with an infinite factor": (
        lambda a, b: apply(o.recurrence, a, b, axis=0, reverse=False),
        *[np.where(np.arange(40) == 16, np.inf, 0.5), np.ones(40)],
    ),
}

DRAWS = {
    "numbers of a seed": (
        lambda x, seed: x + tf.random.stateless_uniform([9], seed),
        *[MANY[:9], np.array([3, 7], np.int32)],
    ),
    "wide numbers": (lambda x: x + tf.random.uniform([2, 5], dtype=tf.float64), CUBE[0, :2, :1]),
    "numbers of an op": (lambda x: tf.nn.dropout(x, 0.5, seed=3), MANY),
    "numbers after others": (lambda x: x * tf.random.uniform([5]) + tf.random.uniform([5]), MANY[:5]),
    "classes": (lambda x: tf.random.categorical(x, 4), CUBE[0]),
    "normal numbers": (lambda x: x * tf.random.normal([45]) + tf.random.uniform([45]), MANY),
    "normal numbers of a seed": (
        lambda x, seed: x + tf.random.stateless_normal([2, 9], seed),
        *[MANY[:9], np.array([3, 7], np.int32)],
    ),
}

IDS = _RNG.integers(-1, 3, 45)
_FEW = np.repeat(np.array([2, 0, 2, 3], np.int32), [1, 3, 70, 6])


def _gather_gradient(x, i):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.gather(x, i, axis=1) ** 2
    return tape.gradient(y, x)


def _updated(x, i, u):
    for scatter in (tf.tensor_scatter_nd_update, tf.tensor_scatter_nd_sub, tf.tensor_scatter_nd_max):
        x = scatter(x, i[:, None], u)
    return x


SCATTERS = {
    "sums of segments": (lambda x, i: tf.math.unsorted_segment_sum(x * 2.0, i, 3), MANY, IDS),
    "products of rows": (
        lambda x, i: tf.math.unsorted_segment_prod(x, i, 4),
        *[CUBE[0], IDS[:18].astype(np.int32)],
    ),
    "means of segments": (lambda x, i: tf.math.unsorted_segment_mean(x, i, 4), CUBE[0], IDS[:18]),
    "rows for few places": (_updated, CUBE[0, :5].copy(), _FEW, _RNG.standard_normal((80, 2))),
    "gradient of a gather": (_gather_gradient, CUBE, np.array([1, 0, 1, 17])),
    "rows in a join": (
        lambda x, i: tf.concat([x, tf.scatter_nd(i[:, None], x[:2] * 2.0, [5, 2])], 1),
        *[CUBE[0, :5].copy(), np.array([3, 1])],
    ),
    "small numbers": (lambda x, i: tf.math.unsorted_segment_max(x, i, 5), *[MANY.astype(np.int16), IDS]),
}
SEARCHES = {
    "places of values": (lambda x, v: tf.searchsorted(x, v), np.sort(MANY), MANY[:7] + 0.5),
    "places after values": (
        lambda x, v: tf.searchsorted(x, v, side="right", out_type=tf.int64),
        *[np.sort(TIES), TIES[:, :3].copy()],
    ),
}
SELECTIONS = {
    "where": (lambda x: tf.where(x > 0), CUBE),
    "where nothing is": (lambda x: tf.where(x > 200), MANY),
    "unique": (lambda x: tf.unique_with_counts(x), TIES[0]),
    "unique but nan": (lambda x: tf.unique(x), np.array([3, np.nan, 1, np.nan, 3])),
}
_HALF = _RNG.standard_normal((2, 6, 6))
POSITIVE = _HALF @ _HALF.swapaxes(1, 2) + np.eye(6)
SOLUTIONS = {
    "cholesky": (lambda x: tf.linalg.cholesky(x), POSITIVE),
    "no cholesky": (lambda x: tf.linalg.cholesky(x), (POSITIVE[0] - 9 * np.eye(6)).astype(np.float32)),
    "triangular": (lambda a, b: tf.linalg.triangular_solve(a, b), POSITIVE, _HALF[..., :2].copy()),
    "adjoint triangular": (
        lambda a, b: tf.linalg.triangular_solve(a, b, adjoint=True),
        *[POSITIVE[0], _HALF[..., :2].copy()],
    ),
    "upper triangular": (
        lambda a, b: tf.linalg.triangular_solve(a, b, lower=False),
        *[POSITIVE, _HALF[:1, :, :3].copy()],
    ),
}

KERNELS = {**SORTS, **SCANS, **DRAWS, **SCATTERS, **SEARCHES, **SELECTIONS, **SOLUTIONS}

# Those that have, together, each of the texts.
TEXTS = (
    "sort along a middle axis",
    "the largest of many",
    "running sums of columns",
    "running logsumexp",
    "recurrence",
    "wide numbers",
    "normal numbers of a seed",
    "means of segments",
    "gradient of a gather",
    "places after values",
    "where",
    "unique",
    "cholesky",
    "upper triangular",
)

"""Programs for grids of threads, and how tests run them on the simulator of cards."""

import numpy as np

import nbtape as tf
from nbtape.compile.card import plan as card
from nbtape.compile.card.host import CardHost
from nbtape.graph.passes import optimise
from nbtape.graph.program import program_of

_RNG = np.random.default_rng(0)
ROWS, TABLE, WEIGHTS, LINE, LONG = (
    _RNG.standard_normal(shape).astype(np.float32) for shape in [(5, 37), (4, 37), 37, 301, 20_000]
)
CUBE = LONG[:180].reshape(5, 6, 6)
IDS = np.array([1, 2, 0, 1, 2], np.int32)
_LOGITS = tf.nn.sparse_softmax_cross_entropy_with_logits


def _normalised(x):
    centred = x - tf.reduce_mean(x, 1, keepdims=True)
    return centred * tf.math.rsqrt(tf.math.reduce_variance(x, 1, keepdims=True) + 1e-3)


def _gradient(x, w, i):
    with tf.GradientTape() as tape:
        tape.watch(w)
        logits = tf.nn.relu(tf.matmul(x, w, transpose_b=True)) @ w[:, :4]
        loss = tf.reduce_mean(_LOGITS(i, logits))
    return loss, tape.gradient(loss, w)


def _halved(x):
    return tf.while_loop(lambda x: tf.reduce_sum(tf.abs(x)) > 1.0, lambda x: (x * 0.5 + 0.001,), (x,))


# Each a function and its arguments.
PROGRAMS = {
    "pointwise": (lambda x, w: tf.tanh(x * w) + 1.0, ROWS, WEIGHTS),
    "one loop": (lambda x: tf.exp(x) * x, LINE),
    "number": (lambda x: tf.sin(x) * x, np.float32(2.0)),
    "nothing": (lambda x: (tf.reduce_sum(x, 1), x + 1.0), np.zeros((3, 0), np.float32)),
    "all folded": (lambda x: (tf.reduce_sum(x), tf.reduce_max(x)), LINE),
    "rows folded": (lambda x: tf.reduce_sum(x * 2.0, 1), ROWS),
    "columns folded": (lambda x: tf.reduce_min(x, 0), ROWS),
    "folded every way": (lambda x: (tf.reduce_sum(x), tf.reduce_max(x, 1), tf.reduce_mean(x, 0)), ROWS),
    "outer and inner axes folded": (lambda x: tf.reduce_sum(tf.tanh(x), [0, 2]), CUBE),
    "middle axis folded": (lambda x: tf.reduce_prod(x, 1), CUBE),
    "truths": (lambda x: (tf.reduce_any(x > 2.0), tf.reduce_all(x < 2.0, 1)), ROWS),
    "many numbers": (lambda x: tf.reduce_sum(x), LONG),
    "long rows": (lambda x: tf.reduce_sum(x, 1), LONG.reshape(2, -1)),
    "long columns": (lambda x: tf.reduce_sum(x, 0), LONG.reshape(-1, 2)),
    "softmax": (tf.nn.softmax, ROWS),
    "softmax of one row": (tf.nn.softmax, LINE),
    "cross-entropy": (lambda x, i: tf.reduce_mean(_LOGITS(i, x)), ROWS, IDS),
    "normalised rows": (_normalised, ROWS),
    "views": (lambda x: tf.reduce_sum(tf.transpose(x)[::-1] * 2.0, 0), ROWS),
    "join": (lambda x, w: tf.concat([x, x * w], 0), ROWS, WEIGHTS),
    "gather": (lambda t, i: tf.gather(t, i) * 2.0, TABLE, IDS),
    "products": (lambda x, t: (x @ tf.transpose(t), tf.matmul(t, x[:4], transpose_a=True)), ROWS, TABLE),
    "products of many": (lambda x: tf.matmul(x, x, transpose_b=True) @ x, CUBE),
    "products with one": (lambda x, w: tf.matmul(x, w), CUBE, LONG[:42].reshape(6, 7)),
    "gradient": (_gradient, ROWS, TABLE, IDS),
    "loop": (_halved, ROWS),
    "loop of numbers": (lambda x: tf.while_loop(lambda y: y < 9.0, lambda y: (y * y + 1.0,), (x[0],)), LINE),
    "branch": (lambda x: tf.cond(tf.reduce_sum(x) > 0.0, lambda: x * 2.0, lambda: tf.exp(x)), ROWS),
    "random numbers": (lambda x: x + tf.random.stateless_uniform([5, 37], [1, 2]), ROWS),
    "scatter rows": (lambda t, i, x: tf.tensor_scatter_nd_add(t, i[:, None], x), TABLE, IDS, ROWS),
    "scatter numbers": (
        lambda t, i, x: tf.tensor_scatter_nd_add(t, i[:, None], x),
        *[TABLE[:, 0].copy(), IDS, ROWS[:, 0].copy()],
    ),
}


def planned(f, values, lanes=8, most=3):
    """The plan of a function for a grid; raises NotOnDevice."""
    specs = [tf.TensorSpec(x.shape, x.dtype) for x in values]
    graph = tf.function(f, autograph=False).get_concrete_function(*specs).graph
    return card.plan_of(optimise(program_of(graph)), lanes, most)


def simulated(f, values, lanes=8, most=3):
    """What a function gives for arrays, on the simulator."""
    found = CardHost(planned(f, values, lanes, most)).run(values)
    return [np.asarray(y) for y in found]


def narrow(values, dtype):
    """Arrays with their floats in another dtype."""
    return [x.astype(dtype) if x.dtype.kind == "f" else x for x in values]


def eager(f, values):
    """What a function gives for arrays, op by op, as a list."""
    with np.errstate(all="ignore"):
        found = f(*[tf.constant(x) for x in values])
    return [y.numpy() for y in (found if isinstance(found, tuple | list) else [found])]

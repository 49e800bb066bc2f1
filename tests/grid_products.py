"""Programs for grids of threads with products, convolutions and pools, each a function and its arguments."""

import numpy as np

import nbtape as tf
from nbtape.core.engine import apply, o

_RNG = np.random.default_rng(0)


def _drawn(*shape):
    return _RNG.standard_normal(shape).astype(np.float32)


def _with_gradients(f):
    """What `f` gives, and the gradients of a sum of it in all that it takes."""

    def run(*xs):
        with tf.GradientTape() as tape:
            tape.watch(xs)
            y = f(*xs)
            total = tf.reduce_sum(y * np.sin(np.arange(np.prod(y.shape))).reshape(y.shape).astype(np.float32))
        return [y, *tape.gradient(total, xs)]

    return run


IMAGES, DEEP, LINES = _drawn(2, 4, 3, 3), _drawn(1, 3, 3, 2, 2), _drawn(2, 7, 2)
TWO, EACH, PLAIN = _drawn(2, 3, 3, 2), _drawn(2, 2, 3, 2), _drawn(1, 1, 3, 4)

MATRICES = {
    "long sums": (lambda a, b: a @ b, _drawn(2, 530), _drawn(530, 3)),
    "many rows": (lambda a, b: tf.matmul(a, b, transpose_a=True), _drawn(5, 40), _drawn(5, 3)),
    "doubles": (lambda a: tf.matmul(a, a, transpose_b=True), _drawn(3, 5).astype(np.float64)),
    "integers": (lambda a: tf.matmul(a, a), np.arange(-4, 5, dtype=np.int32).reshape(3, 3)),
    "batches of both": (lambda a, b: a @ b, _drawn(2, 1, 2, 3), _drawn(3, 3, 2)),
    "batches inside of others": (lambda a, b: a @ b, _drawn(2, 1, 2, 3), _drawn(1, 3, 3, 2)),
    "both transposed": (
        lambda a, b: tf.matmul(a, b, transpose_a=True, transpose_b=True),
        *[_drawn(2, 3, 4), _drawn(2, 5, 3)],
    ),
}

CONVOLUTIONS = {
    "images": (_with_gradients(lambda x, k: tf.nn.conv2d(x, k, 1, "SAME")), IMAGES, TWO),
    "skipping": (_with_gradients(lambda x, k: tf.nn.conv2d(x, k, 2, "SAME")), IMAGES, TWO),
    "lines with gaps": (
        _with_gradients(lambda x, k: tf.nn.conv1d(x, k, 1, "VALID", dilations=2)),
        *[LINES, _drawn(3, 2, 2)],
    ),
    "volumes": (
        _with_gradients(lambda x, k: tf.nn.conv3d(x, k, [1, 1, 2, 1, 1], "SAME")),
        *[DEEP, _drawn(2, 2, 1, 2, 2)],
    ),
    "windows of one place": (_with_gradients(lambda x, k: tf.nn.conv2d(x, k, 1, "VALID")), IMAGES, PLAIN),
    "groups": (
        _with_gradients(lambda x, k: tf.nn.conv2d(x, k, 1, "SAME")),
        *[_drawn(1, 4, 3, 4), _drawn(2, 2, 2, 6)],
    ),
    "each channel": (
        _with_gradients(lambda x, k: tf.nn.depthwise_conv2d(x, k, [1, 2, 2, 1], "SAME")),
        *[IMAGES, EACH],
    ),
    "each channel of many places": (
        _with_gradients(lambda x, k: tf.nn.depthwise_conv2d(x, k, [1, 1, 1, 1], "VALID")),
        *[_drawn(2, 17, 17, 2), _drawn(1, 1, 2, 1)],
    ),
    "transposed": (
        _with_gradients(lambda x, k: tf.nn.conv2d_transpose(x, k, [2, 5, 3, 2], 2, "SAME")),
        *[_drawn(2, 3, 2, 3), _drawn(3, 3, 2, 3)],
    ),
    "bias and relu": (
        lambda x, k, b: tf.nn.relu(tf.nn.conv2d(x, k, 1, "SAME") + b),
        *[IMAGES, TWO, _drawn(2)],
    ),
}

POOLS = {
    "maxima": (_with_gradients(lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID")), IMAGES),
    "maxima of windows that overlap": (
        _with_gradients(lambda x: tf.nn.max_pool2d(x, 3, 1, "SAME")),
        np.where(IMAGES > 1.5, np.nan, IMAGES),
    ),
    "maxima of integers": (lambda x: tf.nn.max_pool2d(x, 2, 1, "SAME"), (9 * IMAGES).astype(np.int32)),
    "places of maxima": (lambda x: tf.nn.max_pool_with_argmax(x, 2, 2, "SAME"), IMAGES),
    "means": (_with_gradients(lambda x: tf.nn.avg_pool2d(x, [3, 2], [2, 1], "SAME")), IMAGES),
    "means of volumes": (_with_gradients(lambda x: tf.nn.avg_pool3d(x, 2, 1, "VALID")), DEEP),
}

LARGEST, PLACES = (
    y.numpy() for y in apply(o.max_pool, tf.constant(IMAGES), ksize=(2, 2), strides=(1, 1), padding="SAME")
)

# What eager code runs by itself: a pool's places without the pool.
SCATTERED = {
    "numbers at places": (lambda g, i: apply(o.unpool, g, i, shape=IMAGES.shape[1:]), LARGEST, PLACES),
    "elements at places": (lambda x, i: apply(o.unpool_take, x, i), IMAGES, PLACES),
}

PRODUCTS = {**MATRICES, **CONVOLUTIONS, **POOLS, **SCATTERED}

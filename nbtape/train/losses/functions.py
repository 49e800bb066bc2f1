"""Losses as functions: one value an example, the mean or sum over the last axis, as Keras has them."""

import math
from typing import Any

from nbtape.core.dtype import int64
from nbtape.core.engine import o, tensor
from nbtape.ops.arithmetic import cast, softplus
from nbtape.ops.clip import clip_by_value
from nbtape.ops.linalg import matmul
from nbtape.ops.measure import size
from nbtape.ops.norm import l2_normalize
from nbtape.ops.reduce import reduce_logsumexp, reduce_max, reduce_mean, reduce_sum
from nbtape.ops.sequence import range as range_
from nbtape.ops.shape import expand_dims, reshape, transpose
from nbtape.train.losses.reduction import EPSILON, beside


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of (y_true - y_pred)**2.

    >>> tf.keras.losses.mean_squared_error([[0.0, 1.0]], [[1.0, 3.0]]).numpy()
    array([2.5], dtype=float32)
    """
    y_true, y_pred = beside(y_true, y_pred)
    return reduce_mean(o.square(y_true - y_pred), -1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of abs(y_true - y_pred).

    >>> tf.keras.losses.mean_absolute_error([[0.0, 1.0]], [[1.0, 3.0]]).numpy()
    array([1.5], dtype=float32)
    """
    y_true, y_pred = beside(y_true, y_pred)
    return reduce_mean(abs(y_true - y_pred), -1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of 100 * abs((y_true - y_pred) / y_true).

    >>> tf.keras.losses.mean_absolute_percentage_error([[2.0, 4.0]], [[1.0, 3.0]]).numpy()
    array([37.5], dtype=float32)
    """
    y_true, y_pred = beside(y_true, y_pred)
    return 100.0 * reduce_mean(abs(y_true - y_pred) / _at_least(abs(y_true)), -1)


def _at_least(x: Any) -> Any:
    return o.maximum(x, cast(EPSILON, x.dtype))


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of (log(y_true + 1) - log(y_pred + 1))**2, what is negative taken as 0.

    >>> tf.keras.losses.mean_squared_logarithmic_error([[0.0]], [[1.0]]).numpy().round(3)
    array([0.48], dtype=float32)
    """
    y_true, y_pred = beside(y_true, y_pred)
    return reduce_mean(o.square(o.log(_at_least(y_pred) + 1.0) - o.log(_at_least(y_true) + 1.0)), -1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Minus the cosine of the angle between targets and predictions: -1 where they point the same way.

    >>> tf.keras.losses.cosine_similarity([[0.0, 1.0]], [[0.0, 2.0]]).numpy()
    array([-1.], dtype=float32)
    """
    y_true, y_pred = beside(y_true, y_pred)
    return -reduce_sum(l2_normalize(y_true, axis) * l2_normalize(y_pred, axis), axis)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """The mean of half the error's square up to `delta`, and a line from there.

    >>> tf.keras.losses.huber([[0.0, 0.0]], [[1.0, 3.0]]).numpy()
    array([1.5], dtype=float32)
    """
    y_true, y_pred = beside(y_true, y_pred)
    error = abs(y_pred - y_true)
    return reduce_mean(
        o.where(error <= delta, 0.5 * o.square(error), delta * error - 0.5 * delta * delta), -1
    )


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of log(cosh(y_pred - y_true)).

    >>> tf.keras.losses.log_cosh([[0.0]], [[1.0]]).numpy().round(4)
    array([0.4338], dtype=float32)
    """
    y_true, y_pred = beside(y_true, y_pred)
    error = y_pred - y_true
    return reduce_mean(error + softplus(error * -2.0) - math.log(2.0), -1)


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """The sum over the last axis of y_true * log(y_true / y_pred).

    >>> tf.keras.losses.kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).numpy().round(4)
    array([0.1438], dtype=float32)
    """
    y_pred = tensor(y_pred)
    y_true = clip_by_value(cast(y_true, y_pred.dtype), EPSILON, 1.0)
    return reduce_sum(y_true * o.log(y_true / clip_by_value(y_pred, EPSILON, 1.0)), -1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """The mean over the last axis of y_pred - y_true * log(y_pred).

    >>> tf.keras.losses.poisson([[2.0]], [[1.0]]).numpy().round(4)
    array([1.], dtype=float32)
    """
    y_true, y_pred = beside(y_true, y_pred)
    return reduce_mean(y_pred - y_true * o.log(y_pred + EPSILON), -1)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean of max(1 - y_true * y_pred, 0), for targets of -1 and 1, or of 0 and 1.

    >>> tf.keras.losses.hinge([[-1.0, 1.0]], [[0.5, 0.5]]).numpy()
    array([1.], dtype=float32)
    """
    return reduce_mean(_short_of_one(y_true, y_pred), -1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """The mean of max(1 - y_true * y_pred, 0)**2, for targets of -1 and 1, or of 0 and 1.

    >>> tf.keras.losses.squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]]).numpy()
    array([1.25], dtype=float32)
    """
    return reduce_mean(o.square(_short_of_one(y_true, y_pred)), -1)


def _short_of_one(y_true: Any, y_pred: Any) -> Any:
    y_pred = tensor(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    is_binary = o.all(o.logical_or(o.equal(y_true, 0.0), o.equal(y_true, 1.0)), axis=None, keepdims=False)
    y_true = o.where(is_binary, 2.0 * y_true - 1.0, y_true)
    return o.relu(1.0 - y_true * y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """max(1 + the highest prediction for another class - the prediction for the class, 0).

    >>> tf.keras.losses.categorical_hinge([[0.0, 1.0]], [[0.5, 0.75]]).numpy()
    array([0.75], dtype=float32)
    """
    y_pred = tensor(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    mine, others = reduce_sum(y_true * y_pred, -1), reduce_max((1.0 - y_true) * y_pred, -1)
    return o.relu(others - mine + 1.0)


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """1 - 2 * (what targets and predictions share) / (all of both).

    >>> tf.keras.losses.dice([1.0, 0.0], [0.5, 0.5]).numpy().round(4)
    np.float32(0.5)
    """
    y_pred = tensor(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    both = reduce_sum(y_true, axis) + reduce_sum(y_pred, axis)
    return 1.0 - 2.0 * reduce_sum(y_true * y_pred, axis) / (both + EPSILON)


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Any:
    """1 - share / (share + alpha * missed + beta * wrong), Dice's loss with weights.

    >>> tf.keras.losses.tversky([1.0, 0.0], [0.5, 0.5]).numpy().round(4)
    np.float32(0.5)
    """
    y_pred = tensor(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    share = reduce_sum(y_true * y_pred, axis)
    missed, wrong = reduce_sum((1.0 - y_pred) * y_true, axis), reduce_sum(y_pred * (1.0 - y_true), axis)
    return 1.0 - share / (share + missed * alpha + wrong * beta + EPSILON)


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Any:
    """How far embeddings, of length 1, are from being nearer to all of their class than to any other.

    They are compared with each other, or with `ref_embeddings` of classes `ref_labels`; with itself none is,
    unless `remove_diagonal` is False. What is near enough does not count in the mean of the losses.

    >>> tf.keras.losses.circle([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], gamma=1.0).numpy().round(4)
    array([0.5629, 0.7339, 0.    ], dtype=float32)
    """
    y_pred = tensor(y_pred)
    y_true = reshape(cast(y_true, int64), [-1, 1])
    labels = y_true if ref_labels is None else reshape(cast(ref_labels, int64), [-1, 1])
    others = y_pred if ref_embeddings is None else cast(ref_embeddings, y_pred.dtype)
    far = o.maximum(1.0 - matmul(y_pred, others, transpose_b=True), cast(0, y_pred.dtype))
    alike = o.equal(y_true, transpose(labels))
    unlike = o.logical_not(alike)
    if remove_diagonal:
        rows, columns = range_(size(y_true)), range_(size(labels))
        alike = o.logical_and(alike, o.not_equal(expand_dims(rows, 1), expand_dims(columns, 0)))
    least = cast(-math.inf, y_pred.dtype)
    near = -gamma * (margin + far) * (margin - far)
    apart = gamma * o.relu(1.0 + margin - far) * (1.0 - margin - far)
    near, apart = (
        reduce_logsumexp(o.where(mask, x, least), 1) for mask, x in ((alike, near), (unlike, apart))
    )
    loss = softplus(near + apart)
    loss._keras_mask = loss > 0.0
    return loss

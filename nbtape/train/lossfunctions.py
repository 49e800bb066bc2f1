"""Losses as functions: one value an example, the mean or sum over the last axis, as Keras has them."""

import math
from typing import Any

from nbtape.core.dtype import int64
from nbtape.core.engine import o, tensor
from nbtape.ops.arithmetic import cast, divide_no_nan, softplus
from nbtape.ops.clip import clip_by_value
from nbtape.ops.crossentropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from nbtape.ops.norm import l2_normalize
from nbtape.ops.reduce import reduce_max, reduce_mean, reduce_sum
from nbtape.ops.shape import expand_dims, squeeze
from nbtape.ops.softmax import softmax

EPSILON = 1e-7  # what probabilities and divisors are kept away from 0 by


def same_rank(a: Any, b: Any, expand: bool = True) -> tuple[Any, Any]:
    """Two tensors, one of which may have a last axis of size 1 more than the other.

    That axis is taken off, unless the other has one dimension only, and is given one (if `expand`).
    """
    ranks = a.shape.rank, b.shape.rank
    if None in ranks or abs(ranks[0] - ranks[1]) != 1:
        return a, b
    if ranks[0] < ranks[1]:
        return same_rank(b, a, expand)[::-1]
    if a.shape[-1] != 1:
        return a, b
    return (a, expand_dims(b, -1)) if ranks[1] == 1 and expand else (squeeze(a, -1), b)


def beside(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets in the dtype and rank of the predictions, and these."""
    y_pred = tensor(y_pred)
    return same_rank(cast(y_true, y_pred.dtype), y_pred)


def _shares(y: Any, axis: Any = None) -> Any:
    """Probabilities, kept away from 0 and 1, and made to add up to 1 along `axis` before, if there is one."""
    if axis is not None:
        y = y / reduce_sum(y, axis, True)
    return clip_by_value(y, EPSILON, 1.0 - EPSILON)


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


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """The mean cross-entropy of probabilities, or of logits if `from_logits`, with targets of 0 and 1.

    >>> tf.keras.losses.binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
    array([0.6931], dtype=float32)
    """
    y_pred = tensor(y_pred)
    y_true = _smoothed(cast(y_true, y_pred.dtype), label_smoothing, 2)
    return reduce_mean(_binary(y_true, y_pred, from_logits), axis)


def _binary(y_true: Any, y_pred: Any, from_logits: bool) -> Any:
    if not y_true.shape.is_compatible_with(y_pred.shape):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. Received: "
            f"target.shape={y_true.shape}, output.shape={y_pred.shape}"
        )
    if from_logits:
        return sigmoid_cross_entropy_with_logits(y_true, y_pred)
    p = _shares(y_pred)
    return -(y_true * o.log(p) + (1.0 - y_true) * o.log(1.0 - p))


def _smoothed(y_true: Any, smoothing: float, classes: Any) -> Any:
    return y_true * (1.0 - smoothing) + smoothing / classes if smoothing else y_true


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Binary cross-entropy times (1 - p)**gamma, for `p` the probability of what is true.

    With `apply_class_balancing` ones weigh `alpha` and zeros 1 - alpha.

    >>> tf.keras.losses.binary_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
    array([0.1733], dtype=float32)
    """
    y_pred = tensor(y_pred)
    y_true = _smoothed(cast(y_true, y_pred.dtype), label_smoothing, 2)
    y_pred = o.sigmoid(y_pred) if from_logits else y_pred
    p = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    loss = (1.0 - p) ** gamma * _binary(y_true, y_pred, False)
    if apply_class_balancing:
        loss = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * loss
    return reduce_mean(loss, axis)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Cross-entropy of probabilities, or of logits if `from_logits`, with targets that are distributions.

    Probabilities are made to add up to 1.

    >>> tf.keras.losses.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
    array([0.6931], dtype=float32)
    """
    y_true, y_pred = _categorical(y_true, y_pred, label_smoothing)
    if from_logits:
        return softmax_cross_entropy_with_logits(y_true, y_pred, axis)
    return -reduce_sum(y_true * o.log(_shares(y_pred, axis)), axis)


def _categorical(y_true: Any, y_pred: Any, smoothing: float) -> tuple[Any, Any]:
    y_pred = tensor(y_pred)
    y_true = cast(y_true, y_pred.dtype)
    if not y_true.shape.is_compatible_with(y_pred.shape):
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. Received: "
            f"target.shape={y_true.shape}, output.shape={y_pred.shape}\n"
            "For targets that are numbers of classes write sparse_categorical_crossentropy."
        )
    return _smoothed(y_true, smoothing, y_pred.shape[-1]), y_pred


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Categorical cross-entropy with each class's term times alpha * (1 - y_pred)**gamma.

    >>> tf.keras.losses.categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).numpy().round(4)
    array([0.0433], dtype=float32)
    """
    y_true, y_pred = _categorical(y_true, y_pred, label_smoothing)
    p = _shares(softmax(y_pred, axis) if from_logits else y_pred, axis)
    return reduce_sum(alpha * (1.0 - p) ** gamma * -y_true * o.log(p), axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """Cross-entropy of probabilities, or logits if `from_logits`, with targets that are numbers of classes.

    Examples of the class `ignore_class` have a loss of 0.

    >>> tf.keras.losses.sparse_categorical_crossentropy([1], [[0.5, 0.5]]).numpy().round(4)
    array([0.6931], dtype=float32)
    """
    y_pred, y_true = tensor(y_pred), cast(y_true, int64)
    if axis not in (-1, y_pred.shape.rank - 1):
        raise ValueError(f"Only axis=-1 is currently supported. Received: axis={axis}")
    if y_true.shape.rank == y_pred.shape.rank and y_true.shape[-1] == 1:
        y_true = squeeze(y_true, -1)
    logits = y_pred if from_logits else o.log(_shares(y_pred))
    if ignore_class is None:
        return sparse_softmax_cross_entropy_with_logits(y_true, logits)
    counts = o.not_equal(y_true, cast(ignore_class, int64))
    loss = sparse_softmax_cross_entropy_with_logits(o.where(counts, y_true, cast(0, int64)), logits)
    return o.where(counts, loss, cast(0.0, loss.dtype))


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


def reduced(values: Any, weights: Any = None, reduction: str | None = "sum_over_batch_size") -> Any:
    """Losses times `weights`, brought to one number as `reduction` says."""
    if weights is not None:
        values, weights = same_rank(values, cast(weights, values.dtype))
        values = values * weights
    if reduction in (None, "none"):
        return values
    total = reduce_sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        return divide_no_nan(total, reduce_sum(weights))
    return reduce_mean(values) if values.shape.num_elements() != 0 else values

"""Cross-entropies as functions: one value an example, as Keras has them."""

from typing import Any

from nbtape.core.dtype import int64
from nbtape.core.engine import o, tensor
from nbtape.ops.arithmetic import cast
from nbtape.ops.clip import clip_by_value
from nbtape.ops.crossentropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from nbtape.ops.reduce import reduce_mean, reduce_sum
from nbtape.ops.sequence import one_hot
from nbtape.ops.shape import squeeze
from nbtape.ops.softmax import softmax
from nbtape.train.losses.reduction import EPSILON


def _shares(y: Any, axis: Any = None) -> Any:
    """Probabilities, kept away from 0 and 1, and made to add up to 1 along `axis` before, if there is one."""
    if axis is not None:
        y = y / reduce_sum(y, axis, True)
    return clip_by_value(y, EPSILON, 1.0 - EPSILON)


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

    Examples of the class `ignore_class` have a loss of 0, and do not count in the mean of losses.

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
    loss = o.where(counts, loss, cast(0.0, loss.dtype))
    loss._keras_mask = counts
    return loss


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """(1 - p**q) / q for the probability `p` of the class whose number is the target, with 0 < q < 1.

    Between the cross-entropy (q near 0) and the absolute error (q near 1), which minds wrong labels less.

    >>> loss = tf.keras.losses.categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5)
    >>> loss.numpy()
    array([1.], dtype=float32)
    """
    y_pred, y_true = tensor(y_pred), cast(y_true, int64)
    p = reduce_sum(y_pred * one_hot(y_true, y_pred.shape[-1], dtype=y_pred.dtype), -1)
    return (1.0 - p**q) / q

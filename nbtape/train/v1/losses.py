"""Losses of TensorFlow 1: each is weighed, put in a collection of the graph, and returned."""

from collections.abc import Sequence
from typing import Any

from nbtape.core import context
from nbtape.core.dtype import float32
from nbtape.core.engine import apply, o, tensor
from nbtape.core.shape import TensorShape
from nbtape.ops.arithmetic import add_n, cast, divide_no_nan
from nbtape.ops.create import constant
from nbtape.ops.crossentropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from nbtape.ops.functions import abs, log, maximum, minimum, multiply, not_equal, square, squared_difference
from nbtape.ops.measure import shape, size
from nbtape.ops.reduce import reduce_sum
from nbtape.ops.shape import broadcast_to, squeeze
from nbtape.state.scopes.collection import GraphKeys, add_to_collection, get_collection
from nbtape.state.scopes.scope import name_scope


class Reduction:
    """How the weighed losses of elements become one."""

    NONE = "none"
    SUM = "weighted_sum"
    MEAN = "weighted_mean"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    SUM_BY_NONZERO_WEIGHTS = SUM_OVER_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """All of them."""
        return cls.NONE, cls.SUM, cls.MEAN, cls.SUM_OVER_BATCH_SIZE, cls.SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def validate(cls, key: str) -> None:
        """Raise ValueError for what is none of them."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}. Key should be one of {cls.all()}.")


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """`losses` times `weights`, reduced; appended to the collection `loss_collection`.

    `weights` is one number, or has the rank of the losses with sizes that are theirs or 1; by default the sum
    is divided by how many weights are not 0. Raises ValueError for other shapes and reductions.

    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    ...     sess.run(tf.compat.v1.losses.compute_weighted_loss([1.0, 2.0], [3.0, 0.0]))
    np.float32(3.0)
    """
    Reduction.validate(reduction)
    with name_scope(scope or "weighted_loss"):
        losses = tensor(losses)
        kind = losses.dtype
        losses, weights = cast(losses, float32), cast(tensor(weights), float32)
        _check_weights(losses.shape, weights.shape)
        loss = multiply(losses, weights)
        if reduction != Reduction.NONE:
            loss = reduce_sum(loss)
            if reduction != Reduction.SUM:
                loss = divide_no_nan(loss, _count(losses, weights, reduction), name="value")
        loss = loss if kind is float32 else cast(loss, kind)
        _collect(loss, loss_collection)
        return loss


def _count(losses: Any, weights: Any, reduction: str) -> Any:
    """What the sum is divided by."""
    if reduction == Reduction.MEAN:
        return reduce_sum(broadcast_to(weights, losses.shape))
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        return cast(size(losses), float32)
    present = cast(not_equal(weights, 0.0), float32)
    return reduce_sum(multiply(present, apply(o.ones_like, losses)))


def _check_weights(values: TensorShape, weights: TensorShape) -> None:
    if weights.rank in (None, 0) or values.rank is None:
        return
    fits = weights.rank == values.rank and all(
        w in (1, None) or v is None or w == v for w, v in zip(weights, values)
    )
    if not fits:
        raise ValueError(
            f"weights can not be broadcast to values. values.rank={values.rank}. "
            f"weights.rank={weights.rank}. values.shape={values}. weights.shape={weights}."
        )


def _collect(loss: Any, collection: str | None) -> None:
    if collection and context.local.graph is not None:
        add_to_collection(collection, loss)


def _both(labels: Any, predictions: Any, first: str = "labels", second: str = "predictions") -> tuple:
    """Labels and predictions as float32, of one shape."""
    for name, value in ((first, labels), (second, predictions)):
        if value is None:
            raise ValueError(f"Argument `{name}` must not be None.")
    predictions, labels = cast(tensor(predictions), float32), cast(tensor(labels), float32)
    if not predictions.shape.is_compatible_with(labels.shape):
        raise ValueError(f"Shapes {predictions.shape} and {labels.shape} are incompatible")
    return labels, predictions


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """The distances of predictions from labels."""
    with name_scope(scope or "absolute_difference") as own:
        y, p = _both(labels, predictions)
        return compute_weighted_loss(abs(p - y), weights, own, loss_collection, reduction)


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """The squared distances of predictions from labels.

    >>> float(tf.compat.v1.losses.mean_squared_error([1.0, 2.0], [2.0, 4.0]))
    2.5
    """
    with name_scope(scope or "mean_squared_error") as own:
        y, p = _both(labels, predictions)
        return compute_weighted_loss(squared_difference(p, y), weights, own, loss_collection, reduction)


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """Half the squared distances up to `delta`, and linear beyond."""
    with name_scope(scope or "huber_loss") as own:
        y, p = _both(labels, predictions)
        error = abs(p - y)
        near = minimum(error, delta)
        return compute_weighted_loss(
            square(near) * 0.5 + (error - near) * delta, weights, own, loss_collection, reduction
        )


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """The cross entropy of labels and predicted probabilities."""
    with name_scope(scope or "log_loss") as own:
        y, p = _both(labels, predictions)
        losses = -y * log(p + epsilon) - (1 - y) * log(1 - p + epsilon)
        return compute_weighted_loss(losses, weights, own, loss_collection, reduction)


def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """How far logits are from the right side of 1 or -1, for labels of 1 and 0."""
    with name_scope(scope or "hinge_loss") as own:
        y, z = _both(labels, logits, second="logits")
        losses = maximum(1 - (2 * y - 1) * z, 0.0)
        return compute_weighted_loss(losses, weights, own, loss_collection, reduction)


def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: Any = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
    dim: Any = None,
) -> Any:
    """1 less the products of labels and predictions, of unit length each, summed along `axis`."""
    axis = dim if axis is None else axis
    if axis is None:
        raise ValueError("You must specify argument `axis`.")
    with name_scope(scope or "cosine_distance_loss") as own:
        y, p = _both(labels, predictions)
        losses = 1 - reduce_sum(p * y, axis, True)
        return compute_weighted_loss(losses, weights, own, loss_collection, reduction)


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """Cross entropies of labels from 0 to 1, moved towards 0.5 by `label_smoothing`."""
    with name_scope(scope or "sigmoid_cross_entropy_loss") as own:
        y, z = _both(multi_class_labels, logits, "multi_class_labels", "logits")
        if label_smoothing > 0:
            y = y * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = sigmoid_cross_entropy_with_logits(labels=y, logits=z)
        return compute_weighted_loss(losses, weights, own, loss_collection, reduction)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """Cross entropies of distributions, moved towards an even one by `label_smoothing`."""
    with name_scope(scope or "softmax_cross_entropy_loss") as own:
        y, z = _both(onehot_labels, logits, "onehot_labels", "logits")
        if label_smoothing > 0:
            classes = cast(shape(z)[-1], float32)
            y = y * (1 - label_smoothing) + label_smoothing / classes
        losses = softmax_cross_entropy_with_logits(y, z)
        return compute_weighted_loss(losses, weights, own, loss_collection, reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: str | None = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """Cross entropies of classes; labels may have a last axis of size 1 too many, and weights as well."""
    with name_scope(scope or "sparse_softmax_cross_entropy_loss") as own:
        labels, logits, weights = tensor(labels), tensor(logits), cast(tensor(weights), float32)
        if labels.shape.rank == logits.shape.rank and labels.shape[-1] == 1:
            labels = squeeze(labels, [-1])
        if weights.shape.rank == logits.shape.rank and weights.shape[-1] == 1:
            weights = squeeze(weights, [-1])
        losses = sparse_softmax_cross_entropy_with_logits(labels, logits)
        return compute_weighted_loss(losses, weights, own, loss_collection, reduction)


# Collections of losses


def add_loss(loss: Any, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Append a loss to a collection."""
    _collect(loss, loss_collection)


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list:
    """The losses of a collection."""
    return get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list:
    """What the regularizers of variables gave."""
    return get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Any:
    """The sum of what the regularizers of variables gave."""
    return _total(get_regularization_losses(scope), name)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Any:
    """The sum of all losses of the graph, and of what regularizers gave; raises ValueError for none."""
    losses = get_losses(scope)
    if add_regularization_losses:
        losses = losses + get_regularization_losses(scope)
    if not losses:
        raise ValueError("There are no losses in the graph to add up.")
    return _total(losses, name)


def _total(losses: Sequence, name: str) -> Any:
    return add_n(losses, name=name) if losses else constant(0.0)

"""Metrics that count how often predictions above thresholds are right."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.core.engine import o, tensor
from nbtape.ops.arithmetic import cast, divide_no_nan
from nbtape.ops.clip import clip_by_value
from nbtape.ops.measure import shape as shape_of
from nbtape.ops.reduce import reduce_sum
from nbtape.ops.scan import cumsum
from nbtape.ops.segment import unsorted_segment_sum
from nbtape.ops.sequence import one_hot
from nbtape.ops.shape import broadcast_to, expand_dims, reshape
from nbtape.ops.sort import top_k as largest
from nbtape.train.losses.reduction import EPSILON, same_rank
from nbtape.train.metrics.metric import Metric

_LEAST = -1e10  # below all predictions
KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


class Confusion(Metric):
    """The base of metrics that keep, for each of some thresholds, counts of some of the four `KINDS`.

    A prediction is positive above the threshold, and a label where it is not 0. `top_k` has none positive
    but the `top_k` highest of each example, and `class_id` looks at one class alone.
    """

    kept: tuple[str, ...] = KINDS
    direction = "up"
    top_k: int | None = None
    class_id: int | None = None

    def __init__(self, thresholds: Sequence[float], name: str | None = None, dtype: Any = None):
        super().__init__(dtype, name)
        self.thresholds = list(thresholds)
        self._is_even = evenly_spread(self.thresholds)

    def _keep(self, *shape: int) -> None:
        """Make the counts, for each threshold and whatever `shape` is of."""
        for kind in self.kept:
            setattr(self, kind, self.add_variable((len(self.thresholds), *shape), name=kind))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self._count_all(*self._prepared(y_true, y_pred, sample_weight))

    def _count_all(self, y_true: Any, y_pred: Any, weight: Any) -> None:
        """Count elements, wherever they stand."""
        positive, negative = (broadcast_to(x, shape_of(y_pred)) for x in weighed(y_true, weight))
        self._count(*(reshape(x, [-1]) for x in (positive, negative, y_pred)))

    def _prepared(self, y_true: Any, y_pred: Any, weight: Any) -> tuple[Any, Any, Any]:
        """Labels, predictions and weights in one dtype, whose shapes can be broadcast."""
        y_pred, y_true = same_rank(cast(y_pred, self._dtype), cast(y_true, self._dtype))
        if weight is not None:
            _, weight = same_rank(y_true, expand_dims(cast(weight, self._dtype), -1), expand=False)
        if self.top_k is not None:
            y_pred = _the_highest(y_pred, self.top_k)
        if self.class_id is not None:
            if y_pred.shape.rank == 1:
                raise ValueError(
                    "When class_id is provided, y_pred must be a 2D array with shape (num_samples, "
                    f"num_classes), found shape: {tuple(y_pred.shape)}"
                )
            y_true, y_pred = (y[..., self.class_id, None] for y in (y_true, y_pred))
        return y_true, y_pred, weight

    def _count(self, positive: Any, negative: Any, y_pred: Any) -> None:
        """Count the weights of what is `positive` or `negative`, along the first axis."""
        found = (_by_buckets if self._is_even else _by_comparison)(
            positive, negative, y_pred, np.asarray(self.thresholds, self._dtype.np)
        )
        for kind, count in zip(KINDS, found):
            if kind in self.kept:
                getattr(self, kind).assign_add(count)

    def _one_or_all(self, values: Any) -> Any:
        return values[0] if len(self.thresholds) == 1 else values


def thresholds_of(given: Any, otherwise: float) -> list[float]:
    """Thresholds as a list, which must lie in [0, 1] where they are given."""
    if given is None:
        return [otherwise]
    given = list(given) if isinstance(given, list | tuple | np.ndarray) else [given]
    outside = [t for t in given if t is None or not 0 <= t <= 1]
    if outside:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {outside}")
    return given


def evenly_spread(thresholds: Sequence[float]) -> bool:
    """Whether thresholds go from 0 to 1 in steps of one size, so that a division finds a place among them."""
    n = len(thresholds)
    return n > 2 and np.allclose(thresholds, np.arange(n, dtype=np.float32) / (n - 1), atol=EPSILON)


def _the_highest(y: Any, k: int) -> Any:
    """Predictions, those that are not among the `k` highest far below any threshold."""
    kept = reduce_sum(one_hot(largest(y, k).indices, y.shape[-1], dtype=y.dtype), -2)
    return y * kept + _LEAST * (1.0 - kept)


def weighed(y_true: Any, weight: Any) -> tuple[Any, Any]:
    """The weights of the positive labels, 0 elsewhere; and those of the negative ones."""
    y_true = cast(o.not_equal(y_true, cast(0, y_true.dtype)), y_true.dtype)
    return (y_true, 1.0 - y_true) if weight is None else (y_true * weight, (1.0 - y_true) * weight)


def _by_comparison(positive: Any, negative: Any, y_pred: Any, thresholds: np.ndarray) -> tuple:
    above = y_pred > reshape(tensor(thresholds), [-1, *[1] * y_pred.shape.rank])
    nothing = cast(0, y_pred.dtype)

    def counts(weights: Any) -> tuple[Any, Any]:
        over, under = o.where(above, weights, nothing), o.where(above, nothing, weights)
        return reduce_sum(over, 1), reduce_sum(under, 1)

    (tp, fn), (fp, tn) = counts(positive), counts(negative)
    return tp, fp, tn, fn


def _by_buckets(positive: Any, negative: Any, y_pred: Any, thresholds: np.ndarray) -> tuple:
    """As `_by_comparison` for evenly spread thresholds, in time that does not grow with their number."""
    n = len(thresholds)
    place = o.ceil(clip_by_value(y_pred, 0.0, 1.0) * float(n - 1)) - 1.0
    if thresholds[0] < 0:  # then 0 is above the first of them
        place = o.relu(place)
    labels = y_pred.shape[1:].num_elements()
    place = cast(place, np.int32) * labels
    if y_pred.shape.rank > 1:  # a row of buckets for each label
        place = place + np.arange(labels, dtype=np.int32)

    def above(weights: Any) -> Any:
        found = unsorted_segment_sum(reshape(weights, [-1]), reshape(place, [-1]), n * labels)
        return cumsum(reshape(found, [n, *y_pred.shape[1:]]), 0, reverse=True)

    tp, fp = above(positive), above(negative)
    return tp, fp, reduce_sum(negative, 0) - fp, reduce_sum(positive, 0) - tp


class _Count(Confusion):
    """One of the four counts."""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(thresholds_of(thresholds, 0.5), name, dtype)
        self._given = thresholds
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")
        setattr(self, self.kept[0], self.accumulator)

    def result(self) -> Any:
        return self._one_or_all(self.accumulator.read_value())

    def get_config(self) -> dict:
        return super().get_config() | {"thresholds": self._given}


class TruePositives(_Count):
    """How many predictions are positive, and rightly so.

    >>> float(tf.keras.metrics.TruePositives()([1, 1, 0], [0.9, 0.2, 0.8]))
    1.0
    """

    kept = ("true_positives",)


class FalsePositives(_Count):
    """How many predictions are positive, and should not be.

    >>> float(tf.keras.metrics.FalsePositives()([1, 1, 0], [0.9, 0.2, 0.8]))
    1.0
    """

    kept, direction = ("false_positives",), "down"


class TrueNegatives(_Count):
    """How many predictions are negative, and rightly so.

    >>> float(tf.keras.metrics.TrueNegatives()([1, 0, 0], [0.9, 0.2, 0.8]))
    1.0
    """

    kept = ("true_negatives",)


class FalseNegatives(_Count):
    """How many predictions are negative, and should not be.

    >>> float(tf.keras.metrics.FalseNegatives()([1, 1, 0], [0.9, 0.2, 0.8]))
    1.0
    """

    kept, direction = ("false_negatives",), "down"


class _Share(Confusion):
    """True positives, as a share of them and one other count."""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(thresholds_of(thresholds, 0.5 if top_k is None else _LEAST), name, dtype)
        self._given, self.top_k, self.class_id = thresholds, top_k, class_id
        self._keep()

    def result(self) -> Any:
        tp, other = (getattr(self, kind).read_value() for kind in self.kept)
        return self._one_or_all(divide_no_nan(tp, tp + other))

    def get_config(self) -> dict:
        return super().get_config() | {
            "thresholds": self._given, "top_k": self.top_k, "class_id": self.class_id}  # fmt: skip


class Precision(_Share):
    """How many of the positive predictions are right.

    >>> float(tf.keras.metrics.Precision()([1, 1, 0], [0.9, 0.2, 0.8]))
    0.5
    """

    kept = ("true_positives", "false_positives")


class Recall(_Share):
    """How many of the positive labels are predicted.

    >>> float(tf.keras.metrics.Recall()([1, 1, 0], [0.9, 0.2, 0.8]))
    0.5
    """

    kept = ("true_positives", "false_negatives")

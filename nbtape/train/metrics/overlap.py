"""Metrics of how predicted and true classes overlap: intersections over unions, and F scores."""

import warnings
from collections.abc import Iterable
from typing import Any

from nbtape.core import source
from nbtape.core.dtype import float32, int64
from nbtape.core.engine import o, tensor
from nbtape.ops.arithmetic import cast
from nbtape.ops.diag import diag_part
from nbtape.ops.index import gather
from nbtape.ops.measure import shape as shape_of
from nbtape.ops.reduce import reduce_max, reduce_mean, reduce_sum
from nbtape.ops.segment import unsorted_segment_sum
from nbtape.ops.shape import broadcast_to, expand_dims, reshape
from nbtape.ops.sort import argmax
from nbtape.train.losses.reduction import EPSILON
from nbtape.train.metrics.metric import Metric


class IoU(Metric):
    """The mean over `target_class_ids` of intersection over union: true positives over all that is of the
    class or taken for it.

    Targets and predictions are numbers of classes, or the highest along `axis` is (`sparse_y_true` and
    `sparse_y_pred` False). What is of `ignore_class`, or no class, does not count.

    >>> float(tf.keras.metrics.IoU(2, [0])([0, 0, 1, 1], [0, 1, 0, 1])).__round__(4)
    0.3333
    """

    default, direction = int64, "up"
    settings = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Iterable[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(dtype, name)
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        if max(self.target_class_ids) >= num_classes:
            raise ValueError(
                f"Target class id {max(self.target_class_ids)} is out of range, which is [0, {num_classes})."
            )
        self.total_cm = self.add_variable((num_classes, num_classes), name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = self._classes(y_true, self.sparse_y_true), self._classes(y_pred, self.sparse_y_pred)
        n = self.num_classes
        counts = [y_true >= 0, y_true < n, y_pred >= 0, y_pred < n]
        if self.ignore_class is not None:
            counts.append(o.not_equal(y_true, cast(self.ignore_class, int64)))
        inside = counts[0]
        for other in counts[1:]:
            inside = o.logical_and(inside, other)
        weight = tensor(1 if sample_weight is None else sample_weight)
        if weight.dtype.is_floating and self._dtype.is_integer:
            text = f"Weights are floats, and `dtype` is {self.dtype}: what they have after the point is lost."
            warnings.warn(text, stacklevel=source.depth())
        weight = cast(reshape(weight, [-1]) if weight.shape.rank > 1 else weight, self._dtype)
        cell = o.where(inside, y_true * n + y_pred, cast(-1, int64))  # what is below 0 is left out
        found = unsorted_segment_sum(broadcast_to(weight, shape_of(cell)), cell, n * n)
        self.total_cm.assign_add(reshape(found, [n, n]))

    def _classes(self, y: Any, sparse: bool) -> Any:
        return reshape(cast(y, int64) if sparse else argmax(y, self.axis), [-1])

    def result(self) -> Any:
        matrix = self.total_cm.read_value()
        right = diag_part(matrix)
        union = reduce_sum(matrix, 0) + reduce_sum(matrix, 1) - right
        right, union = (cast(gather(x, self.target_class_ids), float32) for x in (right, union))
        has_any = cast(union > 1e-9, float32)
        return reduce_sum(has_any * right / (union + EPSILON)) / (reduce_sum(has_any) + EPSILON)


class BinaryIoU(IoU):
    """Intersection over union for classes 0 and 1, with predictions of 1 from `threshold` on.

    >>> metric = tf.keras.metrics.BinaryIoU(target_class_ids=[0, 1], threshold=0.3)
    >>> round(float(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
    0.3333
    """

    settings = ("target_class_ids", "threshold")

    def __init__(
        self,
        target_class_ids: Iterable[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, cast(y_pred, float32) >= self.threshold, sample_weight)


class MeanIoU(IoU):
    """The mean intersection over union of all classes.

    >>> round(float(tf.keras.metrics.MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    settings = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(self, num_classes: int, name: str | None = None, dtype: Any = None, **others: Any):
        super().__init__(num_classes, range(num_classes), name, dtype, **others)


class OneHotIoU(IoU):
    """`IoU` for targets that are one-hot, and for predictions that are too, or probabilities.

    >>> metric = tf.keras.metrics.OneHotIoU(num_classes=2, target_class_ids=[1])
    >>> round(float(metric([[1, 0], [0, 1]], [[0.4, 0.6], [0.2, 0.8]])), 4)
    0.5
    """

    settings = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Iterable[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)  # fmt: skip


class OneHotMeanIoU(OneHotIoU):
    """`MeanIoU` for targets that are one-hot, and for predictions that are too, or probabilities.

    >>> metric = tf.keras.metrics.OneHotMeanIoU(num_classes=2)
    >>> round(float(metric([[1, 0], [0, 1]], [[0.4, 0.6], [0.2, 0.8]])), 4)
    0.25
    """

    settings = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(self, num_classes: int, name: str | None = None, dtype: Any = None, **others: Any):
        super().__init__(num_classes, range(num_classes), name, dtype, **others)


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall: (1 + beta**2) * p*r / (beta**2 * p + r).

    A class is predicted where its prediction is above `threshold`, or by default where it is the highest.
    `average` is None (a score a class), "macro" (their mean), "weighted" (by how often each class is true),
    or "micro" (one score, over all that was counted).

    >>> metric = tf.keras.metrics.FBetaScore(beta=2.0, threshold=0.5)
    >>> metric([[1, 1], [1, 0], [1, 1]], [[0.2, 0.6], [0.2, 0.6], [0.6, 0.8]]).numpy().round(4)
    array([0.3846, 0.9091], dtype=float32)
    """

    direction = "up"
    settings = ("average", "beta", "threshold")

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', 'weighted'}. "
                f"Received: average={average}"
            )
        if not isinstance(beta, float) or beta <= 0.0:
            raise ValueError(
                "Invalid `beta` argument value. It should be a Python float > 0. Received: "
                f"beta={beta} of type '{type(beta)}'"
            )
        if threshold is not None and not (isinstance(threshold, float) and 0.0 < threshold <= 1.0):
            raise ValueError(
                "Invalid `threshold` argument value. It should be a Python float that verifies "
                f"0 < threshold <= 1. Received: threshold={threshold} of type '{type(threshold)}'"
            )
        self.average, self.beta, self.threshold = average, beta, threshold

    def _make(self, y_true: Any, y_pred: Any) -> None:
        shapes = y_true.shape, y_pred.shape
        if any(shape.rank != 2 or shape[-1] is None for shape in shapes):
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim), with output_dim fully "
                f"defined. Received input shapes: y_pred.shape={shapes[1]} and y_true.shape={shapes[0]}."
            )
        shape = () if self.average == "micro" else (shapes[1][-1],)
        for kind in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, kind, self.add_variable(shape, name=kind))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = cast(y_true, self._dtype), cast(y_pred, self._dtype)
        if not self._variables:
            self._make(y_true, y_pred)
        if self.threshold is None:
            is_highest = y_pred >= reduce_max(y_pred, -1, keepdims=True)
            y_pred = o.logical_and(is_highest, abs(y_pred) > 1e-9)
        else:
            y_pred = y_pred > self.threshold
        y_pred = cast(y_pred, self._dtype)
        weight = None if sample_weight is None else expand_dims(cast(sample_weight, self._dtype), 1)
        found = y_pred * y_true, y_pred * (1.0 - y_true), (1.0 - y_pred) * y_true, y_true
        for variable, x in zip(self._variables, found):
            x = x if weight is None else x * weight
            variable.assign_add(reduce_sum(x, None if self.average == "micro" else 0))

    def result(self) -> Any:
        tp, fp, fn, weights = (v.read_value() for v in self._variables)
        precision, recall = tp / (tp + fp + EPSILON), tp / (tp + fn + EPSILON)
        square = self.beta**2
        score = precision * recall / (square * precision + recall + EPSILON) * (1 + square)
        if self.average == "weighted":
            return reduce_sum(score * (weights / (reduce_sum(weights) + EPSILON)))
        return score if self.average is None else reduce_mean(score)


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall, an F score with a `beta` of 1.

    >>> metric = tf.keras.metrics.F1Score(threshold=0.5, average="micro")
    >>> round(float(metric([[1, 1], [1, 0]], [[0.6, 0.7], [0.2, 0.6]])), 4)
    0.6667
    """

    settings = ("average", "threshold")

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)

"""Metrics of what one share of right answers costs in another, as the threshold moves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.core.engine import o, tensor
from nbtape.ops.arithmetic import cast, divide_no_nan
from nbtape.ops.measure import shape as shape_of
from nbtape.ops.reduce import reduce_max, reduce_mean, reduce_sum
from nbtape.ops.shape import broadcast_to
from nbtape.train.losses.reduction import EPSILON
from nbtape.train.metrics.confusion import Confusion, evenly_spread, weighed

_CURVES, _SUMS = ("ROC", "PR", "PRGAIN"), ("interpolation", "minoring", "majoring")


def _between(n: int) -> list[float]:
    """Evenly spread thresholds between 0 and 1, of which there are `n` with these."""
    return [(i + 1) / (n - 1) for i in range(n - 2)]


class _Best(Confusion):
    """The highest of one share at thresholds where another is at least `bound`."""

    sought, held = "", ""  # the names of the two shares

    def __init__(
        self,
        bound: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        if not 0 <= bound <= 1:
            raise ValueError(
                f"Argument `{self.held}` must be in the range [0, 1]. Received: {self.held}={bound}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 0. Received: num_thresholds={num_thresholds}"
            )
        super().__init__([0.5] if num_thresholds == 1 else [0.0, *_between(num_thresholds), 1.0], name, dtype)
        self.num_thresholds, self.class_id, self.bound = num_thresholds, class_id, bound
        self._keep()

    def result(self) -> Any:
        tp, fp, tn, fn = (getattr(self, kind).read_value() for kind in self.kept)
        pairs = {"sensitivity": (tp, fn), "recall": (tp, fn), "specificity": (tn, fp), "precision": (tp, fp)}
        sought, held = (divide_no_nan(a, a + b) for a, b in (pairs[self.sought], pairs[self.held]))
        return reduce_max(o.where(held >= self.bound, sought, cast(0, sought.dtype)))

    def get_config(self) -> dict:
        return super().get_config() | {
            "class_id": self.class_id, "num_thresholds": self.num_thresholds, self.held: self.bound
        }  # fmt: skip


class SensitivityAtSpecificity(_Best):
    """The highest sensitivity at thresholds where the specificity is at least `specificity`.

    >>> metric = tf.keras.metrics.SensitivityAtSpecificity(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    sought, held = "sensitivity", "specificity"

    def __init__(self, specificity: float, *args: Any, **kwargs: Any):
        super().__init__(specificity, *args, **kwargs)


class SpecificityAtSensitivity(_Best):
    """The highest specificity at thresholds where the sensitivity is at least `sensitivity`.

    >>> metric = tf.keras.metrics.SpecificityAtSensitivity(0.5)
    >>> round(float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])), 4)
    0.6667
    """

    sought, held = "specificity", "sensitivity"

    def __init__(self, sensitivity: float, *args: Any, **kwargs: Any):
        super().__init__(sensitivity, *args, **kwargs)


class PrecisionAtRecall(_Best):
    """The highest precision at thresholds where the recall is at least `recall`.

    >>> metric = tf.keras.metrics.PrecisionAtRecall(0.5)
    >>> float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
    0.5
    """

    sought, held = "precision", "recall"

    def __init__(self, recall: float, *args: Any, **kwargs: Any):
        super().__init__(recall, *args, **kwargs)


class RecallAtPrecision(_Best):
    """The highest recall at thresholds where the precision is at least `precision`.

    >>> metric = tf.keras.metrics.RecallAtPrecision(0.8)
    >>> float(metric([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
    0.5
    """

    sought, held = "recall", "precision"

    def __init__(self, precision: float, *args: Any, **kwargs: Any):
        super().__init__(precision, *args, **kwargs)


class AUC(Confusion):
    """The area under a curve through points, one a threshold: "ROC" (true over false positive rate), "PR"
    (precision over recall) or "PRGAIN" (their gains).

    The area between points is that under a line for "ROC", or as Davis and Goadrich interpolate for "PR"; or
    `summation_method="minoring"` takes the lower of the two heights, "majoring" the higher. With
    `multi_label`, each column has a curve of its own, and their areas are averaged by `label_weights`.

    >>> metric = tf.keras.metrics.AUC(num_thresholds=3)
    >>> float(metric([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
    0.75
    """

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ):
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(
                f"Argument `num_thresholds` must be an integer > 1. Received: num_thresholds={num_thresholds}"
            )
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        self._given = None if thresholds is None else sorted(thresholds)
        inner = _between(num_thresholds) if self._given is None else self._given
        super().__init__([-EPSILON, *inner, 1.0 + EPSILON], name, dtype)
        self._is_even = evenly_spread([0.0, *inner, 1.0]) or not inner
        self.num_thresholds, self.multi_label = len(self.thresholds), multi_label
        self.curve = _one_of("AUC curve", str(curve).upper(), _CURVES)
        self.summation_method = _one_of("AUC summation method", str(summation_method).lower(), _SUMS)
        self.num_labels, self.from_logits = num_labels, from_logits
        self.label_weights = None if label_weights is None else np.asarray(label_weights, self._dtype.np)
        if not multi_label or num_labels:
            self._keep(*[num_labels] if num_labels else [])

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = o.sigmoid(tensor(y_pred)) if self.from_logits else y_pred
        y_true, y_pred, weight = self._prepared(y_true, y_pred, sample_weight)
        if self.label_weights is not None and not self.multi_label:
            weight = self.label_weights if weight is None else weight * self.label_weights
        if not self.multi_label:
            self._count_all(y_true, y_pred, weight)
            return
        if y_pred.shape.rank != 2:
            raise ValueError(
                f"`y_pred` must have rank 2 when `multi_label=True`. Found rank {y_pred.shape.rank}. "
                f"Full shape received for `y_pred`: {tuple(y_pred.shape)}"
            )
        if not self.variables:
            self._keep(y_pred.shape[1])
        positive, negative = (broadcast_to(x, shape_of(y_pred)) for x in weighed(y_true, weight))
        self._count(positive, negative, y_pred)

    def result(self) -> Any:
        tp, fp, tn, fn = (getattr(self, kind).read_value() for kind in self.kept)
        if self.curve == "PR" and self.summation_method == "interpolation":
            parts = _interpolated(tp, fp, fn)
        else:
            x, y = _points(self.curve, tp, fp, tn, fn)
            parts = (x[:-1] - x[1:]) * _heights(self.summation_method, y[:-1], y[1:])
        areas = reduce_sum(parts, 0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return reduce_mean(areas)
        return divide_no_nan(reduce_sum(areas * self.label_weights), reduce_sum(self.label_weights))

    def get_config(self) -> dict:
        weights = self.label_weights
        config = super().get_config() | {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": None if weights is None else weights.tolist(),
            "from_logits": self.from_logits,
        }
        return config if self._given is None else config | {"thresholds": self._given}


def _one_of(what: str, key: str, known: tuple[str, ...]) -> str:
    if key not in known:
        raise ValueError(f'Invalid {what} value: "{key}". Expected values are {list(known)}')
    return key


def _points(curve: str, tp: Any, fp: Any, tn: Any, fn: Any) -> tuple[Any, Any]:
    """The x and y of a curve at each threshold."""
    recall = divide_no_nan(tp, tp + fn)
    if curve == "ROC":
        return divide_no_nan(fp, fp + tn), recall
    if curve == "PR":
        return recall, divide_no_nan(tp, tp + fp)
    odds, none, one = divide_no_nan(tp + fn, tn + fp), o.equal(tp, cast(0, tp.dtype)), cast(1, tp.dtype)
    recalled = o.maximum(one - odds * divide_no_nan(fn, tp), cast(0, tp.dtype))
    return o.where(none, cast(0, tp.dtype), recalled), o.where(none, one, one - odds * divide_no_nan(fp, tp))


def _heights(method: str, left: Any, right: Any) -> Any:
    if method == "interpolation":
        return (left + right) / 2.0
    return (o.minimum if method == "minoring" else o.maximum)(left, right)


def _interpolated(tp: Any, fp: Any, fn: Any) -> Any:
    """The areas under the PR curve between thresholds, where true positives grow in line with all positives.

    Precision is then (slope*p + intercept) / p, which integrates to slope * (dtp + intercept*log(ratio)).
    """
    p, nothing = tp + fp, cast(0, tp.dtype)
    before, after = p[:-1], p[1:]
    dtp = tp[:-1] - tp[1:]
    slope = divide_no_nan(dtp, o.maximum(before - after, nothing))
    intercept = tp[1:] - slope * after
    is_positive = o.logical_and(before > nothing, after > nothing)
    ratio = o.where(is_positive, divide_no_nan(before, o.maximum(after, nothing)), cast(1, tp.dtype))
    return divide_no_nan(slope * (dtp + intercept * o.log(ratio)), o.maximum(tp[1:] + fn[1:], nothing))

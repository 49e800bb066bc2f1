"""Metrics of how well predictions follow targets: R2, relative errors and correlations."""

import warnings
from typing import Any

import numpy as np

from nbtape.core import context, source
from nbtape.core.engine import o
from nbtape.ops.arithmetic import cast, divide_no_nan
from nbtape.ops.measure import shape as shape_of, size
from nbtape.ops.reduce import reduce_mean, reduce_sum
from nbtape.ops.shape import broadcast_to, expand_dims
from nbtape.ops.statistics import reduce_std, reduce_variance
from nbtape.train.losses.reduction import EPSILON, beside, same_rank
from nbtape.train.metrics.metric import Mean, Metric, NamedMean

_AVERAGES = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """The share of the targets' variance that predictions explain, 1 at best.

    `class_aggregation` is None (a score a column), "uniform_average" (their mean) or
    "variance_weighted_average". With `num_regressors` the score is adjusted for that many predictors.

    >>> round(float(tf.keras.metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 4)
    0.5714
    """

    direction = "up"
    settings = ("class_aggregation", "num_regressors")

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(dtype, name)
        if class_aggregation not in _AVERAGES:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`. Expected one of {_AVERAGES}. Received: "
                f"class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. Received: "
                f"num_regressors={num_regressors}"
            )
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable(name="num_samples")

    def _make(self, y_true: Any, y_pred: Any) -> None:
        shapes = y_true.shape, y_pred.shape
        if any(shape.rank != 2 or shape[-1] is None for shape in shapes):
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim), with output_dim fully "
                f"defined. Received input shapes: y_pred.shape={shapes[1]} and y_true.shape={shapes[0]}."
            )
        for kind in ("squared_sum", "sum", "residual", "count"):
            setattr(self, kind, self.add_variable((shapes[1][-1],), name=kind))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = same_rank(cast(y_true, self._dtype), cast(y_pred, self._dtype))
        if len(self._variables) == 1:
            self._make(y_true, y_pred)
        weight = cast(1 if sample_weight is None else sample_weight, self._dtype)
        weight = broadcast_to(expand_dims(weight, 1) if weight.shape.rank == 1 else weight, shape_of(y_true))
        found = y_true * y_true * weight, y_true * weight, (y_true - y_pred) ** 2 * weight, weight
        for variable, x in zip(self._variables[1:], found):
            variable.assign_add(reduce_sum(x, 0))
        self.num_samples.assign_add(cast(size(y_true), self._dtype))

    def result(self) -> Any:
        samples, squares, total, residual, count = (v.read_value() for v in self._variables)
        spread = squares - total * total / count
        score = 1.0 - residual / spread
        score = o.where(o.is_inf(score), cast(0, score.dtype), score)
        if self.class_aggregation == "uniform_average":
            score = reduce_mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = reduce_sum(spread * score) / reduce_sum(spread)
        if not self.num_regressors:
            return score
        left = samples - self.num_regressors - 1.0
        if context.local.graph is None and float(left) <= 0:
            text = "Too few samples to adjust the R2 score for so many regressors; it is not adjusted."
            warnings.warn(text, stacklevel=source.depth())
        return o.where(left > 0, 1.0 - (1.0 - score) * divide_no_nan(samples - 1.0, left), score)


class MeanRelativeError(Mean):
    """The mean of errors without their signs, over `normalizer`; 0 where that is 0.

    >>> float(tf.keras.metrics.MeanRelativeError(normalizer=[1, 3])([1.0, 3.0], [2.0, 4.5]))
    0.75
    """

    direction = "down"

    def __init__(self, normalizer: Any, name: str | None = None, dtype: Any = None):
        super().__init__(name, dtype)
        self.normalizer = normalizer

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = same_rank(cast(y_true, self._dtype), cast(y_pred, self._dtype))
        errors = divide_no_nan(abs(y_true - y_pred), cast(self.normalizer, self._dtype))
        super().update_state(errors, sample_weight)

    def get_config(self) -> dict:
        return super().get_config() | {"normalizer": np.asarray(self.normalizer).tolist()}


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """How near to a line targets and predictions are, along `axis`: 1 on a rising line, -1 on a falling one.

    >>> tf.keras.metrics.pearson_correlation([[0.0, 1.0, 0.5]], [[0.0, 2.0, 1.0]]).numpy().round(4)
    array([1.], dtype=float32)
    """

    def standard(y: Any) -> Any:
        y = y - reduce_mean(y, axis, keepdims=True)
        return y / reduce_std(y, axis, keepdims=True)

    y_true, y_pred = beside(y_true, y_pred)
    return reduce_mean(standard(y_true) * standard(y_pred), axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """How near to the line y_true == y_pred targets and predictions are, along `axis`: 1 on it.

    >>> tf.keras.metrics.concordance_correlation([[0.0, 1.0, 0.5]], [[0.0, 1.0, 0.5]]).numpy().round(4)
    array([1.], dtype=float32)
    """
    y_true, y_pred = beside(y_true, y_pred)
    means = [reduce_mean(y, axis, keepdims=True) for y in (y_true, y_pred)]
    spread = [reduce_variance(y, axis, keepdims=True) for y in (y_true, y_pred)]
    covariance = (y_true - means[1]) * (y_pred - means[1])
    norm = spread[0] + spread[1] + o.square(means[0] - means[1])
    return reduce_mean(2.0 * covariance / (norm + EPSILON), axis)


class PearsonCorrelation(NamedMean):
    """The mean of `pearson_correlation`.

    >>> metric = tf.keras.metrics.PearsonCorrelation()
    >>> round(float(metric([[0.0, 1.0, 0.5]], [[0.0, 2.0, 1.0]])), 4)
    1.0
    """

    function, direction = staticmethod(pearson_correlation), "up"

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1):
        super().__init__(name, dtype, axis=axis)


class ConcordanceCorrelation(NamedMean):
    """The mean of `concordance_correlation`.

    >>> metric = tf.keras.metrics.ConcordanceCorrelation()
    >>> round(float(metric([[0.0, 1.0, 0.5]], [[0.0, 1.0, 0.5]])), 4)
    1.0
    """

    function, direction = staticmethod(concordance_correlation), "up"

    def __init__(self, name: str | None = None, dtype: Any = None, axis: int = -1):
        super().__init__(name, dtype, axis=axis)

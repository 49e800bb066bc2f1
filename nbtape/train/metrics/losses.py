"""Metrics that are means of losses."""

from typing import Any

from nbtape.core.engine import o
from nbtape.train.losses import (
    crossentropies as e,
    functions as f,
)
from nbtape.train.losses.reduction import beside
from nbtape.train.metrics.metric import Mean, NamedMean


class RootMeanSquaredError(Mean):
    """The root of the mean of squared errors.

    >>> float(tf.keras.metrics.RootMeanSquaredError()([[0.0], [0.0]], [[1.0], [7.0]]))
    5.0
    """

    direction = "down"

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = beside(y_true, y_pred)
        super().update_state(o.square(y_pred - y_true), sample_weight)

    def result(self) -> Any:
        return o.sqrt(super().result())


class MeanSquaredError(NamedMean):
    """The mean of squared errors.

    >>> metric = tf.keras.metrics.MeanSquaredError()
    >>> round(float(metric([[0.0], [1.0]], [[0.25], [0.75]])), 4)
    0.0625
    """

    direction, function = "down", staticmethod(f.mean_squared_error)


class MeanAbsoluteError(NamedMean):
    """The mean of errors without their signs.

    >>> metric = tf.keras.metrics.MeanAbsoluteError()
    >>> round(float(metric([[0.0], [1.0]], [[0.25], [0.75]])), 4)
    0.25
    """

    direction, function = "down", staticmethod(f.mean_absolute_error)


class MeanAbsolutePercentageError(NamedMean):
    """The mean error in percent of the targets.

    >>> metric = tf.keras.metrics.MeanAbsolutePercentageError()
    >>> round(float(metric([[1.0], [2.0]], [[0.5], [1.5]])), 4)
    37.5
    """

    direction, function = "down", staticmethod(f.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(NamedMean):
    """The mean of squared errors of logarithms.

    >>> metric = tf.keras.metrics.MeanSquaredLogarithmicError()
    >>> round(float(metric([[0.0], [1.0]], [[0.25], [0.75]])), 4)
    0.0338
    """

    direction, function = "down", staticmethod(f.mean_squared_logarithmic_error)


class LogCoshError(NamedMean):
    """The mean of log(cosh(error)).

    >>> metric = tf.keras.metrics.LogCoshError()
    >>> round(float(metric([[0.0], [1.0]], [[0.25], [0.75]])), 4)
    0.0309
    """

    direction, function = "down", staticmethod(f.log_cosh)

    def __init__(self, name: str | None = "logcosh", dtype: Any = None):
        super().__init__(name, dtype)


class Hinge(NamedMean):
    """The mean of what predictions are short of their side's margin.

    >>> metric = tf.keras.metrics.Hinge()
    >>> round(float(metric([[0.0], [1.0]], [[0.25], [0.75]])), 4)
    0.75
    """

    direction, function = "down", staticmethod(f.hinge)


class SquaredHinge(NamedMean):
    """The mean square of what predictions are short of their side's margin.

    >>> metric = tf.keras.metrics.SquaredHinge()
    >>> round(float(metric([[0.0], [1.0]], [[0.25], [0.75]])), 4)
    0.8125
    """

    direction, function = "down", staticmethod(f.squared_hinge)


class CategoricalHinge(NamedMean):
    """How far the class is short of one more than any other.

    >>> metric = tf.keras.metrics.CategoricalHinge()
    >>> round(float(metric([[0.0, 1.0]], [[0.25, 0.75]])), 4)
    0.5
    """

    direction, function = "down", staticmethod(f.categorical_hinge)


class KLDivergence(NamedMean):
    """The Kullback-Leibler divergence.

    >>> metric = tf.keras.metrics.KLDivergence()
    >>> round(float(metric([[0.0, 1.0]], [[0.25, 0.75]])), 4)
    0.2877
    """

    direction, function = "down", staticmethod(f.kl_divergence)


class Poisson(NamedMean):
    """The loss of counts.

    >>> metric = tf.keras.metrics.Poisson()
    >>> round(float(metric([[0.0], [1.0]], [[0.25], [0.75]])), 4)
    0.6438
    """

    direction, function = "down", staticmethod(f.poisson)


class BinaryCrossentropy(NamedMean):
    """Cross-entropy with targets of 0 and 1.

    >>> metric = tf.keras.metrics.BinaryCrossentropy()
    >>> round(float(metric([[0.0], [1.0]], [[0.25], [0.75]])), 4)
    0.2877
    """

    direction, function = "down", staticmethod(e.binary_crossentropy)

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
    ):
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing)


class CategoricalCrossentropy(NamedMean):
    """Cross-entropy with targets that are distributions.

    >>> metric = tf.keras.metrics.CategoricalCrossentropy()
    >>> round(float(metric([[0.0, 1.0]], [[0.25, 0.75]])), 4)
    0.2877
    """

    direction, function = "down", staticmethod(e.categorical_crossentropy)

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
    ):
        super().__init__(name, dtype, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class SparseCategoricalCrossentropy(NamedMean):
    """Cross-entropy with targets that are numbers of classes.

    >>> metric = tf.keras.metrics.SparseCategoricalCrossentropy()
    >>> round(float(metric([1], [[0.25, 0.75]])), 4)
    0.2877
    """

    direction, function = "down", staticmethod(e.sparse_categorical_crossentropy)

    def __init__(
        self,
        name: str | None = None,
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ):
        super().__init__(name, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis)


class CosineSimilarity(NamedMean):
    """The cosine between targets and predictions: 1 where they point the same way.

    >>> metric = tf.keras.metrics.CosineSimilarity()
    >>> round(float(metric([[0.0, 1.0]], [[0.0, 2.0]])), 4)
    1.0
    """

    direction = "up"

    @staticmethod
    def function(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
        return -f.cosine_similarity(y_true, y_pred, axis)

    def __init__(self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(name, dtype, axis=axis)

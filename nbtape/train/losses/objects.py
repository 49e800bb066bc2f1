"""Losses as objects: errors, margins, divergences and overlaps."""

from typing import Any

from nbtape.train.losses import functions as f
from nbtape.train.losses.loss import NamedLoss


class MeanSquaredError(NamedLoss):
    """The mean of squared errors.

    >>> loss = tf.keras.losses.MeanSquaredError()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.25
    """

    function = staticmethod(f.mean_squared_error)


class MeanAbsoluteError(NamedLoss):
    """The mean of errors without their signs.

    >>> loss = tf.keras.losses.MeanAbsoluteError()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.5
    """

    function = staticmethod(f.mean_absolute_error)


class MeanAbsolutePercentageError(NamedLoss):
    """The mean error in percent of the targets.

    >>> loss = tf.keras.losses.MeanAbsolutePercentageError()
    >>> round(float(loss([[1.0], [2.0]], [[0.5], [0.5]])), 4)
    62.5
    """

    function = staticmethod(f.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(NamedLoss):
    """The mean of squared errors of logarithms.

    >>> loss = tf.keras.losses.MeanSquaredLogarithmicError()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.1236
    """

    function = staticmethod(f.mean_squared_logarithmic_error)


class CosineSimilarity(NamedLoss):
    """Minus the cosine between targets and predictions.

    >>> loss = tf.keras.losses.CosineSimilarity()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    -0.7071
    """

    function = staticmethod(f.cosine_similarity)

    def __init__(self, axis: int = -1, **common: Any):
        super().__init__(**common, axis=axis)


class Huber(NamedLoss):
    """Squared errors, but lines beyond `delta`.

    >>> loss = tf.keras.losses.Huber()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.125
    """

    function = staticmethod(f.huber)
    title = "huber_loss"

    def __init__(self, delta: float = 1.0, **common: Any):
        super().__init__(**common, delta=delta)


class LogCosh(NamedLoss):
    """The mean of log(cosh(error)).

    >>> loss = tf.keras.losses.LogCosh()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.1201
    """

    function = staticmethod(f.log_cosh)


class Hinge(NamedLoss):
    """The mean of what predictions are short of their side's margin.

    >>> loss = tf.keras.losses.Hinge()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    1.0
    """

    function = staticmethod(f.hinge)


class SquaredHinge(NamedLoss):
    """The mean square of what predictions are short of their side's margin.

    >>> loss = tf.keras.losses.SquaredHinge()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    1.25
    """

    function = staticmethod(f.squared_hinge)


class CategoricalHinge(NamedLoss):
    """How far the class is short of one more than any other.

    >>> loss = tf.keras.losses.CategoricalHinge()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    1.0
    """

    function = staticmethod(f.categorical_hinge)


class KLDivergence(NamedLoss):
    """The Kullback-Leibler divergence.

    >>> loss = tf.keras.losses.KLDivergence()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    function = staticmethod(f.kl_divergence)


class Poisson(NamedLoss):
    """The loss of counts, less what does not depend on predictions.

    >>> loss = tf.keras.losses.Poisson()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.8466
    """

    function = staticmethod(f.poisson)


class Dice(NamedLoss):
    """One less the share that targets and predictions have in common.

    >>> loss = tf.keras.losses.Dice()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    function = staticmethod(f.dice)

    def __init__(self, axis: Any = None, **common: Any):
        super().__init__(**common, axis=axis)


class Tversky(NamedLoss):
    """Dice's loss with weights for what is missed and what is wrong.

    >>> loss = tf.keras.losses.Tversky()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    function = staticmethod(f.tversky)

    def __init__(self, alpha: float = 0.5, beta: float = 0.5, axis: Any = None, **common: Any):
        super().__init__(**common, alpha=alpha, beta=beta, axis=axis)


class Circle(NamedLoss):
    """How far embeddings are from being nearer to all of their class than to others.

    >>> loss = tf.keras.losses.Circle(gamma=1.0)
    >>> round(float(loss([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])), 4)
    0.6484
    """

    function = staticmethod(f.circle)

    def __init__(self, gamma: float = 80.0, margin: float = 0.4, remove_diagonal: bool = True, **common: Any):
        super().__init__(**common, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)

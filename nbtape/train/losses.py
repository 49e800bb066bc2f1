"""Losses as objects: a function, its arguments, and how a batch's values become one."""

from collections.abc import Callable
from typing import Any

from nbtape.core.dtype import as_dtype, float32
from nbtape.ops.arithmetic import cast
from nbtape.state.scope import name_scope
from nbtape.train import lossfunctions as f
from nbtape.train.masking import masked_weights
from nbtape.train.naming import unique

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss:
    """The base of all losses: `call(y_true, y_pred)` gives a value an example, and the batch's are reduced.

    `reduction` is "sum_over_batch_size" (the mean; "mean" is the same), "sum", "mean_with_sample_weight" (by
    the weights' sum instead of their number), or "none". Raises ValueError for anything else.

    >>> class Cubed(tf.keras.losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return tf.reduce_sum(abs(y_true - y_pred) ** 3, -1)
    >>> float(Cubed(reduction="sum")([[0.0], [0.0]], [[1.0], [2.0]]))
    9.0
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ):
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"Invalid value for argument `reduction`. Expected one of {_REDUCTIONS}. Received: "
                f"reduction={reduction}"
            )
        self.name = name or unique(type(self).__name__)
        self.reduction, self._dtype = reduction, as_dtype(dtype or float32)

    @property
    def dtype(self) -> str:
        """The name of the dtype that targets and predictions are cast to."""
        return self._dtype.name

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """A loss for each example."""
        raise NotImplementedError(f"{type(self).__name__} must override `call(self, y_true, y_pred)`.")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        with name_scope(self.name):
            values = self.call(cast(y_true, self._dtype), cast(y_pred, self._dtype))
            mean = self.reduction in ("mean", "sum_over_batch_size")
            weights = masked_weights(y_pred, sample_weight, self._dtype, mean)
            return f.reduced(cast(values, self._dtype), weights, self.reduction)

    def get_config(self) -> dict:
        """The arguments that make this loss again."""
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict) -> "Loss":
        """A loss made from `get_config()`."""
        return cls(**config)


class LossFunctionWrapper(Loss):
    """A loss made of a function of targets and predictions, which is given `settings` too."""

    def __init__(
        self,
        fn: Callable,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **settings: Any,
    ):
        super().__init__(name, reduction, dtype)
        self.fn, self.settings = fn, settings

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(*f.same_rank(y_true, y_pred), **self.settings)

    def get_config(self) -> dict:
        return super().get_config() | {"fn": self.fn} | self.settings


class _Named(LossFunctionWrapper):
    """A loss of Keras's, whose class names its function."""

    function: Callable  # given as a static method
    title = ""  # the name, where it is not the function's

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **settings: Any,
    ):
        function = type(self).function
        super().__init__(function, reduction, name or self.title or function.__name__, dtype, **settings)

    def get_config(self) -> dict:
        config = super().get_config()
        del config["fn"]
        return config


class MeanSquaredError(_Named):
    """The mean of squared errors.

    >>> loss = tf.keras.losses.MeanSquaredError()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.25
    """

    function = staticmethod(f.mean_squared_error)


class MeanAbsoluteError(_Named):
    """The mean of errors without their signs.

    >>> loss = tf.keras.losses.MeanAbsoluteError()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.5
    """

    function = staticmethod(f.mean_absolute_error)


class MeanAbsolutePercentageError(_Named):
    """The mean error in percent of the targets.

    >>> loss = tf.keras.losses.MeanAbsolutePercentageError()
    >>> round(float(loss([[1.0], [2.0]], [[0.5], [0.5]])), 4)
    62.5
    """

    function = staticmethod(f.mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(_Named):
    """The mean of squared errors of logarithms.

    >>> loss = tf.keras.losses.MeanSquaredLogarithmicError()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.1236
    """

    function = staticmethod(f.mean_squared_logarithmic_error)


class CosineSimilarity(_Named):
    """Minus the cosine between targets and predictions.

    >>> loss = tf.keras.losses.CosineSimilarity()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    -0.7071
    """

    function = staticmethod(f.cosine_similarity)

    def __init__(self, axis: int = -1, **common: Any):
        super().__init__(**common, axis=axis)


class Huber(_Named):
    """Squared errors, but lines beyond `delta`.

    >>> loss = tf.keras.losses.Huber()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.125
    """

    function = staticmethod(f.huber)
    title = "huber_loss"

    def __init__(self, delta: float = 1.0, **common: Any):
        super().__init__(**common, delta=delta)


class LogCosh(_Named):
    """The mean of log(cosh(error)).

    >>> loss = tf.keras.losses.LogCosh()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.1201
    """

    function = staticmethod(f.log_cosh)


class Hinge(_Named):
    """The mean of what predictions are short of their side's margin.

    >>> loss = tf.keras.losses.Hinge()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    1.0
    """

    function = staticmethod(f.hinge)


class SquaredHinge(_Named):
    """The mean square of what predictions are short of their side's margin.

    >>> loss = tf.keras.losses.SquaredHinge()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    1.25
    """

    function = staticmethod(f.squared_hinge)


class CategoricalHinge(_Named):
    """How far the class is short of one more than any other.

    >>> loss = tf.keras.losses.CategoricalHinge()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    1.0
    """

    function = staticmethod(f.categorical_hinge)


class KLDivergence(_Named):
    """The Kullback-Leibler divergence.

    >>> loss = tf.keras.losses.KLDivergence()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    function = staticmethod(f.kl_divergence)


class Poisson(_Named):
    """The loss of counts, less what does not depend on predictions.

    >>> loss = tf.keras.losses.Poisson()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.8466
    """

    function = staticmethod(f.poisson)


class BinaryCrossentropy(_Named):
    """Cross-entropy with targets of 0 and 1.

    >>> loss = tf.keras.losses.BinaryCrossentropy()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.6931
    """

    function = staticmethod(f.binary_crossentropy)

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1, **common: Any
    ):
        super().__init__(**common, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class BinaryFocalCrossentropy(_Named):
    """Binary cross-entropy that passes over what is easy.

    >>> loss = tf.keras.losses.BinaryFocalCrossentropy()
    >>> round(float(loss([[0.0], [1.0]], [[0.5], [0.5]])), 4)
    0.1733
    """

    function = staticmethod(f.binary_focal_crossentropy)

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **common: Any,
    ):
        super().__init__(
            **common,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(_Named):
    """Cross-entropy with targets that are distributions.

    >>> loss = tf.keras.losses.CategoricalCrossentropy()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.6931
    """

    function = staticmethod(f.categorical_crossentropy)

    def __init__(
        self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1, **common: Any
    ):
        super().__init__(**common, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis)


class CategoricalFocalCrossentropy(_Named):
    """Categorical cross-entropy that passes over what is easy.

    >>> loss = tf.keras.losses.CategoricalFocalCrossentropy()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.0433
    """

    function = staticmethod(f.categorical_focal_crossentropy)

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        **common: Any,
    ):
        super().__init__(
            **common,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(_Named):
    """Cross-entropy with targets that are numbers of classes.

    >>> loss = tf.keras.losses.SparseCategoricalCrossentropy()
    >>> round(float(loss([1], [[0.5, 0.5]])), 4)
    0.6931
    """

    function = staticmethod(f.sparse_categorical_crossentropy)

    def __init__(
        self, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1, **common: Any
    ):
        super().__init__(**common, from_logits=from_logits, ignore_class=ignore_class, axis=axis)


class Dice(_Named):
    """One less the share that targets and predictions have in common.

    >>> loss = tf.keras.losses.Dice()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    function = staticmethod(f.dice)

    def __init__(self, axis: Any = None, **common: Any):
        super().__init__(**common, axis=axis)


class Tversky(_Named):
    """Dice's loss with weights for what is missed and what is wrong.

    >>> loss = tf.keras.losses.Tversky()
    >>> round(float(loss([[0.0, 1.0]], [[0.5, 0.5]])), 4)
    0.5
    """

    function = staticmethod(f.tversky)

    def __init__(self, alpha: float = 0.5, beta: float = 0.5, axis: Any = None, **common: Any):
        super().__init__(**common, alpha=alpha, beta=beta, axis=axis)

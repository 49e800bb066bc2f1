"""The base of losses as objects: a function, its arguments, and how a batch's values become one."""

from collections.abc import Callable
from typing import Any

from nbtape.core.dtype import as_dtype, float32
from nbtape.ops.arithmetic import cast
from nbtape.state.scopes.scope import name_scope
from nbtape.train.losses.masking import masked_weights
from nbtape.train.losses.reduction import reduced, same_rank
from nbtape.train.naming import unique

_REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Reduction:
    """The names of reductions, as programs for Keras 2 write them."""

    NONE, SUM, SUM_OVER_BATCH_SIZE = "none", "sum", "sum_over_batch_size"


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
            weights = masked_weights(values, weights, self._dtype, mean)
            return reduced(cast(values, self._dtype), weights, self.reduction)

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
        return self.fn(*same_rank(y_true, y_pred), **self.settings)

    def get_config(self) -> dict:
        return super().get_config() | {"fn": self.fn} | self.settings


class NamedLoss(LossFunctionWrapper):
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

"""The base of metrics, and those that add up: Sum, Mean, and means of a function."""

from collections.abc import Callable
from typing import Any

from nbtape.core import context
from nbtape.core.dtype import as_dtype, float32
from nbtape.ops.arithmetic import cast, divide_no_nan
from nbtape.ops.create import zeros
from nbtape.ops.measure import shape as shape_of
from nbtape.ops.reduce import reduce_mean, reduce_sum
from nbtape.ops.shape import broadcast_to
from nbtape.state.scaling import get as initializer_named
from nbtape.state.scopes.scope import name_scope
from nbtape.state.variable import Variable
from nbtape.train.losses.masking import masked_weights
from nbtape.train.losses.reduction import same_rank
from nbtape.train.naming import unique


class Metric:
    """The base of all metrics: a value that is brought together over batches.

    A subclass makes variables with `add_weight`, changes them in `update_state`, and gives the value so far
    in `result`. A call does both; `reset_state` starts again.

    >>> class Largest(tf.keras.metrics.Metric):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.most = self.add_weight(name="most")
    ...     def update_state(self, values):
    ...         self.most.assign(tf.maximum(self.most, tf.reduce_max(values)))
    ...     def result(self):
    ...         return self.most + 0.0
    >>> metric = Largest()
    >>> float(metric([1.0, 3.0])), float(metric([2.0]))
    (3.0, 3.0)
    """

    default = float32  # the dtype where none is given
    direction: str | None = None  # "up" where higher is better, "down" where lower is
    settings: tuple[str, ...] = ()  # attributes that `get_config` saves beside name and dtype

    def __init__(self, dtype: Any = None, name: str | None = None):
        self.name = name or unique(type(self).__name__)
        self._dtype, self._variables = as_dtype(dtype or self.default), []

    @property
    def dtype(self) -> str:
        """The name of the dtype of what is kept."""
        return self._dtype.name

    @property
    def variables(self) -> list[Variable]:
        """What is kept between batches, the variables of metrics in attributes with it."""
        held = [value for value in vars(self).values() if isinstance(value, Metric)]
        return [*self._variables, *[v for metric in held for v in metric.variables]]

    def _trackable_children(self) -> dict[str, Any]:
        return vars(self)

    def add_variable(
        self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None
    ) -> Variable:
        """A variable of the metric's own, 0 until the first batch; made at once, even in a trace."""
        with context.paused(), name_scope(self.name + "/"):
            value = initializer_named(initializer or "zeros")(shape, as_dtype(dtype or self._dtype))
            made = Variable(value, trainable=False, name=name)
        self._variables.append(made)
        return made

    add_weight = add_variable

    def reset_state(self) -> None:
        """Forget all batches."""
        for v in self.variables:
            v.assign(zeros(v.shape, v.dtype))

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch."""
        raise NotImplementedError(f"{type(self).__name__} must override `update_state`.")

    def result(self) -> Any:
        """The value over all batches so far."""
        raise NotImplementedError(f"{type(self).__name__} must override `result`.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict:
        """The arguments that make this metric again."""
        return {"name": self.name, "dtype": self.dtype} | {s: getattr(self, s) for s in self.settings}

    @classmethod
    def from_config(cls, config: dict) -> "Metric":
        """A metric made from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def weighted(values: Any, weights: Any, fold: Callable, dtype: Any) -> tuple[Any, Any]:
    """A value an example, times its weight, and the weights; `fold` is the reduction of further axes."""
    if weights is not None:
        weights = masked_weights(values, cast(weights, dtype), dtype)
    values = cast(values, dtype)
    if weights is not None:
        values, weights = same_rank(values, weights)
        rank = weights.shape.rank
        if values.shape.rank > rank:
            values = fold(values, list(range(rank, values.shape.rank)))
        weights = broadcast_to(weights, shape_of(values))
        values = values * weights
        if rank > 1:
            weights = fold(weights, list(range(1, rank)))
    if values.shape.rank > 1:
        values = fold(values, list(range(1, values.shape.rank)))
    return values, weights


class Sum(Metric):
    """The sum of all values.

    >>> metric = tf.keras.metrics.Sum()
    >>> metric.update_state([1.0, 2.0])
    >>> float(metric(3.0))
    6.0
    """

    def __init__(self, name: str = "sum", dtype: Any = None):
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, _ = weighted(values, sample_weight, reduce_sum, self._dtype)
        self.total.assign_add(reduce_sum(values))

    def result(self) -> Any:
        return self.total.read_value()


class Mean(Metric):
    """The mean of all values, by their weights.

    >>> metric = tf.keras.metrics.Mean()
    >>> metric.update_state([1.0, 2.0])
    >>> float(metric(6.0))
    3.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None):
        super().__init__(dtype, name)
        self.total, self.count = self.add_variable(name="total"), self.add_variable(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        values, weights = weighted(values, sample_weight, reduce_mean, self._dtype)
        self.total.assign_add(reduce_sum(values))
        if weights is not None:
            self.count.assign_add(reduce_sum(weights))
        else:
            self.count.assign_add(cast(shape_of(values)[0] if values.shape.rank else 1, self._dtype))

    def result(self) -> Any:
        return divide_no_nan(self.total, self.count)


class MeanMetricWrapper(Mean):
    """The mean of a function of targets and predictions, which is given `settings` too.

    >>> metric = tf.keras.metrics.MeanMetricWrapper(lambda y_true, y_pred: abs(y_true - y_pred))
    >>> float(metric(tf.constant([1.0, 2.0]), tf.constant([1.0, 4.0])))
    1.0
    """

    def __init__(self, fn: Callable, name: str | None = None, dtype: Any = None, **settings: Any):
        super().__init__(name or getattr(fn, "__name__", None), dtype)
        self.fn, self._settings = fn, settings

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        values = self.fn(y_true, y_pred, **self._settings)
        super().update_state(values, masked_weights(y_pred, sample_weight, self._dtype))

    def get_config(self) -> dict:
        return super().get_config() | {"fn": self.fn} | self._settings


class NamedMean(MeanMetricWrapper):
    """A mean of Keras's, whose class names its function."""

    function: Callable  # given as a static method

    def __init__(self, name: str | None = None, dtype: Any = None, **settings: Any):
        super().__init__(type(self).function, name, dtype, **settings)

    def get_config(self) -> dict:
        config = super().get_config()
        del config["fn"]
        return config

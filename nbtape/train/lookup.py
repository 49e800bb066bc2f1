"""Losses and metrics by the names under which `compile` takes them."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from nbtape.train import (
    accuracy,
    agreement,
    confusion,
    curves,
    losses as losses_,
    lossfunctions,
    lossmetrics,
    metric,
    overlap,
)
from nbtape.train.naming import snake

_SHORT = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "bce": "binary_crossentropy",
    "logcosh": "log_cosh",
}


def loss(identifier: Any) -> Any:
    """A loss by its name: a function for `"mse"` or `"mean_squared_error"`, an object for
    `"MeanSquaredError"`; anything callable, and None, as it is. Objects are found as `"mean_io_u"` too, where
    no function has that name.

    Raises ValueError for a name that no loss has.

    >>> tf.keras.losses.get("mse") is tf.keras.losses.mean_squared_error
    True
    """
    return _found(identifier, "loss", "a function of (y_true, y_pred)", lossfunctions, losses_)


def metric_(identifier: Any) -> Any:
    """A metric by its name, as `tf.keras.losses.get` gives losses.

    >>> tf.keras.metrics.get("MeanSquaredError").name
    'mean_squared_error'
    """
    modules = lossfunctions, accuracy, lossmetrics, metric, agreement, confusion, curves, overlap
    return _found(identifier, "metric", "a tf.keras.metrics.Metric", *modules)


def _found(identifier: Any, what: str, instead: str, *modules: ModuleType) -> Any:
    if identifier is None or callable(identifier):
        return identifier
    known = {name: x for module in modules for name, x in vars(module).items() if _is_public(name, x, module)}
    classes = {snake(name): x for name, x in known.items() if isinstance(x, type)}
    found = None
    if isinstance(identifier, str):
        found = (classes | known).get(_SHORT.get(identifier.lower(), identifier))
    if found is None:
        raise ValueError(
            f"Could not interpret {what} identifier: {identifier!r}. Give {instead}, or one of these names: "
            f"{', '.join(sorted(known))}."
        )
    return found() if isinstance(found, type) else found


def _is_public(name: str, x: Any, module: ModuleType) -> bool:
    return isinstance(x, Callable) and not name.startswith("_") and x.__module__ == module.__name__

"""Losses, metrics and optimizers by the names under which `compile` takes them, and as dicts."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from nbtape.state.custom import custom_object_scope, resolved
from nbtape.train.losses import (
    crossentropies,
    ctc,
    entropies,
    functions as lossfunctions,
    objects as losses_,
)
from nbtape.train.metrics import (
    accuracy,
    agreement,
    confusion,
    curves,
    losses as lossmetrics,
    metric,
    overlap,
)
from nbtape.train.naming import snake
from nbtape.train.optimizers import (
    adaptive,
    basic as optimizers,
    loss_scale,
    norms,
)
from nbtape.train.optimizers.optimizer import Optimizer

_LOSSES = lossfunctions, crossentropies, losses_, entropies, ctc
_METRICS = (
    lossfunctions, crossentropies, accuracy, lossmetrics, metric, agreement, confusion, curves, overlap
)  # fmt: skip
_OPTIMIZERS = optimizers, adaptive, norms, loss_scale
_PLACES = {"keras.losses": _LOSSES, "keras.metrics": _METRICS, "keras.optimizers": _OPTIMIZERS}
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
    `"MeanSquaredError"` or a dict of `tf.keras.losses.serialize`; anything callable, and None, as it is.

    Raises ValueError for a name that no loss has.

    >>> tf.keras.losses.get("mse") is tf.keras.losses.mean_squared_error
    True
    """
    return _found(identifier, "loss", "a function of (y_true, y_pred)", _LOSSES)


def metric_(identifier: Any) -> Any:
    """A metric by its name, as `tf.keras.losses.get` gives losses; classes that no function has the name of
    are found as `"auc"` too.

    >>> tf.keras.metrics.get("MeanSquaredError").name
    'mean_squared_error'
    """
    return _found(identifier, "metric", "a tf.keras.metrics.Metric", _METRICS)


def direction(name: str) -> str | None:
    """Whether "up" or "down" is better for a loss or metric of Keras's, by its name; None for any other."""
    name = _SHORT.get(name, name)
    kinds = {snake(key): x for key, x in _names(_METRICS).items() if isinstance(x, type)}
    return {"loss": "down", "acc": "up"}.get(name) or getattr(kinds.get(name), "direction", None)


def optimizer(identifier: Any) -> Any:
    """An optimizer by its name, with its own learning rate; or by a dict of `tf.keras.optimizers.serialize`.

    >>> tf.keras.optimizers.get("adam")
    Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False)
    """
    if isinstance(identifier, Optimizer):
        return identifier
    known = {name.lower(): name for name in _names(_OPTIMIZERS)}
    if isinstance(identifier, str):
        identifier = known.get(identifier.lower(), identifier)
    return _found(identifier, "optimizer", "a tf.keras.optimizers.Optimizer", _OPTIMIZERS)


def serialize(x: Any) -> Any:
    """A dict from which `deserialize` makes a loss, a metric or an optimizer again; a function's name."""
    if not hasattr(x, "get_config"):
        return x.__name__
    kind = type(x)
    place = "optimizers" if isinstance(x, Optimizer) else None
    place = place or ("metrics" if isinstance(x, metric.Metric) else "losses")
    is_ours = kind.__module__.startswith("nbtape.")
    return {
        "module": f"keras.{place}" if is_ours else kind.__module__,
        "class_name": kind.__name__,
        "config": x.get_config(),
        "registered_name": None if is_ours else kind.__name__,
    }


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """What `serialize` wrote; classes and functions of your own are given by name in `custom_objects`.

    >>> losses = tf.keras.losses
    >>> losses.deserialize(losses.serialize(losses.Huber(delta=0.5))).get_config()["delta"]
    0.5
    """
    if not isinstance(config, dict):
        config = {"class_name": config}
    name, place = config["class_name"], _PLACES.get(config.get("module", ""))
    known = _names(place or (*_OPTIMIZERS, *_METRICS, *_LOSSES))
    with custom_object_scope(custom_objects):
        if (found := resolved(name, known)) is None:  # Keras writes "adam" too
            found = {key.lower(): x for key, x in known.items()}.get(name.lower())
        if found is None:
            raise ValueError(f"Unknown object: {name!r}. Give it in `custom_objects`, as {{{name!r}: ...}}.")
        return found.from_config(dict(config["config"])) if "config" in config else found


def _found(identifier: Any, what: str, instead: str, modules: tuple[ModuleType, ...]) -> Any:
    if identifier is None or callable(identifier):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    known = _names(modules)
    classes = {snake(name): x for name, x in known.items() if isinstance(x, type)}
    found = None
    if isinstance(identifier, str):
        found = resolved(_SHORT.get(identifier.lower(), identifier), classes | known)
    if found is None:
        raise ValueError(
            f"Could not interpret {what} identifier: {identifier!r}. Give {instead}, or one of these names: "
            f"{', '.join(sorted(known))}."
        )
    return found() if isinstance(found, type) else found


def _names(modules: tuple[ModuleType, ...]) -> dict[str, Any]:
    """What is public in each module, and made there."""
    return {name: x for module in modules for name, x in vars(module).items() if _is_public(name, x, module)}


def _is_public(name: str, x: Any, module: ModuleType) -> bool:
    return isinstance(x, Callable) and not name.startswith("_") and x.__module__ == module.__name__

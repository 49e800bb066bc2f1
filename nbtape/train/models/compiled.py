"""What `compile` was told: losses and metrics for each output, by name or as they are."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nbtape.core import nest
from nbtape.state.variable import Variable
from nbtape.train import lookup
from nbtape.train.losses.loss import Loss, LossFunctionWrapper
from nbtape.train.metrics import (
    accuracy,
    losses as lossmetrics,
)
from nbtape.train.metrics.metric import Mean, MeanMetricWrapper, Metric

_KINDS = {  # metrics whose names mean one of three, by what the labels are
    "accuracy": (
        accuracy.BinaryAccuracy, accuracy.SparseCategoricalAccuracy, accuracy.CategoricalAccuracy,
    ),
    "crossentropy": (
        lossmetrics.BinaryCrossentropy, lossmetrics.SparseCategoricalCrossentropy,
        lossmetrics.CategoricalCrossentropy,
    ),
}  # fmt: skip
_SHORT = {"acc": "accuracy", "ce": "crossentropy"}
_NOT_WEIGHTS = (
    "`loss_weights` are numbers, and {0!r} are not. After optimizer and loss metrics are given by name: "
    "compile(optimizer, loss, metrics={0!r})."
)
_NOT_METRICS = (
    "Expected `{0}` argument to be a list, tuple, or dict. Received instead: {0}={1!r} of type {2}. "
    "Put it in a list: {0}=[{1!r}]."
)


class Losses:
    """A loss for each output, times its weight; of several outputs, the mean of each is told as well."""

    def __init__(self, given: Any, weights: Any = None, names: Sequence[str] | None = None):
        if any(isinstance(x, str) for x in nest.flatten(weights)):
            raise ValueError(_NOT_WEIGHTS.format(weights))
        self._given, self._weights, self._names = given, weights, names
        self._parts: list[tuple[Loss | None, float]] = []
        self.means: list[Mean] = []

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any = None) -> list:
        """The loss of each output that has one."""
        outputs, names = _outputs(y_pred, self._names)
        if not self._parts:
            self._make(outputs, names)
        targets, weights = _by_output(y, names, "y"), _by_output(sample_weight, names, "sample_weight")
        found, means = [], iter(self.means)
        for (loss, share), target, output, weight in zip(self._parts, targets, outputs, weights):
            if loss is None:
                continue
            value = loss(target, output, weight)
            if self.means:
                next(means).update_state(value, sample_weight=_size(output))
            found.append(value if share == 1 else value * share)
        return found

    def _make(self, outputs: list, names: Sequence[str]) -> None:
        losses = [_loss(given) for given in _by_output(self._given, names, "loss")]
        shares = [1.0 if x is None else x for x in _by_output(self._weights, names, "loss_weights")]
        self._parts = list(zip(losses, shares))
        if len(outputs) > 1:
            self.means = [Mean(f"{name}_loss") for name, loss in zip(names, losses) if loss is not None]


class Metrics:
    """The metrics of all outputs, those that weigh examples and those that do not, as one of many results."""

    name = "compile_metrics"

    def __init__(self, given: Any, weighted: Any = None, names: Sequence[str] | None = None):
        for name, x in (("metrics", given), ("weighted_metrics", weighted)):
            if not (x is None or isinstance(x, list | tuple | dict)):
                raise ValueError(_NOT_METRICS.format(name, x, type(x)))
        self._given, self._weighted, self._names = given, weighted, names
        self._parts: list[list[tuple[str, Metric, bool]]] | None = None
        for x in nest.flatten([given, weighted]):
            if isinstance(x, str):
                _check(x)

    @property
    def metrics(self) -> list[Metric]:
        """All of them, once they are made."""
        return [metric for part in self._parts or () for _, metric, _ in part]

    @property
    def variables(self) -> list[Variable]:
        return [v for metric in self.metrics for v in metric.variables]

    def reset_state(self) -> None:
        """Forget all batches."""
        for metric in self.metrics:
            metric.reset_state()

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        if self._given is None and self._weighted is None:
            return
        outputs, names = _outputs(y_pred, self._names)
        targets, weights = _by_output(y, names, "y"), _by_output(sample_weight, names, "sample_weight")
        if self._parts is None:
            self._make(targets, outputs, names)
        for part, target, output, weight in zip(self._parts or (), targets, outputs, weights):
            for _, metric, weighs in part:
                metric.update_state(target, output, *([weight] if weighs and weight is not None else []))

    def result(self) -> dict[str, Any]:
        """What each says so far, by name."""
        return {name: metric.result() for part in self._parts or () for name, metric, _ in part}

    def _make(self, targets: list, outputs: list, names: Sequence[str]) -> None:
        sets = [(_sets(self._given, names), False), (_sets(self._weighted, names), True)]
        self._parts = []
        for i, name in enumerate(names):
            before = f"{name}_" if len(names) > 1 else ""
            found: list[tuple[str, Metric, bool]] = []
            for given, weighs in sets:
                for x in given[i]:
                    metric = _metric(x, targets[i], outputs[i])
                    told = before + (x if isinstance(x, str) else metric.name)
                    found.append((_unlike(told, [name for name, *_ in found], weighs), metric, weighs))
            self._parts.append(found)


def told(given: Any) -> Any:
    """What `compile` was given, as a config: objects as dicts, and functions of the house by their names."""
    if isinstance(given, Mapping):
        return {name: told(x) for name, x in given.items()}
    if isinstance(given, list | tuple):
        return [told(x) for x in given]
    ours = callable(given) and getattr(given, "__module__", "").startswith("nbtape.")
    return lookup.serialize(given) if ours or hasattr(given, "get_config") else given


def meant(config: Any) -> Any:
    """What `told` gave the config of."""
    if isinstance(config, list):
        return [meant(x) for x in config]
    if not isinstance(config, Mapping):
        return config
    if "class_name" in config:
        return lookup.deserialize(config)
    return {name: meant(x) for name, x in config.items()}


def _unlike(name: str, taken: Sequence[str], weighs: bool) -> str:
    """A name that is not taken yet."""
    if name in taken and weighs:
        name = f"weighted_{name}"
    found, i = name, 1
    while found in taken:
        found, i = f"{name}_{i}", i + 1
    return found


def _outputs(y_pred: Any, names: Sequence[str] | None) -> tuple[list, Sequence[str]]:
    """The outputs in a row, and a name for each."""
    if isinstance(y_pred, Mapping):
        return list(y_pred.values()), list(y_pred)
    flat = nest.flatten(y_pred)
    known = names is not None and len(names) == len(flat)
    return flat, names if known else [f"output_{i}" for i in range(len(flat))]  # type: ignore[return-value]


def _by_output(given: Any, names: Sequence[str], what: str) -> list:
    """What is given for each output: by name, in a row, or one for all."""
    if isinstance(given, Mapping):
        unknown = [key for key in given if key not in names]
        if unknown:
            raise ValueError(f"In the dict `{what}`, there is no output named {unknown}: they are {names}.")
        return [given.get(name) for name in names]
    if isinstance(given, list | tuple):
        if len(given) == len(names):
            return list(given)
        raise ValueError(f"`{what}` has {len(given)} parts for {len(names)} outputs: {list(names)}.")
    return [given] * len(names)


def _sets(given: Any, names: Sequence[str]) -> list[list]:
    """The metrics of each output."""
    if given is None:
        return [[] for _ in names]
    if len(names) == 1 and not isinstance(given, Mapping):
        return [[x for x in nest.flatten(given) if x is not None]]
    found = _by_output(given, names, "metrics")
    return [[] if x is None else list(x) if isinstance(x, list | tuple) else [x] for x in found]


def _loss(given: Any) -> Loss | None:
    found = lookup.loss(given)
    if found is None or isinstance(found, Loss) or hasattr(found, "reduction"):
        return found
    return LossFunctionWrapper(found, name=_name(found))


def _name(function: Any) -> str:
    """A function's name, as one of scopes: a lambda's is "lambda"."""
    return re.sub(r"\W", "", getattr(function, "__name__", type(function).__name__))


def _check(name: str) -> None:
    if _SHORT.get(name.lower(), name.lower()) not in _KINDS:
        lookup.metric_(name)


def _metric(given: Any, target: Any, output: Any) -> Any:
    """A metric by name or as it is; the name of several means that for the labels and outputs there are."""
    kinds = _KINDS.get(_SHORT.get(given.lower(), given.lower())) if isinstance(given, str) else None
    if kinds is not None:
        kind = _kind(target, output)
        return kinds[kind]()
    found = lookup.metric_(given)
    if isinstance(found, type):
        found = found()
    return found if hasattr(found, "update_state") else MeanMetricWrapper(found, name=_name(found))


def _kind(target: Any, output: Any) -> int:
    if output.shape[-1] == 1:
        return 0
    whole = target.shape.rank < output.shape.rank or target.shape[-1] == 1
    return 1 if whole else 2


def _size(x: Any) -> Any:
    return x.shape[0]

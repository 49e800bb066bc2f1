"""Constraints, what optimizers apply to a weight after each update: `tf.keras.constraints`."""

from typing import Any

from nbtape.core.engine import tensor
from nbtape.ops.clip import clip_by_value
from nbtape.ops.functions import maximum, sqrt, square
from nbtape.ops.reduce import reduce_sum
from nbtape.state.custom import custom_object_scope, described, resolved

_EPSILON = 1e-7


class Constraint:
    """The base of all constraints: a function of a weight that gives what it becomes."""

    def __call__(self, w: Any) -> Any:
        return w

    def get_config(self) -> dict:
        """The arguments that make this constraint again."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict) -> Any:
        return cls(**config)


class NonNeg(Constraint):
    """No number below 0.

    >>> tf.keras.constraints.NonNeg()(tf.constant([-1.0, 2.0])).numpy()
    array([0., 2.], dtype=float32)
    """

    def __call__(self, w: Any) -> Any:
        return maximum(tensor(w), 0.0)


class MaxNorm(Constraint):
    """Norms along `axis` of at most `max_value`.

    >>> tf.keras.constraints.MaxNorm(5.0)(tf.constant([[6.0, 0.3], [8.0, 0.4]])).numpy().round(4).tolist()
    [[3.0, 0.30000001192092896], [4.0, 0.4000000059604645]]
    """

    def __init__(self, max_value: float = 2, axis: Any = 0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        w, norms = _with_norms(w, self.axis)
        return w * (clip_by_value(norms, 0.0, self.max_value) / (_EPSILON + norms))


class UnitNorm(Constraint):
    """Norms along `axis` of 1."""

    def __init__(self, axis: Any = 0):
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w, norms = _with_norms(w, self.axis)
        return w / (_EPSILON + norms)


class MinMaxNorm(Constraint):
    """Norms along `axis` that go a share `rate` of the way to between `min_value` and `max_value`."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Any:
        w, norms = _with_norms(w, self.axis)
        wanted = self.rate * clip_by_value(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (_EPSILON + norms))


def _with_norms(w: Any, axis: Any) -> tuple[Any, Any]:
    w = tensor(w)
    return w, sqrt(reduce_sum(square(w), axis, keepdims=True))


_CLASSES: dict[str, type[Constraint]] = {c.__name__: c for c in (NonNeg, MaxNorm, UnitNorm, MinMaxNorm)}
_NAMED = _CLASSES | {
    "non_neg": NonNeg, "max_norm": MaxNorm, "unit_norm": UnitNorm, "min_max_norm": MinMaxNorm
}  # fmt: skip


def get(identifier: Any) -> Any:
    """The constraint that `identifier` means: a name, a config, a function of a weight, or None."""
    found = identifier
    if isinstance(identifier, str):
        found = resolved(identifier, _NAMED)
        found = found() if isinstance(found, type) else found
    elif isinstance(identifier, dict):
        kind = resolved(identifier.get("class_name", ""), _CLASSES)
        found = kind and kind.from_config(identifier.get("config", {}))
    if identifier is not None and not callable(found):
        raise ValueError(f"Could not interpret constraint identifier: {identifier}")
    return found


def serialize(constraint: Any) -> dict:
    """A dict from which `deserialize` makes the constraint again."""
    return described(constraint, "keras.constraints")


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The constraint that `serialize` wrote; classes of your own are given by name in `custom_objects`."""
    with custom_object_scope(custom_objects):
        return get(config)

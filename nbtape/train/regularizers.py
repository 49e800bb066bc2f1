"""Regularizers, what a layer adds to the loss for the size of its weights: `tf.keras.regularizers`."""

from typing import Any

from nbtape.ops.create import eye
from nbtape.ops.functions import abs as absolute, square
from nbtape.ops.linalg import matmul
from nbtape.ops.norm import l2_normalize
from nbtape.ops.reduce import reduce_sum
from nbtape.ops.shape import transpose
from nbtape.state.custom import custom_object_scope, described, resolved


class Regularizer:
    """The base of all regularizers: a function of a weight that gives what it adds to the loss."""

    def __call__(self, x: Any) -> Any:
        return 0.0

    def get_config(self) -> dict:
        """The arguments that make this regularizer again."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict) -> Any:
        return cls(**config)


class L1L2(Regularizer):
    """`l1` times the sum of absolute values, plus `l2` times the sum of squares.

    >>> float(tf.keras.regularizers.L1L2(l1=1.0, l2=0.5)(tf.constant([1.0, -2.0])))
    5.5
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0):
        self.l1, self.l2 = 0.0 if l1 is None else l1, 0.0 if l2 is None else l2

    def __call__(self, x: Any) -> Any:
        parts = []
        if self.l1:
            parts.append(self.l1 * reduce_sum(absolute(x)))
        if self.l2:
            parts.append(self.l2 * reduce_sum(square(x)))
        return sum(parts[1:], parts[0]) if parts else 0.0 * reduce_sum(x)

    def get_config(self) -> dict:
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """`l1` times the sum of absolute values."""

    def __init__(self, l1: float = 0.01):
        super().__init__(l1=l1)

    def get_config(self) -> dict:
        return {"l1": self.l1}


class L2(L1L2):
    """`l2` times the sum of squares."""

    def __init__(self, l2: float = 0.01):
        super().__init__(l2=l2)

    def get_config(self) -> dict:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """`factor` times how far rows (or columns) are from being at right angles, by the mean of their products.

    >>> float(tf.keras.regularizers.OrthogonalRegularizer(1.0)(tf.eye(2)))
    0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows"):
        if mode not in ("rows", "columns"):
            raise ValueError(f"Invalid value for argument `mode`: {mode!r}. Write 'rows' or 'columns'.")
        self.factor, self.mode = factor, mode

    def __call__(self, x: Any) -> Any:
        if x.shape.rank != 2:
            raise ValueError(f"Inputs to OrthogonalRegularizer must have rank 2. Received: shape={x.shape}")
        rows = l2_normalize(x if self.mode == "rows" else transpose(x), 1)
        products, n = matmul(rows, rows, transpose_b=True), rows.shape[0]
        off = reduce_sum(absolute(products * (1.0 - eye(n, dtype=products.dtype))))
        return self.factor * 0.5 * off / (n * (n - 1.0) / 2.0)

    def get_config(self) -> dict:
        return {"factor": self.factor, "mode": self.mode}


_CLASSES: dict[str, Any] = {c.__name__: c for c in (L1L2, L1, L2, OrthogonalRegularizer)}
_NAMED: dict[str, Any] = _CLASSES | {
    "l1": L1, "l2": L2, "l1_l2": lambda: L1L2(0.01, 0.01), "orthogonal_regularizer": OrthogonalRegularizer,
}  # fmt: skip


def get(identifier: Any) -> Any:
    """The regularizer that `identifier` means: a name, a config, a function of a weight, or None."""
    found = identifier
    if isinstance(identifier, str):
        found = resolved(identifier, _NAMED)
        found = found() if isinstance(found, type) or found in _NAMED.values() else found
    elif isinstance(identifier, dict):
        kind = resolved(identifier.get("class_name", ""), _CLASSES)
        found = kind and kind.from_config(identifier.get("config", {}))
    if identifier is not None and not callable(found):
        raise ValueError(f"Could not interpret regularizer identifier: {identifier}")
    return found


def serialize(regularizer: Any) -> dict:
    """A dict from which `deserialize` makes the regularizer again."""
    return described(regularizer, "keras.regularizers")


def deserialize(config: Any, custom_objects: dict | None = None) -> Any:
    """The regularizer that `serialize` wrote; classes of your own are given by name in `custom_objects`."""
    with custom_object_scope(custom_objects):
        return get(config)

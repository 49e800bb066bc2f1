"""Layers that apply a function, or only say something of their inputs: Lambda, Identity, Masking."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.engine import Tensor
from nbtape.ops.create import zeros_like
from nbtape.ops.mask import where
from nbtape.ops.reduce import reduce_any
from nbtape.train.layers.keras_tensor import KerasTensor
from nbtape.train.layers.layer import Layer


class Lambda(Layer):
    """A function of the inputs, with `arguments`, as a layer; `mask` gives their mask, or is it.

    >>> tf.keras.layers.Lambda(lambda x: x * 2.0)(tf.constant([3.0])).numpy()
    array([6.], dtype=float32)
    """

    settings = ("function", "arguments")
    supports_masking = True

    def __init__(
        self,
        function: Callable,
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.function, self.arguments, self.mask = function, dict(arguments or {}), mask

    def call(self, inputs: Any) -> Any:
        return self.function(inputs, **self.arguments)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask


class Identity(Layer):
    """The inputs themselves."""

    supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs


class Masking(Layer):
    """Says that steps of (batch, steps, features) whose features are all `mask_value` are none.

    >>> layer = tf.keras.layers.Masking()
    >>> layer(tf.constant([[[1.0, 0.0], [0.0, 0.0]]]))._keras_mask.numpy()
    array([[ True, False]])
    """

    settings = ("mask_value",)

    def __init__(self, mask_value: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return reduce_any(inputs != self.mask_value, -1)

    def call(self, inputs: Any) -> Any:
        kept = reduce_any(inputs != self.mask_value, -1, keepdims=True)
        return where(kept, inputs, zeros_like(inputs))


class Operation(Layer):
    """An operator of Python's, such as "add"; `operands` has None for what the call brings."""

    settings = ("operator", "operands")

    def __init__(self, operator: str, operands: Any, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.operator, self.operands = operator, list(operands)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """None: an operator does not know of masks."""
        return None

    def call(self, *inputs: Any) -> Any:
        left = iter(inputs)
        return getattr(operator, self.operator)(*[next(left) if x is None else x for x in self.operands])

    def get_config(self) -> dict:
        return super().get_config() | {"operands": [_told(x) for x in self.operands]}

    @classmethod
    def from_config(cls, config: dict) -> Any:
        return cls(**config | {"operands": [_meant(x) for x in config["operands"]]})


def _told(x: Any) -> Any:
    """An operand as a config has it: what JSON has no word for as a dict."""
    if isinstance(x, slice):
        return {"slice": [x.start, x.stop, x.step]}
    if isinstance(x, tuple):
        return {"tuple": [_told(part) for part in x]}
    if x is Ellipsis:
        return {"slice": None}
    if isinstance(x, Tensor | np.ndarray | np.generic):
        return {"array": np.asarray(x).tolist(), "dtype": str(np.asarray(x).dtype)}
    return x


def _meant(x: Any) -> Any:
    match x:
        case {"slice": parts}:
            return Ellipsis if parts is None else slice(*parts)
        case {"tuple": parts}:
            return tuple([_meant(part) for part in parts])
        case {"array": values, "dtype": dtype}:
            return np.array(values, dtype)
    return x


def operated(operator: str, *operands: Any) -> Any:
    """The KerasTensor that an operator makes of KerasTensors and values."""
    symbols = [x for x in operands if isinstance(x, KerasTensor)]
    return Operation(operator, [None if isinstance(x, KerasTensor) else x for x in operands])(*symbols)

"""What a variable that `get_variable` makes starts from."""

import inspect
from collections.abc import Callable
from typing import Any

from nbtape.core.dtype import DType
from nbtape.core.shape import TensorShape
from nbtape.state.initializers import Zeros
from nbtape.state.scaling import GlorotUniform

_BAD_INITIALIZER = (
    "The initializer passed is not valid. It should be a callable with no arguments and the shape should not "
    "be provided or an instance of `tf.keras.initializers.*' and `shape` should be fully defined."
)


def initial_value(name: str, shape: TensorShape | None, dtype: DType, initializer: Any) -> tuple[Any, Any]:
    """What the variable starts from, and its dtype where the value does not say it."""
    if initializer is None:
        if shape is None:
            raise ValueError(
                f"Variable {name} did not get an initializer, so its `shape` argument must be specified."
            )
        if dtype.is_complex:
            raise ValueError(f"An initializer for variable {name} of {dtype} is required")
        initializer = GlorotUniform() if dtype.is_floating else Zeros()
    if not callable(initializer):
        return initializer, None
    if isinstance(initializer, type):
        initializer = initializer()
    if shape is not None and shape.is_fully_defined():
        return lambda: initializer(shape.as_list(), dtype=dtype), dtype
    if _takes_nothing(initializer):
        return initializer, None
    raise ValueError(_BAD_INITIALIZER)


def _takes_nothing(function: Callable) -> bool:
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return all(p.default is not p.empty or p.kind in kinds for p in parameters)

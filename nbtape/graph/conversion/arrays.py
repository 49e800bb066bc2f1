"""TensorArrays as loop variables: a traced loop carries one tensor, whose shape has to be known when it
starts.
"""

from collections.abc import Callable
from typing import Any

from nbtape.core import nest
from nbtape.core.shape import Spec, TensorShape
from nbtape.graph.trace import Region
from nbtape.ops.tensor_array import TensorArray


def settle(body: Callable, loop_vars: Any) -> None:
    """Find out what the body of a loop writes into TensorArrays that nothing was written into yet.

    TensorFlow keeps a list of tensors there, and needs not know. Here the body is traced once more, and
    forgotten.
    """
    flat = nest.flatten(loop_vars)
    open_ = [i for i, x in enumerate(flat) if isinstance(x, TensorArray) and _is_open(x)]
    if not open_:
        return
    region = Region("element_shapes")
    with region.as_default():
        for i in open_:
            flat[i] = flat[i]._with_rows(region.placeholder(Spec(None, flat[i].dtype.np)))
        found = nest.flatten(body(*nest.pack_sequence_as(loop_vars, flat)))
    for i, x in enumerate(nest.flatten(loop_vars)):
        if i in open_ and i < len(found) and isinstance(found[i], TensorArray):
            x._shape = found[i].element_shape


def shapes(value: Any, xs: list) -> list[TensorShape]:
    """The shapes that the tensors of a loop variable keep: an array that may grow has any number of rows."""
    if isinstance(value, TensorArray) and value.dynamic_size:
        return [TensorShape([None, *x.shape[1:]]) for x in xs]
    return [x.shape for x in xs]


def _is_open(array: TensorArray) -> bool:
    empty = not array._slots or any(slot is None for slot in array._slots)
    return array._rows is None and empty and not array.element_shape.is_fully_defined()

"""Datasets and iterators as arguments of traced functions: in the graph a number stands for one.

So a function is traced once for all datasets of one structure. Inside it a dataset that came as an argument
is a stand-in, whose number says at each run which one it is.
"""

import itertools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.engine import EagerTensor, Tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import TensorSpec
from nbtape.graph.python import py_function
from nbtape.train.data.element import leaves

_numbers = itertools.count(1)
_live: "weakref.WeakValueDictionary[int, Any]" = weakref.WeakValueDictionary()
# The stand-ins that a graph has: numbers of their own, and the tensors that say which datasets they are.
_stand_ins: "weakref.WeakKeyDictionary[Any, dict[int, Tensor]]" = weakref.WeakKeyDictionary()


class Numbered:
    """An object that can be an argument of a traced function; its structure is what the trace is made for."""

    _spec: Any
    _number: Any = None
    stand_in: Callable[[Any], Any]  # makes of a structure what stands for an object of it

    def __composite_flatten__(self) -> tuple[Any, tuple]:
        if self._number is None:
            number = next(_numbers)
            _live[number] = self
            self._number = EagerTensor(np.int64(number))
        return self._spec, (self._number,)

    @classmethod
    def __composite_unflatten__(cls, spec: Any, parts: tuple) -> Any:
        (number,) = parts
        if isinstance(number, EagerTensor):
            return found(number)
        x = cls.stand_in(spec)
        x._number = number
        if isinstance(number, Tensor):
            _stand_ins.setdefault(number.graph, {})[id(x)] = number  # type: ignore[attr-defined]
        return x


def found(number: Any) -> Any:
    """What a number stands for."""
    x = _live.get(int(number))
    if x is None:
        raise invalid("This dataset or iterator is gone: keep it in a name while a function goes through it.")
    return x


def _visible() -> dict[int, Tensor]:
    """The stand-ins of the open graph, and of those around it."""
    stand_ins: dict[int, Tensor] = {}
    graph: Any = context.local.graph
    while graph is not None:
        stand_ins = _stand_ins.get(graph, {}) | stand_ins
        graph = getattr(graph, "outer", None)
    return stand_ins


def in_graph(function: Callable, inputs: list, specs: list) -> list:
    """`function(bound, *inputs)` whenever the graph that is open comes to this point.

    `bound` are the datasets for which its stand-ins stand.
    """
    stand_ins = _visible()
    keys, n = list(stand_ins), len(stand_ins)

    def run(*values: Any) -> Any:
        return function({key: found(x) for key, x in zip(keys, values)}, *values[n:])

    return py_function(run, [*stand_ins.values(), *inputs], specs)


def results(spec: Any, function: Callable, inputs: list) -> Any:
    """A structure of tensors, whose values `function(bound, *inputs)` gives as a flat list of arrays."""
    specs = leaves(spec)
    tensors = iter(in_graph(lambda *xs: _arrays(function(*xs)), inputs, [s for s in specs if _is_array(s)]))
    return nest.pack_sequence_as(spec, [next(tensors) if _is_array(s) else None for s in specs])


def _is_array(spec: Any) -> bool:
    return isinstance(spec, TensorSpec)


def _arrays(values: list) -> list:
    return [value for value in values if value is not None]

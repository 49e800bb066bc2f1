"""Datasets and iterators as arguments of traced functions: in the graph a number stands for one.

So a function is traced once for all datasets of one structure. Inside it a dataset that came as an argument
is a stand-in, whose number says at each run which one it is.
"""

import itertools
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.dtype import int64
from nbtape.core.engine import EagerTensor, Tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import TensorSpec
from nbtape.graph.python import py_function
from nbtape.train.data.element import DatasetSpec, leaves

_numbers = itertools.count(1)
# What graphs made is kept until they have made this many others, since nobody else knows it.
_made: "deque[Any]" = deque(maxlen=64)
_live: "weakref.WeakValueDictionary[int, Any]" = weakref.WeakValueDictionary()
# The stand-ins that a graph has: numbers of their own, and the tensors that say which datasets they are.
_stand_ins: "weakref.WeakKeyDictionary[Any, dict[int, Tensor]]" = weakref.WeakKeyDictionary()


class Numbered:
    """An object that can be an argument of a traced function; its structure is what the trace is made for."""

    _spec: Any
    _number: Any = None
    stand_in: Callable[[Any], Any]  # makes of a structure what stands for an object of it

    def _handle(self) -> Tensor:
        """The number of this object."""
        if self._number is None:
            number = next(_numbers)
            _live[number] = self
            self._number = EagerTensor(np.int64(number))
        return self._number

    def __composite_flatten__(self) -> tuple[Any, tuple]:
        return self._spec, (self._handle(),)

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
    return _there(_live.get(int(number)))


def stood_for(bound: dict, stand_in: Any) -> Any:
    """What a stand-in stands for."""
    return _there(bound.get(id(stand_in)))


def _there(x: Any) -> Any:
    if x is None:
        raise invalid("This dataset or iterator is gone: keep it in a name while a function goes through it.")
    return x


def visible() -> dict[int, Tensor]:
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
    stand_ins = visible()
    keys, n = list(stand_ins), len(stand_ins)

    def run(*values: Any) -> Any:
        return function({key: _live.get(int(x)) for key, x in zip(keys, values)}, *values[n:])

    return py_function(run, [*stand_ins.values(), *inputs], specs)


def numbered(make: Callable, inputs: list) -> Tensor:
    """The number of what `make(bound, *inputs)` makes whenever the open graph comes to this point."""
    return in_graph(lambda *values: _number_of(make(*values)), inputs, [int64])[0]


def _number_of(x: Numbered) -> Tensor:
    _made.append(x)
    return x._handle()


def made(kind: type[Numbered], spec: Any, make: Callable, inputs: list) -> Any:
    """The stand-in of what `make(bound, *inputs)` makes whenever the open graph comes to this point."""
    return kind.__composite_unflatten__(spec, (numbered(make, inputs),))


# A graph takes an element as a list of tensors: a dataset in it as its number, and None not at all.


def specs_in_graph(spec: Any) -> list[TensorSpec]:
    return [s if isinstance(s, TensorSpec) else TensorSpec((), int64) for s in leaves(spec) if s is not None]


def row_in_graph(row: list) -> list:
    return [_number_of(v) if isinstance(v, Numbered) else v for v in row if v is not None]


def from_graph(spec: Any, values: Sequence[Any]) -> Any:
    """The structure of an element, of the tensors that a graph has of it."""
    left = iter(values)

    def leaf(s: Any) -> Any:
        if isinstance(s, DatasetSpec):
            return type(s._like).__composite_unflatten__(s.element_spec, (next(left),))
        return None if s is None else next(left)

    return nest.pack_sequence_as(spec, [leaf(s) for s in leaves(spec)])


def results(spec: Any, function: Callable, inputs: list, call: Callable = in_graph) -> Any:
    """An element, which `function(bound, *inputs)` gives as a flat one whenever the open graph comes to this
    point; `function(*inputs)` where `call` is py_function.
    """
    values = call(lambda *xs: row_in_graph(function(*xs)), inputs, specs_in_graph(spec))
    return from_graph(spec, values)

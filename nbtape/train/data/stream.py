"""Streams: one way through a dataset, whose state can be kept as arrays and taken up again.

What goes through a stream is an item: the number of a row, a flat element (see `element`), or a tuple of
items. A reader (see `reader`) says which element an item stands for. So what only chooses and orders moves
numbers, and the rows of a batch are copied once, from the arrays where they lie.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from nbtape.core.errors import invalid

# What opens a stream; it is given the datasets that stand for the parameters of a traced function.
Source = Callable[[dict], "Stream"]

END: Any = object()  # what stands for an item after the last one


class Stream(Iterator[Any]):
    """Items one after another, and the names of the fields that say how far it has come.

    >>> numbers = Count(5)
    >>> next(numbers), numbers.take(2), numbers.state()
    (0, [1, 2], {'i': 3})
    """

    kept: ClassVar[tuple[str, ...]] = ()

    def take(self, n: int) -> list:
        """The next `n` items; fewer at the end."""
        return list(itertools.islice(self, n))

    def state(self) -> Any:
        return {name: _kept(getattr(self, name)) for name in self.kept}

    def restore(self, state: Any) -> None:
        """Go on from where a stream was that gave this state."""
        for name in self.kept:
            setattr(self, name, _restored(getattr(self, name), state[name]))


class Blocks(Stream):
    """A stream that is written as what gives several items at once."""

    def __next__(self) -> Any:
        found = self.take(1)
        if not found:
            raise StopIteration
        return found[0]


class Count(Stream):
    """The numbers from 0 up to `n`, without end for None."""

    kept = ("i",)

    def __init__(self, n: int | None):
        self.i, self._n = 0, n

    def __next__(self) -> int:
        if self.i == self._n:
            raise StopIteration
        self.i += 1
        return self.i - 1

    def take(self, n: int) -> list:
        start, self.i = self.i, self.i + n if self._n is None else min(self.i + n, self._n)
        return list(range(start, self.i))


def _kept(value: Any) -> Any:
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    if hasattr(value, "state"):
        return value.state()
    if type(value) is tuple and value and isinstance(value[0], Stream):
        return [stream.state() for stream in value]
    return value.copy() if isinstance(value, list | np.ndarray) else value


def _restored(value: Any, state: Any) -> Any:
    if isinstance(value, np.random.Generator):
        value.bit_generator.state = state
    elif hasattr(value, "restore"):
        value.restore(state)
    elif type(value) is tuple and value and isinstance(value[0], Stream):
        for stream, part in zip(value, state):
            stream.restore(part)
    else:
        return state.copy() if isinstance(state, np.ndarray) else state
    return value


def arrays_of(state: Any) -> dict[str, np.ndarray]:
    """A state as arrays: those that are in it, and the form that they are in, as the bytes of a JSON text.

    >>> sorted(arrays_of({"i": 3, "rows": [np.zeros(2)]}))
    ['array_0', 'form']
    """
    arrays: dict[str, np.ndarray] = {}

    def form(x: Any) -> Any:
        if isinstance(x, dict):
            return {"dict": [[key, form(value)] for key, value in x.items()]}
        if isinstance(x, tuple):
            return {"tuple": [form(item) for item in x]}
        if isinstance(x, list):
            return {"list": x} if all(type(item) is int for item in x) else [form(item) for item in x]
        if isinstance(x, np.ndarray | np.generic):
            name = f"array_{len(arrays)}"
            arrays[name] = np.asarray(x)
            return {"array": name, "number": isinstance(x, np.generic)}
        if x is None or isinstance(x, bool | int | float | str):
            return x
        raise invalid(f"The state of this iterator cannot be kept: it holds {x!r}, which is no array.")

    text = json.dumps(form(state)).encode()
    return {"form": np.frombuffer(text, np.uint8), **arrays}


def state_of(arrays: dict[str, np.ndarray]) -> Any:
    """The state that these arrays were made of."""

    def value(x: Any) -> Any:
        if isinstance(x, list):
            return [value(item) for item in x]
        if not isinstance(x, dict):
            return x
        if "dict" in x:
            return {key: value(item) for key, item in x["dict"]}
        if "array" in x:
            array = arrays[x["array"]]
            return array[()] if x["number"] else array
        return x["list"] if "list" in x else tuple([value(item) for item in x["tuple"]])

    return value(json.loads(np.asarray(arrays["form"]).tobytes()))

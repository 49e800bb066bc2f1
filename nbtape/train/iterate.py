"""Going through a dataset: its iterators; and through a Python generator, which a dataset goes through."""

import itertools
from collections.abc import Callable, Iterator as PythonIterator
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.dtype import bool_, int64
from nbtape.core.engine import tensor
from nbtape.core.errors import OpError, OutOfRangeError, invalid
from nbtape.core.shape import TensorSpec
from nbtape.graph.python import as_op_error, py_function
from nbtape.train import element
from nbtape.train.element import packed


class Iterator:
    """One way through a dataset."""

    def __init__(self, dataset: Any):
        self._spec, self._rows = dataset.element_spec, dataset._source()

    @property
    def element_spec(self) -> Any:
        return self._spec

    def __iter__(self) -> "Iterator":
        return self

    def __next__(self) -> Any:
        with context.recording(()):
            return packed(self._spec, next(self._rows))

    def __graph_iter__(self) -> "GraphIterator":
        return GraphIterator(self._spec, lambda: self._rows)

    def get_next(self, name: str | None = None) -> Any:
        """The next element; raises OutOfRangeError at the end."""
        try:
            return next(self)
        except StopIteration:
            raise OutOfRangeError(None, None, "End of sequence") from None

    def get_next_as_optional(self) -> "Optional":
        """The next element, or an empty Optional at the end."""
        return Optional(list(itertools.islice(self, 1)))


class GraphIterator:
    """What a loop in a traced function goes through: each run of the graph asks for the elements anew.

    `start` gives them as flat lists of arrays.
    """

    def __init__(self, spec: Any, start: Callable[[], PythonIterator[list]]):
        self._spec, self._start = spec, start
        self._specs = element.leaves(spec)
        self._open: dict[int, PythonIterator[list]] = {}  # what runs of the graph are going through
        self._count = itertools.count()
        self._handle = py_function(self._opened, [], int64)

    def next(self, wanted: Any) -> tuple[Any, Any]:
        """Whether there is one more element, where one is wanted, and that element, else zeros."""
        found = py_function(self._next, [self._handle, wanted], [bool_, *self._specs])
        return found[0], nest.pack_sequence_as(self._spec, found[1:])

    def _opened(self) -> int:
        key = next(self._count)
        self._open[key] = self._start()
        return key

    def _next(self, handle: Any, wanted: Any) -> list:
        row = next(self._open[int(handle)], None) if wanted else None
        if row is not None:
            return [True, *row]
        del self._open[int(handle)]
        return [False, *[np.zeros([n or 0 for n in s.shape.dims or ()], s.dtype.np) for s in self._specs]]


class Optional:
    """An element that may be missing."""

    def __init__(self, held: list):
        self._held = held

    def has_value(self, name: str | None = None) -> Any:
        """Whether there is an element, as a boolean tensor."""
        return tensor(bool(self._held))

    def get_value(self, name: str | None = None) -> Any:
        """The element; raises InvalidArgumentError where there is none."""
        if not self._held:
            raise invalid("The given optional does not have a value.")
        return self._held[0]


def generated(generator: Callable, args: list, spec: Any) -> PythonIterator[list]:
    for found in _guarded(generator, args):
        yield [element.converted(v, s) for v, s in zip(_flattened(found, spec), element.leaves(spec))]


def _guarded(generator: Callable, args: list) -> PythonIterator:
    try:
        yield from generator(*args)
    except OpError:
        raise
    except Exception as error:
        raise as_op_error(error) from error


def _flattened(found: Any, spec: Any) -> list:
    """What a generator yielded, as flat as its spec."""
    if isinstance(spec, TensorSpec):
        return [found]
    children = list(found.values()) if isinstance(found, dict) else found
    parts = [spec[key] for key in sorted(spec)] if isinstance(spec, dict) else list(spec)
    if isinstance(found, dict) and isinstance(spec, dict) and set(found) == set(spec):
        children = [found[key] for key in sorted(found)]
    elif not isinstance(found, tuple) or isinstance(spec, dict) or len(found) != len(parts):
        types = nest.map_structure(lambda s: s.dtype, spec)
        raise invalid(
            "TypeError: `generator` yielded an element that did not match the expected structure. The "
            "expected "
            f"structure was {types}, but the yielded element was {found}."
        )
    return [leaf for child, part in zip(children, parts) for leaf in _flattened(child, part)]

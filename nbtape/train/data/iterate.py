"""Going through a dataset: its iterators; and through a Python generator, which a dataset goes through."""

import itertools
from collections.abc import Callable, Iterator as PythonIterator
from typing import Any

import numpy as np

from nbtape.core import context, nest, source
from nbtape.core.dtype import bool_, int64
from nbtape.core.engine import EagerTensor, tensor
from nbtape.core.errors import FailedPreconditionError, OpError, OutOfRangeError, invalid
from nbtape.core.shape import TensorSpec
from nbtape.graph.python import as_op_error, py_function
from nbtape.graph.symbolic import SymbolicTensor
from nbtape.train.data import element
from nbtape.train.data.element import leaves, packer
from nbtape.train.data.parameters import (
    Numbered,
    found,
    from_graph,
    in_graph,
    results,
    row_in_graph,
    specs_in_graph,
)
from nbtape.train.data.stream import END, Stream, arrays_of, state_of


class Iterator(Numbered):
    """One way through a dataset, whose place can be saved with `tf.train.Checkpoint`.

    In a function that is traced the next element is taken whenever the function runs.

    >>> numbers = iter(tf.data.Dataset.range(3))
    >>> int(next(numbers)), int(numbers.get_next())
    (0, 1)
    """

    def __init__(self, spec: Any, rows: Stream | None):
        self._spec, self._rows, self._pack = spec, rows, packer(spec)

    @classmethod
    def stand_in(cls, spec: Any) -> "Iterator":
        return cls(spec, None)

    @property
    def element_spec(self) -> Any:
        """The structure of an element, with a TensorSpec for each tensor."""
        return self._spec

    def __iter__(self) -> "Iterator":
        return self

    def __next__(self) -> Any:
        if context.local.watch is None:
            return self._pack(next(self._rows))  # type: ignore[arg-type]
        if context.local.graph is not None:
            return self.get_next()
        with context.at_home():
            return self._pack(next(self._rows))  # type: ignore[arg-type]

    def __graph_iterator__(self) -> "Iterator":
        return self

    def __graph_iter__(self) -> "GraphIterator":
        here, inputs = self._in_graph()
        return GraphIterator(self._spec, lambda bound, *number: here(*number)._rows, inputs)

    def _in_graph(self) -> tuple[Callable[..., Any], list]:
        """What gives this iterator when a graph runs, and the inputs that it takes for it."""
        if isinstance(self._number, SymbolicTensor):
            return found, [self._number]
        return lambda: self, []

    def get_next(self, name: str | None = None) -> Any:
        """The next element; raises OutOfRangeError at the end."""
        if context.local.graph is not None:
            here, inputs = self._in_graph()
            return results(self._spec, lambda *number: _next(here(*number)._rows), inputs, py_function)
        try:
            return next(self)
        except StopIteration:
            raise OutOfRangeError(None, None, "End of sequence") from None

    def get_next_as_optional(self) -> "Optional":
        """The next element, or an empty Optional at the end."""
        if context.local.graph is not None:
            specs, (here, inputs) = specs_in_graph(self._spec), self._in_graph()
            held, *values = py_function(
                lambda *number: _or_zeros(here(*number)._rows, specs), inputs, [bool_, *specs]
            )
            return Optional(self._spec, held, from_graph(self._spec, values))
        held = list(itertools.islice(self, 1))
        return Optional(self._spec, tensor(bool(held)), held[0] if held else None)

    def _gather_state(self) -> dict[str, np.ndarray]:
        """How far it has come, as arrays."""
        return arrays_of(self._rows.state())  # type: ignore[union-attr]

    def _restore_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Go on from where an iterator over such a dataset was."""
        self._rows.restore(state_of(arrays))  # type: ignore[union-attr]


_NOT_STARTED = (
    "GetNext() failed because the iterator has not been initialized. Ensure that you have run the "
    "initializer operation for this iterator before getting the next element."
)


def _next(rows: Stream | None) -> list:
    if rows is None:
        raise FailedPreconditionError(None, None, _NOT_STARTED)
    row = next(rows, END)
    if row is END:
        raise OutOfRangeError(None, None, "End of sequence")
    return row


def _or_zeros(rows: PythonIterator[list], specs: list) -> list:
    """Whether there is one more row, and it; else zeros."""
    row = next(rows, None)
    if row is not None:
        return [True, *row_in_graph(row)]
    return [False, *[np.zeros([n or 0 for n in s.shape.dims or ()], s.dtype.np) for s in specs]]


class InitializableIterator(Iterator):
    """An iterator of TensorFlow 1's graphs, which starts anew whenever its `initializer` runs."""

    def __init__(self, dataset: Any):
        super().__init__(dataset.element_spec, None)

        def start(bound: dict) -> list:
            self._rows = dataset._rows(bound)
            return [0]

        self.initializer = in_graph(start, [], [int64])[0]


class NumpyIterator:
    """One way through a dataset, with NumPy arrays in place of the tensors."""

    def __init__(self, iterator: Iterator):
        self._iterator = iterator

    def __iter__(self) -> "NumpyIterator":
        return self

    def __next__(self) -> Any:
        return nest.map_structure(_as_numpy, next(self._iterator))

    def __repr__(self) -> str:
        return f"NumpyIterator(iterator={self._iterator!r})"


def _as_numpy(x: Any) -> Any:
    return x.numpy() if isinstance(x, EagerTensor) else x


class GraphIterator:
    """What a loop in a traced function goes through: each run of the graph asks for the elements anew.

    `opened(bound, *inputs)` gives the stream of one run.
    """

    def __init__(self, spec: Any, opened: Callable[..., Stream], inputs: list | None = None):
        self._spec, self._specs, self._opened = spec, specs_in_graph(spec), opened
        self._open: dict[int, Stream] = {}  # what runs of the graph are going through
        self._count = itertools.count()
        self._handle = in_graph(self._start, inputs or [], [int64])[0]

    def next(self, wanted: Any) -> tuple[Any, Any]:
        """Whether there is one more element, where one is wanted, and that element, else zeros."""
        found, *values = py_function(self._next, [self._handle, wanted], [bool_, *self._specs])
        return found, from_graph(self._spec, values)

    def _start(self, *given: Any) -> int:
        key = next(self._count)
        self._open[key] = self._opened(*given)
        return key

    def _next(self, handle: Any, wanted: Any) -> list:
        found = _or_zeros(self._open[int(handle)] if wanted else iter(()), self._specs)
        if not found[0]:
            del self._open[int(handle)]
        return found


class Optional:
    """An element that may be missing.

    >>> last = iter(tf.data.Dataset.range(1)).get_next_as_optional()
    >>> bool(last.has_value()), int(last.get_value())
    (True, 0)
    """

    def __init__(self, spec: Any, held: Any, value: Any):
        self._spec, self._held, self._value = spec, held, value

    @property
    def element_spec(self) -> Any:
        """The structure of the element, with a TensorSpec for each tensor."""
        return self._spec

    def has_value(self, name: str | None = None) -> Any:
        """Whether there is an element, as a boolean tensor."""
        return self._held

    def get_value(self, name: str | None = None) -> Any:
        """The element; raises InvalidArgumentError where there is none."""
        if isinstance(self._held, EagerTensor) and not self._held:
            raise invalid("The given optional does not have a value.")
        return self._value


class Generated(Stream):
    """What `generator(*args)` yields. To go on from a state it is called anew, and gone through that far."""

    kept = ("_place",)

    def __init__(self, generator: Callable, args: list, spec: Any):
        self._generator, self._args, self._spec = generator, args, spec
        self._specs = leaves(spec)
        self._rows: PythonIterator | None = None
        self._place = 0

    def restore(self, state: Any) -> None:
        self._rows, self._place = None, 0
        for _ in range(state["_place"]):
            self._next()

    def __next__(self) -> list:
        found = self._next()
        return [element.converted(v, s) for v, s in zip(_flattened(found, self._spec), self._specs)]

    def _next(self) -> Any:
        try:
            if self._rows is None:
                self._rows = iter(self._generator(*self._args))
            found = next(self._rows)
        except (OpError, StopIteration):
            raise
        except Exception as error:
            raise _where(error) from error
        self._place += 1
        return found


def _where(error: Exception) -> OpError:
    """An error of a generator, with the line that raised it."""
    at: Any = error.__traceback__
    while at.tb_next is not None:
        at = at.tb_next
    told = as_op_error(error)
    line = source.describe((at.tb_frame.f_code, at.tb_lasti))
    return type(told)(None, None, f"{told.message}\n  raised by the generator at {line}")


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

"""What all datasets share."""

from collections.abc import Callable, Sequence
from typing import Any

from nbtape.core.engine import Tensor, tensor
from nbtape.core.errors import invalid
from nbtape.train.data import element
from nbtape.train.data.element import number
from nbtape.train.data.options import Options
from nbtape.train.data.parameters import Numbered, made, numbered, stood_for, visible
from nbtape.train.data.reader import Read, Reader
from nbtape.train.data.stream import Source, Stream

AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


def positive(x: Any, name: str, dtype: Any = None) -> int:
    """A count that has to be above 0."""
    n = number(x, name, dtype)
    if n is None:
        raise TypeError(f"{name} has to be known while a function is traced, and {x!r} is not.")
    if n < 1:
        raise invalid(f"{name} must be greater than zero.")
    return n


class Elements(Numbered):
    """What all datasets share: the items of a stream and the reader that knows them, the structure of the
    elements, and how many there are.
    """

    def __init__(
        self,
        kind: str,
        spec: Any,
        items: Source,
        count: int | None = UNKNOWN_CARDINALITY,
        reader: Reader | None = None,
        free: bool = False,
    ):
        self._kind, self._spec, self._items = kind, spec, items
        self._count = UNKNOWN_CARDINALITY if count is None else count
        self._specs = element.leaves(spec)
        self._reader = reader or Reader(self._specs)
        self._free = free  # whether items are numbers, which cost nothing
        self._options = Options()

    def _rows(self, bound: dict) -> Stream:
        """A way through, whose items are elements."""
        items = self._items(bound)
        return items if type(self._reader) is Reader else Read(items, self._reader)

    def _new(
        self,
        kind: str,
        spec: Any,
        items: Source,
        count: int | None = UNKNOWN_CARDINALITY,
        reader: Reader | None = None,
        free: bool = False,
    ) -> Any:
        dataset = type(self)(kind, spec, items, count, reader, free)
        dataset._options = self._options
        return dataset

    def _with(self, kind: str, items: Source, count: int | None) -> Any:
        """A dataset of items like these."""
        return self._new(kind, self._spec, items, count, self._reader, self._free)

    def _settled(self) -> Any:
        """The same dataset, whose items need no computation to be looked at."""
        return self._of_rows(self._kind, self._rows, self._count) if self._reader.computes else self

    def _handle(self) -> Tensor:
        if self._number is None and visible():  # of which it may be made
            return numbered(self._bound, [])
        return super()._handle()

    def _bound(self, bound: dict) -> Any:
        """The same dataset, made of those that the stand-ins stand for."""
        return self._new(
            self._kind, self._spec, lambda _: self._items(bound), self._count, self._reader, self._free
        )

    def _later(self, change: Callable, x: Any, spec: Any = None) -> Any:
        """`change(self, x)`, for a tensor x of the open graph: anew whenever that runs."""
        kind: Any = type(self)
        spec = self._spec if spec is None else spec
        return made(kind, spec, lambda bound, x: change(self._bound(bound), x), [tensor(x)])

    def _called(self, spec: Any, call: Any, change: Callable, given: Sequence[Any] = ()) -> Any:
        """`change(self, call, *given)`: anew whenever the open graph runs, where one takes tensors of it."""
        if not call.captured and not element.awaited(list(given)):
            return change(self, call, *given)
        n = len(given)
        kind: Any = type(self)
        return made(
            kind,
            spec,
            lambda bound, *xs: change(self._bound(bound), call.given(xs[n:]), *xs[:n]),
            [*given, *call.captured],
        )

    def _of_rows(self, kind: str, rows: Source, count: int | None) -> Any:
        """A dataset of elements like these."""
        return self._new(kind, self._spec, rows, count)

    @property
    def element_spec(self) -> Any:
        """The structure of an element, with a TensorSpec for each tensor."""
        return self._spec

    @classmethod
    def stand_in(cls, spec: Any) -> Any:
        """What stands in a traced function for a dataset that is its argument."""
        dataset = cls("Parameter", spec, lambda bound: stood_for(bound, dataset)._rows(bound))
        return dataset

"""The transformations of datasets that go element by element, and those of order and length."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from nbtape.core import context, nest
from nbtape.core.crew import THREADS
from nbtape.core.dtype import int64
from nbtape.core.engine import tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import TensorSpec
from nbtape.train.data import element, order
from nbtape.train.data.ahead import ParallelMap, Prefetch
from nbtape.train.data.cache import Cache, Cached
from nbtape.train.data.calls import Call, DatasetCall, Predicate, reducer
from nbtape.train.data.element import number, packed, specs_of, structured
from nbtape.train.data.options import Options
from nbtape.train.data.parameters import made, results
from nbtape.train.data.reader import Mapped, Numbers, Read, Reader, Zipped
from nbtape.train.data.regroup import Interleave, Scan
from nbtape.train.data.stream import Count, Source, Stream

AUTOTUNE = -1
_ROOM = 4  # elements that are kept ready where nobody says how many
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


def positive(x: Any, name: str, dtype: Any = None) -> int:
    """A count that has to be above 0."""
    n = number(x, name, dtype)
    if n is None:
        return 1
    if n < 1:
        raise invalid(f"{name} must be greater than zero.")
    return n


class Elements:
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

    def _bound(self, bound: dict) -> Any:
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


class Elementwise(Elements):
    """Transformations that look at one element after another."""

    def map(
        self,
        map_func: Callable,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Any:
        """`map_func` of each element: of its components, where elements are tuples. It is traced once, as
        a function.
        """
        call = Call(map_func, self._spec, "map", name)
        ordered = deterministic is not False
        return self._called(call.spec, call, lambda d, call: d._mapped(call, num_parallel_calls, ordered))

    def _mapped(self, call: Call, num_parallel_calls: Any, ordered: bool) -> Any:
        if num_parallel_calls is None or num_parallel_calls == AUTOTUNE and call.joins:
            if call.joins:
                reader = Mapped(self._reader, call)
                return self._new("Map", call.spec, self._items, self._count, reader, self._free)
            return self._new(
                "Map", call.spec, lambda bound: Read(self._rows(bound), Mapped(Reader([]), call)), self._count
            )
        n = THREADS if num_parallel_calls == AUTOTUNE else positive(num_parallel_calls, "num_parallel_calls")
        n = 1 if call.draws and ordered else n
        return self._new(
            "ParallelMap",
            call.spec,
            lambda bound: ParallelMap(self._rows(bound), call, n, ordered),
            self._count,
        )

    def filter(self, predicate: Callable, name: str | None = None) -> Any:
        """The elements of which `predicate` is true."""
        call = Predicate(predicate, self._spec, name)
        return self._called(self._spec, call, lambda d, call: d._where("Filter", call, False))

    def _where(self, kind: str, call: Predicate, until: bool) -> Any:
        given = self._settled()
        return self._new(
            kind,
            self._spec,
            lambda bound: order.Where(given._items(bound), lambda x: call.holds(given._reader.row(x)), until),
            None,
            given._reader,
        )

    def take_while(self, predicate: Callable, name: str | None = None) -> Any:
        """The elements before the first of which `predicate` is false."""
        call = Predicate(predicate, self._spec, name)
        return self._called(self._spec, call, lambda d, call: d._where("TakeWhile", call, True))

    def flat_map(self, map_func: Callable, name: str | None = None) -> Any:
        """The elements of the datasets that `map_func` gives, one dataset after another."""
        call = DatasetCall(map_func, self._spec)
        return self._new("FlatMap", call.spec, self._interleaved(call, 1, 1))

    def _interleaved(self, call: DatasetCall, cycle: int, block: int) -> Source:
        given = self._settled()
        return lambda bound: Interleave(
            given._items(bound), lambda x: call(given._reader.row(x), bound), cycle, block
        )

    def interleave(
        self,
        map_func: Callable,
        cycle_length: Any = None,
        block_length: Any = None,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Any:
        """The elements of the datasets that `map_func` gives, `block_length` from each of `cycle_length` in
        turn.

        Without a `cycle_length` it is the number of processors.
        """
        cycle = (
            (os.cpu_count() or 1)
            if cycle_length in (None, AUTOTUNE)
            else positive(cycle_length, "cycle_length")
        )
        block = 1 if block_length is None else positive(block_length, "block_length")
        call = DatasetCall(map_func, self._spec)
        kind = "Interleave" if num_parallel_calls is None else "ParallelInterleave"
        return self._new(kind, call.spec, self._interleaved(call, cycle, block))

    def enumerate(self, start: Any = 0, name: str | None = None) -> Any:
        """Elements with their numbers: (start, first), (start + 1, second), ..."""
        first = number(start, "start", int64)
        spec = (TensorSpec((), int64), self._spec)
        if first is None:
            return self._later(lambda d, n: d.enumerate(n), start, spec)
        return self._new(
            "Zip",
            spec,
            lambda bound: order.Zip((self._items(bound), Count(None))),
            self._count,
            Zipped((self._reader, Numbers(first, 1, int64.np)), (1, 0)),
        )

    def scan(self, initial_state: Any, scan_func: Callable, name: str | None = None) -> Any:
        """`state, y = scan_func(state, x)` for each element x: all values of y."""
        state = structured(initial_state)
        call = Call(scan_func, (specs_of(state), self._spec), "scan")
        if not isinstance(call.spec, tuple) or len(call.spec) != 2:
            raise TypeError(
                "Invalid `scan_func`. `scan_func` should return a pair consisting of new state "
                "and the output "
                f"value but its return type is {call.spec}."
            )

        def scanned(dataset: Any, call: Call, *given: Any) -> Any:
            start = element.values_of(given)
            return dataset._new(
                "Scan", call.spec[1], lambda bound: Scan(dataset._rows(bound), start, call), dataset._count
            )

        return self._called(call.spec[1], call, scanned, element.leaves(state))

    def reduce(self, initial_state: Any, reduce_func: Callable, name: str | None = None) -> Any:
        """`state = reduce_func(state, x)` for each element x: the last state."""
        state = structured(initial_state)
        call = reducer(reduce_func, specs_of(state), self._spec)

        start = element.leaves(state)

        def reduced(bound: dict, *values: Any) -> list:
            given, now = call.given(values[len(start) :]), element.values_of(values[: len(start)])
            for row in self._rows(bound):
                now = given([*now, *row])
            return now

        if context.local.graph is not None:
            return results(call.spec, reduced, [*start, *call.captured])
        with context.recording(()):
            return packed(call.spec, reduced({}, *start))


class Ordering(Elements):
    """Transformations that choose among the elements, or repeat and keep them."""

    def shuffle(
        self,
        buffer_size: Any,
        seed: Any = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Any:
        """Elements in random order, drawn from a buffer of `buffer_size` of them: an order anew each time.

        Raises InvalidArgumentError for a size below 1.
        """
        size = number(buffer_size, "buffer_size", int64)
        if size is not None and size < 1 and size != UNKNOWN_CARDINALITY:
            raise invalid(
                "buffer_size must be greater than zero or UNKNOWN_CARDINALITY [Op:ShuffleDatasetV3]"
            )
        if size is None:
            return self._later(lambda d, n: d.shuffle(n, seed, reshuffle_each_iteration), buffer_size)
        size = 2**62 if size == UNKNOWN_CARDINALITY else size
        rounds = order.Order(None if seed is None else int(seed), reshuffle_each_iteration is not False)
        kind = order.ShuffleNumbers if self._free else order.Shuffle
        return self._with("Shuffle", lambda bound: kind(self._items(bound), size, rounds), self._count)

    def repeat(self, count: Any = None, name: str | None = None) -> Any:
        """The elements `count` times over, without end for None or -1."""
        n = -1 if count is None else number(count, "count", int64)
        if n is None:
            return self._later(lambda d, n: d.repeat(n), count)
        total = self._count if n and self._count else 0
        if total and n < 0:
            total = INFINITE_CARDINALITY
        elif total > 0:
            total *= n
        return self._with("Repeat", lambda bound: order.Repeat(self._items, bound, n), total)

    def take(self, count: Any, name: str | None = None) -> Any:
        """The first `count` elements, all for -1."""
        n = number(count, "count", int64)
        if n is None:
            return self._later(lambda d, n: d.take(n), count)
        if n < 0:
            return self._with("Take", self._items, self._count)
        total = (
            n
            if self._count == INFINITE_CARDINALITY
            else min(n, self._count)
            if self._count >= 0
            else self._count
        )
        return self._with("Take", lambda bound: order.Take(self._items(bound), n), total)

    def skip(self, count: Any, name: str | None = None) -> Any:
        """All but the first `count` elements, none for -1."""
        n = number(count, "count", int64)
        if n is None:
            return self._later(lambda d, n: d.skip(n), count)
        total = 0 if n < 0 else max(0, self._count - n) if self._count >= 0 else self._count
        return self._with("Skip", lambda bound: order.Skip(self._items(bound), n), total)

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Any:
        """Every `num_shards`-th element from number `index` on."""
        n, k = int(num_shards), int(index)
        if n < 1:
            raise invalid(f"Number of shards must be greater than zero (currently num_shards = {n}).")
        if not 0 <= k < n:
            raise invalid(f"Index must be between 0 and {n - 1} (currently index = {k}).")
        count = self._count if self._count < 0 else len(range(k, self._count, n))
        return self._with("Shard", lambda bound: order.Shard(self._items(bound), n, k), count)

    def concatenate(self, dataset: Any, name: str | None = None) -> Any:
        """These elements, then those of `dataset`, which are of the same structure and dtypes."""
        mine, theirs = self._spec, dataset.element_spec
        try:
            spec = nest.map_structure(element.relaxed, mine, theirs)
        except (TypeError, ValueError):
            raise TypeError(f"Incompatible dataset elements:\n  {mine} vs.   {theirs}") from None

        def parts(bound: dict) -> Stream:
            return order.Concatenate((self._rows(bound), dataset._rows(bound)))

        counts = (self._count, dataset._count)
        total = (
            sum(counts)
            if min(counts) >= 0
            else INFINITE_CARDINALITY
            if INFINITE_CARDINALITY in counts
            else None
        )
        return self._new("Concatenate", spec, parts, total)

    def unique(self, name: str | None = None) -> Any:
        """The elements that differ from all before them."""
        if len(self._specs) != 1 or not isinstance(self._specs[0], TensorSpec):
            raise invalid("UniqueDataset only supports inputs with a single component. [Op:UniqueDataset]")
        if self._specs[0].dtype.name not in ("int32", "int64", "string"):
            raise TypeError(
                f"`tf.data.Dataset.unique` does not support type {self._specs[0].dtype!r} -- only "
                "`tf.int32`, `tf.int64`, and `tf.string` are supported."
            )
        return self._of_rows("Unique", lambda bound: order.Unique(self._rows(bound)), None)

    def cache(self, filename: Any = "", name: str | None = None) -> Any:
        """The elements, computed the first time only: kept in memory, or in a file if it has a name.

        Once the file is there, it is read, whatever the dataset would have given.
        """
        if not isinstance(filename, str | os.PathLike):
            raise TypeError(f"Cannot convert {filename!r} to EagerTensor of dtype string")
        cache = Cache(os.fspath(filename), self._specs)
        if cache.file:
            return self._of_rows("Cache", lambda bound: Cached(cache, lambda: self._rows(bound)), self._count)
        given = self._settled()
        return given._with("Cache", lambda bound: Cached(cache, lambda: given._items(bound)), self._count)

    def prefetch(self, buffer_size: Any, name: str | None = None) -> Any:
        """The same elements, of which a thread keeps `buffer_size` ready."""
        size = number(buffer_size, "buffer_size", int64)
        if size is not None and size < -1:
            raise invalid(
                "buffer_size must be >= 0 or set buffer_size to be -1 for auto-tuning [Op:PrefetchDataset]"
            )
        room = _ROOM if size in (None, 0, AUTOTUNE) else size
        return self._of_rows("Prefetch", lambda bound: Prefetch(self._rows(bound), room), self._count)

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Any:
        """The elements that can be computed, without those that raise InvalidArgumentError."""
        return self._of_rows("IgnoreErrors", lambda bound: order.Survivors(self._rows(bound)), None)

    def options(self) -> Options:
        """The options that were given to this dataset, or those that it was made of."""
        return self._options

    def with_options(self, options: Options, name: str | None = None) -> Any:
        """The same elements, with options. They change nothing here but what `options()` says."""
        dataset = self._with("Options", self._items, self._count)
        dataset._options = self._options.merge(options)
        return dataset

    def apply(self, transformation_func: Callable) -> Any:
        """`transformation_func(self)`, which gives a dataset."""
        dataset = transformation_func(self)
        if not isinstance(dataset, Elements):
            raise TypeError(
                f"`transformation_func` must return a `tf.data.Dataset` object. Got {type(dataset)}."
            )
        return dataset

"""The transformations of datasets that go element by element, and those of order and length."""

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.dtype import int64
from nbtape.core.errors import invalid
from nbtape.core.shape import TensorSpec
from nbtape.train import element, pipeline
from nbtape.train.element import number, packed, specs_of, structured
from nbtape.train.mapping import Call, DatasetCall, Predicate, reducer

AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


def not_here() -> Iterator[list]:
    """The source of a dataset that only stands for one, while the function that makes it is traced."""
    raise invalid("This dataset depends on a tensor of a function and cannot be gone through outside of it.")


def positive(x: Any, name: str, dtype: Any = None) -> int:
    """A count that has to be above 0."""
    n = number(x, name, dtype)
    if n is None:
        return 1
    if n < 1:
        raise invalid(f"{name} must be greater than zero.")
    return n


class Elements:
    """What all datasets share: flat elements (see `element`), their spec, and how many there are."""

    def __init__(
        self, kind: str, spec: Any, source: pipeline.Source, count: int | None = UNKNOWN_CARDINALITY
    ):
        self._kind, self._spec, self._source = kind, spec, source
        self._count = UNKNOWN_CARDINALITY if count is None else count
        self._specs = element.leaves(spec)

    def _new(
        self, kind: str, spec: Any, source: pipeline.Source, count: int | None = UNKNOWN_CARDINALITY
    ) -> Any:
        return type(self)(kind, spec, source, count)

    def _with(self, kind: str, source: pipeline.Source, count: int | None) -> Any:
        """A dataset of elements like these."""
        return self._new(kind, self._spec, source, count)

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
        call = Call(map_func, self._spec, "map")
        return self._new("Map", call.spec, lambda: map(call, self._source()), self._count)

    def filter(self, predicate: Callable, name: str | None = None) -> Any:
        """The elements of which `predicate` is true."""
        call = Predicate(predicate, self._spec)
        return self._with("Filter", lambda: filter(lambda row: call(row)[0], self._source()), None)

    def take_while(self, predicate: Callable, name: str | None = None) -> Any:
        """The elements before the first of which `predicate` is false."""
        call = Predicate(predicate, self._spec)

        def source() -> Iterator[list]:
            for row in self._source():
                if not call(row)[0]:
                    return
                yield row

        return self._with("TakeWhile", source, None)

    def flat_map(self, map_func: Callable, name: str | None = None) -> Any:
        """The elements of the datasets that `map_func` gives, one dataset after another."""
        call = DatasetCall(map_func, self._spec)
        return self._new("FlatMap", call.spec, lambda: pipeline.interleaved(self._source, call, 1, 1))

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
        return self._new(
            "Interleave", call.spec, lambda: pipeline.interleaved(self._source, call, cycle, block)
        )

    def enumerate(self, start: Any = 0, name: str | None = None) -> Any:
        """Elements with their numbers: (start, first), (start + 1, second), ..."""
        first = number(start, "start", int64)
        if first is None:
            return self._new("Enumerate", (TensorSpec((), int64), self._spec), not_here)
        return self._new(
            "Enumerate",
            (TensorSpec((), int64), self._spec),
            lambda: ([np.int64(i), *row] for i, row in zip(itertools.count(first), self._source())),
            self._count,
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
        n = len(element.leaves(state))

        def source() -> Iterator[list]:
            now = element.values_of(state)
            for row in self._source():
                found = call([*now, *row])
                now = found[:n]
                yield found[n:]

        return self._new("Scan", call.spec[1], source, self._count)

    def reduce(self, initial_state: Any, reduce_func: Callable, name: str | None = None) -> Any:
        """`state = reduce_func(state, x)` for each element x: the last state."""
        state = structured(initial_state)
        call = reducer(reduce_func, specs_of(state), self._spec)
        with context.recording(()):
            now = element.values_of(state)
            for row in self._source():
                now = call([*now, *row])
            return packed(call.spec, now)


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
        size = 2**62 if size == UNKNOWN_CARDINALITY or size is None else size
        order = pipeline.Order(None if seed is None else int(seed), reshuffle_each_iteration is not False)
        return self._with("Shuffle", lambda: pipeline.shuffled(self._source, size, order.next()), self._count)

    def repeat(self, count: Any = None, name: str | None = None) -> Any:
        """The elements `count` times over, without end for None or -1."""
        n = -1 if count is None else number(count, "count", int64)
        if n is None:
            return self._with("Repeat", not_here, None)
        total = self._count if n and self._count else 0
        if total and n < 0:
            total = INFINITE_CARDINALITY
        elif total > 0:
            total *= n
        return self._with("Repeat", lambda: pipeline.repeated(self._source, n), total)

    def take(self, count: Any, name: str | None = None) -> Any:
        """The first `count` elements, all for -1."""
        n = number(count, "count", int64)
        if n is None:
            return self._with("Take", not_here, None)
        if n < 0:
            return self._with("Take", self._source, self._count)
        total = (
            n
            if self._count == INFINITE_CARDINALITY
            else min(n, self._count)
            if self._count >= 0
            else self._count
        )
        return self._with("Take", lambda: pipeline.taken(self._source, n), total)

    def skip(self, count: Any, name: str | None = None) -> Any:
        """All but the first `count` elements, none for -1."""
        n = number(count, "count", int64)
        if n is None:
            return self._with("Skip", not_here, None)
        total = 0 if n < 0 else max(0, self._count - n) if self._count >= 0 else self._count
        return self._with("Skip", lambda: pipeline.skipped(self._source, n), total)

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Any:
        """Every `num_shards`-th element from number `index` on."""
        n, k = int(num_shards), int(index)
        if n < 1:
            raise invalid(f"Number of shards must be greater than zero (currently num_shards = {n}).")
        if not 0 <= k < n:
            raise invalid(f"Index must be between 0 and {n - 1} (currently index = {k}).")
        count = self._count if self._count < 0 else len(range(k, self._count, n))
        return self._with("Shard", lambda: (row for i, row in enumerate(self._source()) if i % n == k), count)

    def concatenate(self, dataset: Any, name: str | None = None) -> Any:
        """These elements, then those of `dataset`, which are of the same structure and dtypes."""
        mine, theirs = self._spec, dataset.element_spec
        try:
            spec = nest.map_structure(element.relaxed, mine, theirs)
        except (TypeError, ValueError):
            raise TypeError(f"Incompatible dataset elements:\n  {mine} vs.   {theirs}") from None

        def source() -> Iterator[list]:
            yield from self._source()
            yield from dataset._source()

        counts = (self._count, dataset._count)
        total = (
            sum(counts)
            if min(counts) >= 0
            else INFINITE_CARDINALITY
            if INFINITE_CARDINALITY in counts
            else None
        )
        return self._new("Concatenate", spec, source, total)

    def unique(self, name: str | None = None) -> Any:
        """The elements that differ from all before them."""
        return self._with("Unique", lambda: pipeline.unique(self._source), None)

    def cache(self, filename: Any = "", name: str | None = None) -> Any:
        """The elements, computed the first time only: kept in memory, or in a file if it has a name."""
        if not isinstance(filename, str | os.PathLike):
            raise TypeError(f"Cannot convert {filename!r} to EagerTensor of dtype string")
        return self._with("Cache", pipeline.Cache(self._source, os.fspath(filename)), self._count)

    def prefetch(self, buffer_size: Any, name: str | None = None) -> Any:
        """The same elements. They are computed when they are asked for: nothing here runs ahead of the
        program.
        """
        size = number(buffer_size, "buffer_size", int64)
        if size is not None and size < -1:
            raise invalid(
                "buffer_size must be >= 0 or set buffer_size to be -1 for auto-tuning [Op:PrefetchDataset]"
            )
        return self._with("Prefetch", self._source, self._count)

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Any:
        """The elements that can be computed, without those that raise InvalidArgumentError."""
        return self._with("IgnoreErrors", lambda: pipeline.survivors(self._source), None)

    def apply(self, transformation_func: Callable) -> Any:
        """`transformation_func(self)`, which gives a dataset."""
        dataset = transformation_func(self)
        if not isinstance(dataset, Elements):
            raise TypeError(
                f"`transformation_func` must return a `tf.data.Dataset` object. Got {type(dataset)}."
            )
        return dataset

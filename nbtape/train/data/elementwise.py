"""The transformations of datasets that go element by element."""

import warnings
from collections.abc import Callable
from typing import Any

from nbtape.core import context, source
from nbtape.core.crew import THREADS
from nbtape.core.dtype import int64
from nbtape.core.errors import invalid
from nbtape.core.shape import TensorSpec
from nbtape.train.data import element, order
from nbtape.train.data.ahead import ParallelInterleave, ParallelMap
from nbtape.train.data.base import AUTOTUNE, Elements, positive
from nbtape.train.data.calls import Call, DatasetCall, Predicate, reducer
from nbtape.train.data.element import number, packed, specs_of, structured
from nbtape.train.data.parameters import results
from nbtape.train.data.reader import Mapped, Numbers, Zipped
from nbtape.train.data.regroup import Interleave, Scan
from nbtape.train.data.stream import Count, Stream

_NO_EFFECT = (
    "The `deterministic` argument has no effect unless the `num_parallel_calls` argument is specified."
)
_TOO_MANY = (
    "If `cycle_length` is set to a fixed value, `num_parallel_calls` must be either `tf.data.AUTOTUNE` or a "
    "value less than or equal to `cycle_length`. However, `num_parallel_calls` is {} and `cycle_length` is "
    "{}."
)


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
            return self._new("Map", call.spec, lambda bound: order.Each(self._rows(bound), call), self._count)
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
        call = DatasetCall(map_func, self._spec, "flat_map")
        return self._interleaved("FlatMap", call, Interleave, 1, 1)

    def _interleaved(self, kind: str, call: DatasetCall, stream: Callable[..., Stream], *how: Any) -> Any:
        spec = call.spec.element_spec

        def interleaved(dataset: Any, call: DatasetCall) -> Any:
            given = dataset._settled()

            def blocks(bound: dict) -> Stream:
                def opened(x: Any) -> Stream:
                    return call.rows(given._reader.row(x), bound)

                return stream(given._items(bound), opened, *how)

            return dataset._new(kind, spec, blocks)

        return self._called(spec, call, interleaved)

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

        Without a `cycle_length` it is the number of processors. `num_parallel_calls` threads compute the next
        blocks of the datasets that are open, whose order is the same, unless `deterministic` is False.
        """
        usual = cycle_length in (None, AUTOTUNE)
        cycle = THREADS if usual else positive(cycle_length, "cycle_length")
        block = 1 if block_length is None else positive(block_length, "block_length")
        call = DatasetCall(map_func, self._spec, "interleave")
        if num_parallel_calls is None:
            if deterministic is not None:
                warnings.warn(_NO_EFFECT, stacklevel=source.depth())
            return self._interleaved("Interleave", call, Interleave, cycle, block)
        n = cycle if num_parallel_calls == AUTOTUNE else positive(num_parallel_calls, "num_parallel_calls")
        if n > cycle and not usual:
            raise invalid(_TOO_MANY.format(n, cycle))
        ordered = deterministic is not False
        n = 1 if call.draws and ordered else n
        return self._interleaved("ParallelInterleave", call, ParallelInterleave, cycle, block, n, ordered)

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

"""The transformations of datasets that choose among the elements, order, repeat and keep them."""

import os
from collections.abc import Callable
from typing import Any

from nbtape.core import nest
from nbtape.core.dtype import int64
from nbtape.core.errors import invalid
from nbtape.core.shape import TensorSpec
from nbtape.train.data import element, order
from nbtape.train.data.ahead import Prefetch
from nbtape.train.data.base import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Elements
from nbtape.train.data.cache import Cache, Cached, RowCache
from nbtape.train.data.element import number
from nbtape.train.data.options import Options
from nbtape.train.data.shuffle import Order, Shuffle, ShuffleNumbers
from nbtape.train.data.stream import Stream

_ROOM = 4  # elements that are kept ready where nobody says how many


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
        rounds = Order(None if seed is None else int(seed), reshuffle_each_iteration is not False)
        kind = ShuffleNumbers if self._free else Shuffle
        return self._with("Shuffle", lambda bound: kind(self._items(bound), size, rounds), self._count)

    def repeat(self, count: Any = None, name: str | None = None) -> Any:
        """The elements `count` times over, without end for None or -1."""
        n = -1 if count is None else number(count, "count", int64)
        if n is None:
            return self._later(lambda d, n: d.repeat(n), count)
        total = self._count * n if self._count > 0 and n > 0 else self._count if n else 0
        if n < 0 and self._count:
            total = INFINITE_CARDINALITY
        return self._with("Repeat", lambda bound: order.Repeat(self._items, bound, n), total)

    def take(self, count: Any, name: str | None = None) -> Any:
        """The first `count` elements, all for -1."""
        n = number(count, "count", int64)
        if n is None:
            return self._later(lambda d, n: d.take(n), count)
        if n < 0:
            return self._with("Take", self._items, self._count)
        total = min(n, self._count) if self._count >= 0 else self._count
        if self._count == INFINITE_CARDINALITY:
            total = n
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
        total = sum(counts) if min(counts) >= 0 else None
        if INFINITE_CARDINALITY in counts:
            total = INFINITE_CARDINALITY
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
        if self._free and not filename:
            numbers = Cache()
            return self._with("Cache", lambda bound: Cached(numbers, lambda: self._items(bound)), self._count)
        cache = RowCache(os.fspath(filename), self._specs)

        def cached(bound: dict) -> Cached:
            cache.find()
            return Cached(cache, lambda: self._rows(bound))

        return self._new("Cache", self._spec, cached, self._count, cache)

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

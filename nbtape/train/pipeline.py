"""What the transformations of a dataset do: generators over flat elements (see `element`)."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nbtape.core.errors import DataLossError, InvalidArgumentError, invalid
from nbtape.ops import sampler
from nbtape.train.element import as_object, bracket, item, stacked

Source = Callable[[], Iterator[list]]


def sliced(values: list) -> Iterator[list]:
    for i in range(len(next(v for v in values if v is not None))):
        yield [None if v is None else item(v, i) for v in values]


def batched(source: Source, size: int, drop: bool, join: Callable[[list[list]], list]) -> Iterator[list]:
    rows: list[list] = []
    for row in source():
        rows.append(row)
        if len(rows) == size:
            yield join(rows)
            rows = []
    if rows and not drop:
        yield join(rows)


def unbatched(source: Source) -> Iterator[list]:
    for row in source():
        sizes = {len(v) for v in row if v is not None}
        if len(sizes) > 1:
            first, second, *_ = sorted(sizes)
            raise invalid(
                f"Input element must have the same batch size in each component: {first} and {second}."
            )
        yield from sliced(row)


def rebatched(source: Source, sizes: list[int], drop: bool, specs: list) -> Iterator[list]:
    rows: list[list] = []
    k = 0
    for row in unbatched(source):
        rows.append(row)
        if len(rows) == sizes[k % len(sizes)]:
            yield stacked(rows, specs)
            rows, k = [], k + 1
    if rows and not drop:
        yield stacked(rows, specs)


def padded(rows: list[list], shapes: list, fill: list) -> list:
    """A batch of elements padded to common shapes: the largest sizes where `shapes` has None."""
    columns = []
    for k, shape in enumerate(shapes):
        values = [row[k] for row in rows]
        sizes = [max(v.shape[a] for v in values) if n is None else n for a, n in enumerate(shape)]
        out = np.full((len(values), *sizes), fill[k], dtype=values[0].dtype)
        for i, v in enumerate(values):
            if any(have > want for have, want in zip(v.shape, sizes)):
                raise DataLossError(None, None, "Attempted to pad to a smaller size than the input element: "
                                    f"an element of shape {bracket(v)} to {sizes}.")  # fmt: skip
            out[(i, *[slice(0, n) for n in v.shape])] = v
        columns.append(out)
    return columns


def shuffled(source: Source, size: int, draw: "np.random.Generator") -> Iterator[list]:
    """Elements drawn at random from a buffer of `size` that is filled up from the source."""
    buffer: list = []
    for row in source():
        if len(buffer) < size:
            buffer.append(row)
            continue
        k = int(draw.integers(len(buffer)))
        yield buffer[k]
        buffer[k] = row
    for k in draw.permutation(len(buffer)):
        yield buffer[k]


class Order:
    """The generators of one shuffle, one for each time that the dataset is gone through."""

    def __init__(self, seed: int | None, again: bool):
        common = sampler.global_seed()
        if seed is None:
            common, seed = 0, int(sampler.OpStream("shuffle").next().integers(2**63))
        self._key, self._again, self._rounds = (0 if common is None else common, seed), again, 0

    def next(self) -> "np.random.Generator":
        n = self._rounds
        self._rounds += self._again
        return sampler.philox(self._key, n)


def repeated(source: Source, count: int) -> Iterator[list]:
    done = 0
    while count < 0 or done < count:
        empty = True
        for row in source():
            empty = False
            yield row
        if empty:
            return
        done += 1


def taken(source: Source, count: int) -> Iterator[list]:
    for i, row in enumerate(source()) if count else ():
        yield row
        if i + 1 == count:
            return


def skipped(source: Source, count: int) -> Iterator[list]:
    for i, row in enumerate(source()):
        if i >= count >= 0:
            yield row


def zipped(sources: list[Source]) -> Iterator[list]:
    iterators = [source() for source in sources]
    while True:
        row: list = []
        for iterator in iterators:
            found = next(iterator, None)
            if found is None:
                return
            row += found
        yield row


def interleaved(
    source: Source, open_: Callable[[list], Iterator[list]], cycle: int, block: int
) -> Iterator[list]:
    """Blocks of elements from `cycle` datasets in turn; one that ends is replaced by the next at its turn."""
    rows = source()
    slots: list[Iterator[list] | None] = [None] * cycle
    more = True
    while True:
        for k in range(cycle):
            slot = slots[k]
            if slot is None and more:
                row = next(rows, None)
                more = row is not None
                slot = slots[k] = open_(row) if row is not None else None
            for _ in range(block):
                found = None if slot is None else next(slot, None)
                if found is None:
                    slots[k] = None
                    break
                yield found
        if not more and not any(slots):
            return


def windows(source: Source, size: int, shift: int, stride: int, drop: bool) -> Iterator[list[list]]:
    """Lists of elements: every `stride`-th of the elements from a start that moves by `shift`."""
    buffer: list = []
    reach = (size - 1) * stride + 1
    skip = 0
    for row in source():
        if skip:
            skip -= 1
            continue
        buffer.append(row)
        if len(buffer) == reach:
            yield buffer[::stride]
            skip = max(0, shift - len(buffer))
            buffer = buffer[shift:]
    while buffer and not drop:
        yield buffer[::stride]
        buffer = buffer[shift:]


def grouped(source: Source, key: Callable, size_of: Callable, close: Callable) -> Iterator[list]:
    """Elements collected by key; a group of full size is closed into a dataset, whose elements come out."""
    groups: dict[int, list] = {}
    for row in source():
        k = key(row)
        rows = groups.setdefault(k, [])
        rows.append(row)
        if len(rows) == size_of(k):
            yield from close(k, groups.pop(k))
    for k in sorted(groups):
        yield from close(k, groups[k])


def chosen(sources: list[Source], choices: Iterator[int], stop: bool) -> Iterator[list]:
    iterators: list[Iterator[list] | None] = [source() for source in sources]
    for k in choices:
        if not 0 <= k < len(iterators):
            raise invalid(f"Selector index out of range: {k} >= {len(iterators)}")
        iterator = iterators[k]
        found = None if iterator is None else next(iterator, None)
        if found is not None:
            yield found
            continue
        iterators[k] = None
        if stop or not any(iterators):
            return


def sampled(n: int, weights: list[float] | None, order: Order) -> Iterator[int]:
    draw = order.next()
    p = None if weights is None else np.asarray(weights, float) / np.sum(weights)
    while True:
        yield int(draw.choice(n, p=p))


def unique(source: Source) -> Iterator[list]:
    seen = set()
    for row in source():
        key = tuple([(v.dtype.str, v.shape, v.item() if v.dtype == object else v.tobytes()) for v in row])
        if key not in seen:
            seen.add(key)
            yield row


def survivors(source: Source) -> Iterator[list]:
    """The elements that can be computed."""
    rows = source()
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return
        except InvalidArgumentError:
            continue


class Cache:
    """Elements kept once the source has been gone through to its end: in memory, or in a file if it has a
    name.
    """

    def __init__(self, source: Source, filename: str):
        self._source, self._rows = source, None
        self._file = f"{filename}.npz" if filename else ""

    def __call__(self) -> Iterator[list]:
        if self._rows is None and self._file and os.path.exists(self._file):
            self._rows = self._load()
        if self._rows is not None:
            yield from self._rows
            return
        rows = []
        for row in self._source():
            rows.append(row)
            yield row
        self._rows = rows
        if self._file:
            self._save(rows)

    def _save(self, rows: list) -> None:
        arrays = {f"{i}.{k}": _plain(v) for i, row in enumerate(rows) for k, v in enumerate(row)}
        part = f"{self._file}.{os.getpid()}.npz"
        arrays["shape"] = np.array([len(rows), len(rows[0]) if rows else 0])
        np.savez(part, allow_pickle=False, **arrays)
        os.replace(part, self._file)

    def _load(self) -> list:
        with np.load(self._file, allow_pickle=False) as file:
            n, width = file["shape"].tolist()
            return [[_restored(file[f"{i}.{k}"]) for k in range(width)] for i in range(n)]


def _plain(value: Any) -> np.ndarray:
    """An array that NumPy saves without pickle: strings end in a byte that is taken off again."""
    return (
        np.array([s + b"\1" for s in value.ravel()]).reshape(value.shape) if value.dtype == object else value
    )


def _restored(value: np.ndarray) -> Any:
    if value.dtype.kind != "S":
        return value[()]
    if not value.ndim:
        return as_object(value.item()[:-1])
    out = np.empty(value.shape, object)
    out.ravel()[:] = [s[:-1] for s in value.ravel().tolist()]
    return out

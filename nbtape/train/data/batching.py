"""The transformations of datasets that bring elements together: batches, windows, groups."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core import nest
from nbtape.core.dtype import int64
from nbtape.core.engine import EagerTensor, tensor
from nbtape.core.memory import on_host
from nbtape.core.shape import TensorShape, TensorSpec
from nbtape.ops.static import known
from nbtape.train.data import element, regroup
from nbtape.train.data.base import Elements, positive
from nbtape.train.data.calls import Call
from nbtape.train.data.element import DatasetSpec, number
from nbtape.train.data.order import Rows
from nbtape.train.data.reader import Windowed
from nbtape.train.data.stream import Stream


class Batching(Elements):
    """Transformations that bring elements together."""

    def batch(
        self,
        batch_size: Any,
        drop_remainder: bool = False,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Any:
        """Elements stacked, `batch_size` at a time; the last batch is smaller unless `drop_remainder`.

        Raises InvalidArgumentError for a size below 1, and in the iteration where elements differ in shape.
        """
        drop = bool(drop_remainder)
        if number(batch_size, "batch_size", int64) is None:
            spec = nest.map_structure(lambda s: element.batched_spec(s, None), self._spec)
            return self._later(lambda d, n: d.batch(n, drop), batch_size, spec)
        size = positive(batch_size, "Batch size", int64)
        spec = nest.map_structure(lambda s: element.batched_spec(s, size if drop else None), self._spec)
        join, kind = self._reader.batch, "Batch" if num_parallel_calls is None else "ParallelBatch"
        return self._new(
            kind,
            spec,
            lambda bound: regroup.Batch(self._items(bound), size, drop, join),
            self._batches(size, drop),
        )

    def _batches(self, size: int, drop: bool) -> int:
        return self._count if self._count < 0 else self._count // size if drop else -(-self._count // size)

    def padded_batch(
        self,
        batch_size: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Any:
        """Elements of different sizes padded and stacked: to the largest of the batch where `padded_shapes`
        has None.

        `padding_values` are zeros (empty strings) by default. Raises DataLossError where an element is too
        large.
        """
        drop = bool(drop_remainder)
        if number(batch_size, "batch_size", int64) is None:
            spec = self.padded_batch(1, padded_shapes, padding_values).element_spec
            return self._later(
                lambda d, n: d.padded_batch(n, padded_shapes, padding_values, drop), batch_size, spec
            )
        size = positive(batch_size, "Batch size", int64)
        shapes = _padded_shapes(self._specs, padded_shapes)
        fill = _padding(self._specs, padding_values)
        specs = [
            TensorSpec([size if drop else None, *shape], s.dtype) for s, shape in zip(self._specs, shapes)
        ]
        join = functools.partial(regroup.padded, shapes=shapes, fill=fill)
        return self._new(
            "PaddedBatch",
            nest.pack_sequence_as(self._spec, specs),
            lambda bound: regroup.Batch(self._rows(bound), size, drop, join),
            self._batches(size, drop),
        )

    def unbatch(self, name: str | None = None) -> Any:
        """The slices of each element along the first axis of its components."""
        sizes = {s.shape[0] for s in self._specs if s is not None and s.shape.rank and s.shape[0] is not None}
        if len(sizes) > 1:
            first, second = [s.shape[0] for s in self._specs if s is not None and s.shape[0] is not None][:2]
            raise ValueError(
                "`unbatch()` is only supported for datasets of elements whose components have "
                "a matching "
                f"leading dimension. Encountered both {first} and {second}."
            )
        spec = nest.map_structure(element.unbatched_spec, self._spec)
        count = self._count * next(iter(sizes)) if sizes and self._count >= 0 else None
        return self._new("Unbatch", spec, lambda bound: regroup.Unbatch(self._rows(bound)), count)

    def rebatch(self, batch_size: Any, drop_remainder: bool = False, name: str | None = None) -> Any:
        """Batches of another size, or of the sizes in a list in turn."""
        if any(s is not None and s.shape.rank == 0 for s in self._specs):
            raise ValueError(
                "Invalid `batch_sizes`. Expected dataset with rank of >= 1 but found a dataset with scalar "
                "elements. "
                "Fix the issue by adding the `batch` transformation to the dataset."
            )
        sizes = [int(n) for n in np.ravel(known(tensor(batch_size)))]
        rows = nest.map_structure(element.unbatched_spec, self._spec)
        size = sizes[0] if drop_remainder and len(set(sizes)) == 1 else None
        spec = nest.map_structure(lambda s: element.batched_spec(s, size), rows)
        drop = bool(drop_remainder)
        return self._new("Rebatch", spec, lambda bound: regroup.Rebatch(self._rows(bound), sizes, drop))

    def window(
        self,
        size: Any,
        shift: Any = None,
        stride: Any = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Any:
        """Datasets of `size` elements each, every `stride`-th, from starts `shift` (`size`) apart."""
        length = positive(size, "Window size", int64)
        step = length if shift is None else positive(shift, "Window shift", int64)
        every = positive(stride, "Window stride", int64)
        spec = nest.map_structure(lambda s: DatasetSpec(s, (), self), self._spec)
        drop, count = bool(drop_remainder), len(self._specs)

        def datasets(rows: list) -> list:
            return [self._made_of([[row[k]] for row in rows], self._specs[k]) for k in range(count)]

        return self._new(
            "Window",
            spec,
            lambda bound: regroup.Windows(self._rows(bound), length, step, every, drop),
            _windows(self._count, length, step, every, drop),
            Windowed(datasets),
        )

    def _made_of(self, rows: list[list], spec: Any) -> Any:
        return self._new("Window", spec, lambda bound: Rows(rows), len(rows))

    def group_by_window(
        self,
        key_func: Callable,
        reduce_func: Callable,
        window_size: Any = None,
        window_size_func: Any = None,
        name: str | None = None,
    ) -> Any:
        """Elements collected by `key_func`; `window_size` of one key make a dataset that `reduce_func(key,
        it)` changes.
        """
        if (window_size is None) == (window_size_func is None):
            raise ValueError(
                "Either the `window_size` argument or the `window_size_func` argument must be specified."
            )
        key = Call(key_func, self._spec, "group_by_window")
        size_of = (
            (lambda k: int(window_size))
            if window_size_func is None
            else lambda k: int(window_size_func(tensor(k)))
        )

        def close(k: Any, rows: list) -> Any:
            return reduce_func(tensor(np.int64(k)), self._made_of(rows, self._spec))

        return self._grouped(lambda row: int(key(row)[0]), size_of, close, close(0, []).element_spec)

    def _grouped(self, key: Callable, size_of: Callable, close: Callable, spec: Any) -> Any:
        def groups(bound: dict) -> Stream:
            return regroup.Groups(
                self._rows(bound), key, size_of, lambda k, rows: close(k, rows)._rows(bound)
            )

        return self._new("GroupByWindow", spec, groups)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable,
        bucket_boundaries: Any,
        bucket_batch_sizes: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Any:
        """Batches of elements of like length: those that `element_length_func` puts between two
        boundaries.
        """
        if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
            raise ValueError(
                f"`len(bucket_batch_sizes)` must equal `len(bucket_boundaries) + 1` but "
                f"`len(bucket_batch_sizes)="
                f"{len(bucket_batch_sizes)}` and "
                f"`len(bucket_boundaries)={len(bucket_boundaries)}`."
            )
        length = Call(element_length_func, self._spec, "bucket_by_sequence_length")
        sizes = [int(n) for n in bucket_batch_sizes]

        def bucket(row: list) -> int:
            return int(np.searchsorted(bucket_boundaries, int(length(row)[0]), side="right"))

        def close(k: int, rows: list) -> Any:
            dataset = self._made_of(rows, self._spec)
            if no_padding:
                return dataset.batch(sizes[k], drop_remainder)
            shapes = padded_shapes
            if pad_to_bucket_boundary and k < len(bucket_boundaries):
                shapes = nest.pack_sequence_as(
                    self._spec,
                    [[bucket_boundaries[k] - 1 if n is None else n for n in s.shape] for s in self._specs],
                )
            return dataset.padded_batch(sizes[k], shapes, padding_values, drop_remainder)

        if no_padding:
            spec = self.batch(1).element_spec
        else:
            spec = self.padded_batch(1, padded_shapes, padding_values).element_spec
        return self._grouped(bucket, lambda k: sizes[k], close, spec)


def _windows(count: int, size: int, shift: int, stride: int, drop: bool) -> int:
    """How many windows there are over `count` elements."""
    if count < 0:
        return count
    if not drop:
        return -(-count // shift)
    return max(0, (count - (size - 1) * stride - 1) // shift + 1)


def _padded_shapes(specs: list, given: Any) -> list:
    """The shape of each component of a padded batch, without the batch axis; None where it varies."""
    shapes = (
        [None] * len(specs) if given is None else [TensorShape(s) for s in _shape_leaves(given, len(specs))]
    )
    found = []
    for k, (spec, shape) in enumerate(zip(specs, shapes)):
        if shape is None and spec.shape.rank is None:
            raise ValueError(
                f"You must provide `padded_shapes` argument because component {k} has unknown rank."
            )
        shape = spec.shape if shape is None else shape
        if spec.shape.rank is not None and shape.rank != spec.shape.rank or not _fits(spec.shape, shape):
            raise ValueError(
                f"The padded shape {shape} is not compatible with the shape {spec.shape} of the "
                f"corresponding input "
                "component."
            )
        found.append(shape.as_list())
    return found


def _fits(shape: TensorShape, padded: TensorShape) -> bool:
    if shape.rank is None:
        return True
    return all(n is None or m is None or n <= m for n, m in zip(shape, padded))


def _shape_leaves(given: Any, n: int) -> list:
    """The shapes in a structure of shapes, where a list of sizes is one shape."""
    if isinstance(given, dict):
        return [leaf for key in sorted(given) for leaf in _shape_leaves(given[key], n)]
    if isinstance(given, tuple) and not (n == 1 and all(d is None or isinstance(d, int) for d in given)):
        return [leaf for part in given for leaf in _shape_leaves(part, n)]
    shape = np.ravel(on_host(given._value)).tolist() if isinstance(given, EagerTensor) else list(given)
    return [[None if d == -1 else d for d in shape]]


def _padding(specs: list, given: Any) -> list:
    """The padding of each component as an array of its dtype."""
    values = nest.flatten(given) if given is not None else [None] * len(specs)
    if len(values) == 1:
        values *= len(specs)
    found = []
    for spec, value in zip(specs, values):
        if value is None:
            found.append(b"" if spec.dtype.name == "string" else spec.dtype.np.type(0))
            continue
        came = tensor(value) if not isinstance(value, int) else tensor(value, spec.dtype)
        if came.dtype is not spec.dtype:
            raise TypeError(
                f"Invalid `padding_values`. `padding_values` values type {came.dtype!s} does not match type "
                f"{spec.dtype!s} of the corresponding input component."
            )
        found.append(came.numpy())
    return found

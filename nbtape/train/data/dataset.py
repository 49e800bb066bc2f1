"""tf.data.Dataset: a sequence of elements, described once and gone through as often as one likes.

Elements are computed when they are asked for, in the thread that asks; no tape records it.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.dtype import as_dtype, int64
from nbtape.core.engine import tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import TensorSpec
from nbtape.train.data import element, order
from nbtape.train.data.batching import Batching
from nbtape.train.data.element import number, specs_of, structured
from nbtape.train.data.iterate import Generated, GraphIterator, Iterator, NumpyIterator
from nbtape.train.data.parameters import Numbered, found, in_graph, made, results
from nbtape.train.data.reader import Numbers, Slices, Zipped
from nbtape.train.data.saved import LINE, Lines, files_of, read_dataset, texts_of, write_dataset
from nbtape.train.data.stream import Count
from nbtape.train.data.transform import (
    AUTOTUNE as AUTOTUNE,
    INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY,
    Elements,
    Elementwise,
    Ordering,
)


class Dataset(Elementwise, Batching, Ordering, Numbered):
    """A sequence of elements, each a tensor or a nested structure (tuples, dicts) of tensors.

    Made by `from_tensor_slices` and its like, changed by methods that give a new dataset, gone through by
    `for`.

    >>> d = tf.data.Dataset.range(5).map(lambda x: x * x).batch(2)
    >>> [batch.numpy().tolist() for batch in d]
    [[0, 1], [4, 9], [16]]
    """

    # Sources

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> "Dataset":
        """A dataset of one element."""
        structure = structured(tensors, lambda x: isinstance(x, Elements))
        if element.awaited(structure):
            return _later(Dataset.from_tensors, structure, specs_of(structure))
        rows = [element.values_of(structure)]
        return Dataset("Tensor", specs_of(structure), lambda bound: order.Rows(rows), 1)

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> "Dataset":
        """The slices of tensors along their first axis, which is of one length; raises ValueError for
        scalars.

        >>> [(int(a), b.numpy()) for a, b in tf.data.Dataset.from_tensor_slices(([1, 2], ["x", "y"]))]
        [(1, b'x'), (2, b'y')]
        """
        structure = structured(tensors)
        shapes = [x.shape for x in element.leaves(structure) if x is not None]
        if any(s.rank == 0 for s in shapes):
            raise ValueError("Unbatching a tensor is only supported for rank >= 1")
        lengths = [s[0] for s in shapes if s.rank and s[0] is not None]
        for n in lengths[1:]:
            if n != lengths[0]:
                raise ValueError(f"Dimensions {lengths[0]} and {n} are not compatible")
        spec = nest.map_structure(element.unbatched_spec, specs_of(structure))
        if element.awaited(structure):
            return _later(Dataset.from_tensor_slices, structure, spec)
        reader, n = Slices(element.values_of(structure)), lengths[0] if lengths else 0
        return Dataset("TensorSlice", spec, lambda bound: Count(n), n, reader, free=True)

    @staticmethod
    def from_generator(
        generator: Callable,
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> "Dataset":
        """What `generator(*args)` yields, which is called anew each time; `output_signature` says what that
        is.

        Raises InvalidArgumentError where it yields something else.
        """
        if not callable(generator):
            raise TypeError("`generator` must be a Python callable.")
        if output_types is None and output_signature is None:
            raise TypeError(
                "To specify the output signature you need to provide either the "
                "`output_signature` argument or "
                "the `output_types` argument."
            )
        if output_types is not None and output_signature is not None:
            raise TypeError(
                "The `output_types` argument can not be used together with the `output_signature` argument."
            )
        spec = output_signature if output_types is None else element.signature_of(output_types, output_shapes)
        for leaf in element.leaves(spec):
            if not isinstance(leaf, TensorSpec):
                raise TypeError(
                    "`output_signature` must contain objects that are subclass of "
                    "`tf.TypeSpec` but found "
                    f"{type(leaf)} which is not."
                )
        given = [tensor(x).numpy() for x in args or ()]  # type: ignore[attr-defined]
        return Dataset("FlatMap", spec, lambda bound: Generated(generator, given, spec))

    @staticmethod
    def range(*args: Any, output_type: Any = int64, name: str | None = None, **kwargs: Any) -> "Dataset":
        """Whole numbers: `range(stop)`, `range(start, stop)`, `range(start, stop, step)`."""
        if not 1 <= len(args) <= 3:
            raise ValueError(
                f"Invalid `args`. The length of `args` should be between 1 and 3 but was {len(args)}."
            )
        bounds = [number(a, "range", int64) for a in args]
        dtype = as_dtype(output_type)
        spec = TensorSpec((), dtype)
        if None in bounds:
            tensors = tuple([tensor(a, int64) for a in args])
            return _later(lambda x: Dataset.range(*x, output_type=dtype), tensors, spec)
        if len(bounds) == 3 and not bounds[2]:
            raise invalid("step must be a non-zero integer. [Op:RangeDataset]")
        numbers = range(*bounds)  # type: ignore[arg-type]
        reader = Numbers(numbers.start, numbers.step, dtype.np)
        n = len(numbers)
        return Dataset("Range", spec, lambda bound: Count(n), n, reader, free=True)

    @staticmethod
    def counter(start: Any = 0, step: Any = 1, dtype: Any = int64, name: str | None = None) -> "Dataset":
        """`start`, `start + step`, ... without end."""
        kind = as_dtype(dtype)
        reader = Numbers(int(start), int(step), kind.np)
        spec = TensorSpec((), kind)
        return Dataset("Counter", spec, lambda bound: Count(None), INFINITE_CARDINALITY, reader, free=True)

    @staticmethod
    def random(
        seed: int | None = None, rerandomize_each_iteration: bool | None = None, name: Any = None
    ) -> "Dataset":
        """Random int64 numbers from 0 to 2**32 - 1, without end."""
        rounds, spec = order.Order(seed, bool(rerandomize_each_iteration)), TensorSpec((), int64)
        return Dataset("Random", spec, lambda bound: order.Draws(rounds, 2**32), INFINITE_CARDINALITY)

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> "Dataset":
        """Datasets side by side, as long as the shortest: `zip(a, b)`, or one nested structure of
        datasets.
        """
        if not args and datasets is None:
            raise TypeError("Must pass at least one dataset to `zip`.")
        structure = datasets if not args else args[0] if len(args) == 1 else args
        text = (
            "Invalid input to `zip`. Inputs are expected to be (nested) structures of `tf.data.Dataset` "
            "objects"
        )
        if isinstance(structure, list):
            raise TypeError(f"{text}. Python `list` is not supported and you should use `tuple` instead.")
        flat = nest.flatten(structure)
        for d in flat:
            if not isinstance(d, Dataset):
                raise TypeError(f"{text} but encountered object of type {type(d)}.")
        spec = nest.map_structure(lambda d: d.element_spec, structure)
        return Dataset(
            "Zip",
            spec,
            lambda bound: order.Zip(tuple([d._items(bound) for d in flat])),
            _shortest(flat),
            Zipped([d._reader for d in flat]),
        )

    @staticmethod
    def choose_from_datasets(
        datasets: Any, choice_dataset: Any, stop_on_empty_dataset: bool = True
    ) -> "Dataset":
        """The next element of the dataset whose number `choice_dataset` gives."""
        spec = _common(datasets)
        choice = choice_dataset.element_spec
        if choice not in (TensorSpec((), int64), TensorSpec(None, int64)):
            raise TypeError(
                "Invalid `choice_dataset`. Elements of `choice_dataset` must be scalar `tf.int64` tensors "
                f"but are {choice}."
            )

        def chosen(bound: dict) -> order.Chosen:
            parts = tuple([d._rows(bound) for d in datasets])
            return order.Chosen(parts, choice_dataset._rows(bound), stop_on_empty_dataset)

        return Dataset("DirectedInterleave", spec, chosen)

    @staticmethod
    def sample_from_datasets(
        datasets: Any,
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> "Dataset":
        """The next element of a dataset drawn at random, with these weights."""
        spec, n = _common(datasets), len(datasets)
        p = None if weights is None else np.ravel(np.asarray(tensor(weights), np.float64))
        if p is not None and len(p) != n:
            raise ValueError(
                "Invalid `weights`. `weights` should have the same length as `datasets` but got "
                f"`len(weights)={len(p)}` vs. `len(datasets)={n}`."
            )
        drawn = [d for k, d in enumerate(datasets) if p is None or p[k]]  # the others would never end
        shares = None if p is None else p[p > 0] / p.sum()
        rounds = order.Order(seed, bool(rerandomize_each_iteration))

        def sampled(bound: dict) -> order.Chosen:
            parts = tuple([d._rows(bound) for d in drawn])
            return order.Chosen(parts, order.Draws(rounds, len(drawn), shares), stop_on_empty_dataset)

        return Dataset("DirectedInterleave", spec, sampled)

    @staticmethod
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name: str | None = None
    ) -> "Dataset":
        """The names of the files that glob patterns fit; in random order unless `shuffle` is False."""
        names = files_of(texts_of(file_pattern))
        dataset = Dataset.from_tensor_slices(names)
        return dataset if shuffle is False else dataset.shuffle(len(names), seed)

    @staticmethod
    def load(
        path: Any, element_spec: Any = None, compression: Any = None, reader_func: Any = None
    ) -> "Dataset":
        """A dataset that `save` wrote; raises NotFoundError where there is none."""
        if reader_func is not None or compression is not None:
            raise ValueError("nbtape loads what it saved: leave out `compression` and `reader_func`.")
        rows, spec = read_dataset(os.fspath(path), element_spec)
        return Dataset("Load", spec, lambda bound: order.Rows(rows), len(rows))

    def save(
        self, path: Any, compression: Any = None, shard_func: Any = None, checkpoint_args: Any = None
    ) -> None:
        """Write all elements into a folder, from which `Dataset.load` takes them."""
        if any(x is not None for x in (compression, shard_func, checkpoint_args)):
            raise ValueError("nbtape saves in one file: leave out `compression` and `shard_func`.")
        with context.paused():
            write_dataset(os.fspath(path), list(self._rows({})), self._spec)

    # Going through it

    def __iter__(self) -> "Iterator":
        if context.local.graph is not None:
            raise RuntimeError(
                "`tf.data.Dataset` only supports Python-style iteration in eager mode or within "
                "tf.function. Go through "
                "it outside of the function, or write dataset.reduce or dataset.map."
            )
        return Iterator(self._spec, self._rows({}))

    def __graph_iter__(self) -> GraphIterator:
        return GraphIterator(self._spec, self._rows)

    def __graph_iterator__(self) -> Iterator:
        return made(Iterator, self._spec, lambda bound: Iterator(self._spec, self._rows(bound)), [])

    @classmethod
    def stand_in(cls, spec: Any) -> "Dataset":
        """What stands in a traced function for a dataset that is its argument."""
        dataset = cls("Parameter", spec, lambda bound: bound[id(dataset)]._rows(bound))
        return dataset

    def as_numpy_iterator(self) -> NumpyIterator:
        """The elements, with NumPy arrays in place of the tensors."""
        return NumpyIterator(iter(self))

    def get_single_element(self, name: str | None = None) -> Any:
        """The one element; raises InvalidArgumentError where there are none or more."""

        def single(bound: dict) -> list:
            rows = self._rows(bound).take(2)
            if len(rows) != 1:
                raise invalid("Dataset had more than one element." if rows else "Dataset was empty.")
            return rows[0]

        if context.local.graph is not None:
            return results(self._spec, single, [])
        with context.recording(()):
            return element.packed(self._spec, single({}))

    def cardinality(self, name: str | None = None) -> Any:
        """How many elements there are: INFINITE_CARDINALITY (-1) or UNKNOWN_CARDINALITY (-2) where it is
        no number.
        """
        if context.local.graph is not None:
            return in_graph(lambda bound, d: found(d)._count, [self.__composite_flatten__()[1][0]], [int64])[
                0
            ]
        return tensor(np.int64(self._count))

    def __len__(self) -> int:
        if self._count == INFINITE_CARDINALITY:
            raise TypeError("The dataset is infinite.")
        if self._count == UNKNOWN_CARDINALITY:
            raise TypeError("The dataset length is unknown.")
        return self._count

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<_{self._kind}Dataset element_spec={self._spec!r}>"


def text_lines(
    filenames: Any,
    compression_type: Any = None,
    buffer_size: Any = None,
    num_parallel_reads: Any = None,
    name: str | None = None,
) -> Dataset:
    """The lines of text files, one file after another, as strings without what ends them."""
    if compression_type:
        raise ValueError("Compressed files are not read: unpack them first.")
    if element.awaited(filenames):
        return _later(text_lines, filenames, LINE)
    names = texts_of(filenames)
    return Dataset("TextLine", LINE, lambda bound: Lines(names))


def _shortest(datasets: list) -> int:
    """The cardinality of datasets side by side."""
    counts = [d._count for d in datasets]
    if UNKNOWN_CARDINALITY in counts:
        return UNKNOWN_CARDINALITY
    return min([n for n in counts if n >= 0], default=INFINITE_CARDINALITY)


def _later(make: Callable, structure: Any, spec: Any) -> Dataset:
    """`make(structure)`, whenever the graph that is open comes to this point."""
    leaves = element.leaves(structure)
    places = [k for k, x in enumerate(leaves) if x is not None]

    def build(bound: dict, *values: Any) -> Dataset:
        found = [None] * len(leaves)
        for k, x in zip(places, values):
            found[k] = x
        return make(nest.pack_sequence_as(structure, found))

    return made(Dataset, spec, build, [leaves[k] for k in places])


def _common(datasets: Any) -> Any:
    """The structure that the elements of several datasets have in common."""
    if not datasets:
        raise ValueError("Invalid `datasets`. `datasets` should not be empty.")
    spec = datasets[0].element_spec
    for d in datasets[1:]:
        try:
            spec = nest.map_structure(element.relaxed, spec, d.element_spec)
        except (TypeError, ValueError):
            raise TypeError(
                f"Invalid `datasets`. `datasets` must have compatible element specs.\n Dataset 0 "
                f"element_spec={datasets[0].element_spec}.\n Dataset element_spec={d.element_spec}."
            ) from None
    return spec

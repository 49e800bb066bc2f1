"""Where datasets come from: tensors, generators, numbers, files, and other datasets."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core import nest
from nbtape.core.dtype import as_dtype, int64
from nbtape.core.engine import tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import TensorSpec
from nbtape.train.data import element, order
from nbtape.train.data.base import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Elements
from nbtape.train.data.element import number, specs_of, structured
from nbtape.train.data.iterate import Generated
from nbtape.train.data.parameters import made
from nbtape.train.data.reader import Numbers, Slices, Zipped
from nbtape.train.data.saved import LINE, Lines, files_of, read_dataset, texts_of
from nbtape.train.data.shuffle import Chosen, Draws, Order
from nbtape.train.data.stream import Count


class Sources(Elements):
    """What makes datasets, called on the class."""

    @classmethod
    def from_tensors(cls, tensors: Any, name: str | None = None) -> Any:
        """A dataset of one element."""
        structure = element.settled(structured(tensors, lambda x: isinstance(x, Elements)))
        if element.awaited(structure):
            return cls._later_of(cls.from_tensors, structure, specs_of(structure))
        rows = [element.values_of(structure)]
        return cls("Tensor", specs_of(structure), lambda bound: order.Rows(rows), 1)

    @classmethod
    def from_tensor_slices(cls, tensors: Any, name: str | None = None) -> Any:
        """The slices of tensors along their first axis, which is of one length; raises ValueError for
        scalars.

        >>> [(int(a), b.numpy()) for a, b in tf.data.Dataset.from_tensor_slices(([1, 2], ["x", "y"]))]
        [(1, b'x'), (2, b'y')]
        """
        structure = element.settled(structured(tensors))
        shapes = [x.shape for x in element.leaves(structure) if x is not None]
        if any(s.rank == 0 for s in shapes):
            raise ValueError("Unbatching a tensor is only supported for rank >= 1")
        lengths = [s[0] for s in shapes if s.rank and s[0] is not None]
        for n in lengths[1:]:
            if n != lengths[0]:
                raise ValueError(f"Dimensions {lengths[0]} and {n} are not compatible")
        spec = nest.map_structure(element.unbatched_spec, specs_of(structure))
        if element.awaited(structure):
            return cls._later_of(cls.from_tensor_slices, structure, spec)
        reader, n = Slices(element.values_of(structure)), lengths[0] if lengths else 0
        return cls("TensorSlice", spec, lambda bound: Count(n), n, reader, free=True)

    @classmethod
    def from_generator(
        cls,
        generator: Callable,
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Any:
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
        return cls("FlatMap", spec, lambda bound: Generated(generator, given, spec))

    @classmethod
    def range(cls, *args: Any, output_type: Any = int64, name: str | None = None, **kwargs: Any) -> Any:
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
            return cls._later_of(lambda x: cls.range(*x, output_type=dtype), tensors, spec)
        if len(bounds) == 3 and not bounds[2]:
            raise invalid("step must be a non-zero integer. [Op:RangeDataset]")
        numbers = range(*bounds)  # type: ignore[arg-type]
        reader = Numbers(numbers.start, numbers.step, dtype.np)
        n = len(numbers)
        return cls("Range", spec, lambda bound: Count(n), n, reader, free=True)

    @classmethod
    def counter(cls, start: Any = 0, step: Any = 1, dtype: Any = int64, name: str | None = None) -> Any:
        """`start`, `start + step`, ... without end."""
        kind = as_dtype(dtype)
        reader = Numbers(int(start), int(step), kind.np)
        spec = TensorSpec((), kind)
        return cls("Counter", spec, lambda bound: Count(None), INFINITE_CARDINALITY, reader, free=True)

    @classmethod
    def random(
        cls, seed: int | None = None, rerandomize_each_iteration: bool | None = None, name: Any = None
    ) -> Any:
        """Random int64 numbers from 0 to 2**32 - 1, without end."""
        rounds, spec = Order(seed, bool(rerandomize_each_iteration)), TensorSpec((), int64)
        return cls("Random", spec, lambda bound: Draws(rounds, 2**32), INFINITE_CARDINALITY)

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None, name: str | None = None) -> Any:
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
            if not isinstance(d, Elements):
                raise TypeError(f"{text} but encountered object of type {type(d)}.")
        spec = nest.map_structure(lambda d: d.element_spec, structure)
        return cls(
            "Zip",
            spec,
            lambda bound: order.Zip(tuple([d._items(bound) for d in flat])),
            _shortest(flat),
            Zipped([d._reader for d in flat]),
        )

    @classmethod
    def choose_from_datasets(
        cls, datasets: Any, choice_dataset: Any, stop_on_empty_dataset: bool = True
    ) -> Any:
        """The next element of the dataset whose number `choice_dataset` gives."""
        spec = _common(datasets)
        choice = choice_dataset.element_spec
        if choice not in (TensorSpec((), int64), TensorSpec(None, int64)):
            raise TypeError(
                "Invalid `choice_dataset`. Elements of `choice_dataset` must be scalar `tf.int64` tensors "
                f"but are {choice}."
            )

        def chosen(bound: dict) -> Chosen:
            parts = tuple([d._rows(bound) for d in datasets])
            return Chosen(parts, choice_dataset._rows(bound), stop_on_empty_dataset)

        return cls("DirectedInterleave", spec, chosen)

    @classmethod
    def sample_from_datasets(
        cls,
        datasets: Any,
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Any:
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
        rounds = Order(seed, bool(rerandomize_each_iteration))

        def sampled(bound: dict) -> Chosen:
            parts = tuple([d._rows(bound) for d in drawn])
            return Chosen(parts, Draws(rounds, len(drawn), shares), stop_on_empty_dataset)

        return cls("DirectedInterleave", spec, sampled)

    @classmethod
    def list_files(
        cls, file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name: str | None = None
    ) -> Any:
        """The names of the files that glob patterns fit; in random order unless `shuffle` is False."""
        names = files_of(texts_of(file_pattern))
        dataset = cls.from_tensor_slices(names)
        return dataset if shuffle is False else dataset.shuffle(len(names), seed)

    @classmethod
    def load(
        cls, path: Any, element_spec: Any = None, compression: Any = None, reader_func: Any = None
    ) -> Any:
        """A dataset that `save` wrote; raises NotFoundError where there is none."""
        if reader_func is not None or compression is not None:
            raise ValueError("nbtape loads what it saved: leave out `compression` and `reader_func`.")
        rows, spec = read_dataset(os.fspath(path), element_spec)
        return cls("Load", spec, lambda bound: order.Rows(rows), len(rows))

    @classmethod
    def _later_of(cls, make: Callable, structure: Any, spec: Any) -> Any:
        """`make(structure)`, whenever the graph that is open comes to this point."""
        leaves = element.leaves(structure)
        places = [k for k, x in enumerate(leaves) if x is not None]

        def build(bound: dict, *values: Any) -> Any:
            found = [None] * len(leaves)
            for k, x in zip(places, values):
                found[k] = x
            return make(nest.pack_sequence_as(structure, found))

        return made(cls, spec, build, [leaves[k] for k in places])


def _shortest(datasets: list) -> int:
    """The cardinality of datasets side by side."""
    counts = [d._count for d in datasets]
    if UNKNOWN_CARDINALITY in counts:
        return UNKNOWN_CARDINALITY
    return min([n for n in counts if n >= 0], default=INFINITE_CARDINALITY)


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

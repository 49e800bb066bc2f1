"""tf.data.Dataset: a sequence of elements, described once and gone through as often as one likes.

Elements are computed when they are asked for, in the thread that asks unless a transformation has threads of
its own; no tape records it.
"""

import os
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import int64
from nbtape.core.engine import tensor
from nbtape.core.errors import invalid
from nbtape.train.data import element
from nbtape.train.data.base import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY
from nbtape.train.data.batching import Batching
from nbtape.train.data.elementwise import Elementwise
from nbtape.train.data.iterate import GraphIterator, InitializableIterator, Iterator, NumpyIterator
from nbtape.train.data.ordering import Ordering
from nbtape.train.data.parameters import found, in_graph, made, results
from nbtape.train.data.saved import LINE, Lines, texts_of, write_dataset
from nbtape.train.data.sources import Sources


class Dataset(Sources, Elementwise, Batching, Ordering):
    """A sequence of elements, each a tensor or a nested structure (tuples, dicts) of tensors.

    Made by `from_tensor_slices` and its like, changed by methods that give a new dataset, gone through by
    `for`.

    >>> d = tf.data.Dataset.range(5).map(lambda x: x * x).batch(2)
    >>> [batch.numpy().tolist() for batch in d]
    [[0, 1], [4, 9], [16]]
    """

    def __iter__(self) -> "Iterator":
        if context.local.graph is not None:
            raise RuntimeError(
                "`tf.data.Dataset` only supports Python-style iteration in eager mode or within tf.function. "
                "Go through it outside of the function, or write dataset.reduce or dataset.map."
            )
        return Iterator(self._spec, self._rows({}))

    def __graph_iter__(self) -> GraphIterator:
        return GraphIterator(self._spec, self._rows)

    def __graph_iterator__(self) -> Iterator:
        return made(Iterator, self._spec, lambda bound: Iterator(self._spec, self._rows(bound)), [])

    def make_one_shot_iterator(self) -> Iterator:
        """TensorFlow 1's iterator: each run of its `get_next()` gives the next element, in any session."""
        return Iterator(self._spec, self._rows({}))

    def make_initializable_iterator(self, shared_name: str | None = None) -> InitializableIterator:
        """TensorFlow 1's iterator that a session starts by running its `initializer`; then the dataset may be
        made of placeholders.
        """
        return InitializableIterator(self)

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
            return in_graph(lambda bound, dataset: found(dataset)._count, [self._handle()], [int64])[0]
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

    def save(
        self, path: Any, compression: Any = None, shard_func: Any = None, checkpoint_args: Any = None
    ) -> None:
        """Write all elements into a folder, from which `Dataset.load` takes them."""
        if self._count == INFINITE_CARDINALITY:
            raise invalid("An infinite dataset cannot be saved: save dataset.take(n).")
        if any(x is not None for x in (compression, shard_func, checkpoint_args)):
            raise ValueError("nbtape saves in one file: leave out `compression` and `shard_func`.")
        with context.paused():
            write_dataset(os.fspath(path), list(self._rows({})), self._spec)


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
        return Dataset._later_of(text_lines, filenames, LINE)
    names = texts_of(filenames)
    return Dataset("TextLine", LINE, lambda bound: Lines(names))

"""What TensorFlow 1 asks datasets and iterators for by functions."""

from typing import Any

from nbtape.core import nest
from nbtape.train.data.dataset import Dataset
from nbtape.train.data.iterate import InitializableIterator, Iterator


def get_output_types(dataset_or_iterator: Any) -> Any:
    """The dtypes of the parts of an element.

    >>> tf.compat.v1.data.get_output_types(tf.data.Dataset.range(3))
    tf.int64
    """
    return nest.map_structure(lambda spec: spec.dtype, dataset_or_iterator.element_spec)


def get_output_shapes(dataset_or_iterator: Any) -> Any:
    """The shapes of the parts of an element."""
    return nest.map_structure(lambda spec: spec.shape, dataset_or_iterator.element_spec)


def get_output_classes(dataset_or_iterator: Any) -> Any:
    """The types of the parts of an element."""
    return nest.map_structure(lambda spec: spec.value_type, dataset_or_iterator.element_spec)


def make_one_shot_iterator(dataset: Dataset) -> Iterator:
    """`dataset.make_one_shot_iterator()`."""
    return dataset.make_one_shot_iterator()


def make_initializable_iterator(dataset: Dataset, shared_name: str | None = None) -> InitializableIterator:
    """`dataset.make_initializable_iterator()`."""
    return dataset.make_initializable_iterator(shared_name)

"""tf.data.experimental: names of TensorFlow for what datasets do themselves, made for `Dataset.apply`."""

from collections.abc import Callable
from typing import Any

from nbtape.train.data import base
from nbtape.train.data.iterate import Optional as Optional
from nbtape.train.data.order import Checked

AUTOTUNE = base.AUTOTUNE
INFINITE_CARDINALITY = base.INFINITE_CARDINALITY
UNKNOWN_CARDINALITY = base.UNKNOWN_CARDINALITY


def cardinality(dataset: Any) -> Any:
    """`dataset.cardinality()`."""
    return dataset.cardinality()


def assert_cardinality(expected_cardinality: Any) -> Callable:
    """The same elements, which are as many as promised, or FailedPreconditionError is raised at the end.

    >>> odd = tf.data.Dataset.range(9).filter(lambda x: x % 2 == 1)
    >>> len(odd.apply(tf.data.experimental.assert_cardinality(4)))
    4
    """
    n = int(expected_cardinality)

    def change(dataset: Any) -> Any:
        return dataset._with("AssertCardinality", lambda bound: Checked(dataset._items(bound), n), n)

    return change


def get_structure(dataset_or_iterator: Any) -> Any:
    """The structure of an element."""
    return dataset_or_iterator.element_spec


def get_single_element(dataset: Any) -> Any:
    """The one element of a dataset."""
    return dataset.get_single_element()


def get_next_as_optional(iterator: Any) -> Any:
    """The next element of an iterator, or an empty Optional."""
    return iterator.get_next_as_optional()


def unbatch() -> Callable:
    """`dataset.unbatch()`, for `apply`."""
    return lambda dataset: dataset.unbatch()


def enumerate_dataset(start: Any = 0) -> Callable:
    """`dataset.enumerate(start)`, for `apply`."""
    return lambda dataset: dataset.enumerate(start)


def ignore_errors(log_warning: bool = False) -> Callable:
    """`dataset.ignore_errors()`, for `apply`."""
    return lambda dataset: dataset.ignore_errors(log_warning)


def take_while(predicate: Callable) -> Callable:
    """`dataset.take_while(predicate)`, for `apply`."""
    return lambda dataset: dataset.take_while(predicate)


def scan(initial_state: Any, scan_func: Callable) -> Callable:
    """`dataset.scan(initial_state, scan_func)`, for `apply`."""
    return lambda dataset: dataset.scan(initial_state, scan_func)


def unique() -> Callable:
    """`dataset.unique()`, for `apply`."""
    return lambda dataset: dataset.unique()


def group_by_window(key_func: Callable, reduce_func: Callable, *args: Any, **kwargs: Any) -> Callable:
    """`dataset.group_by_window(...)`, for `apply`."""
    return lambda dataset: dataset.group_by_window(key_func, reduce_func, *args, **kwargs)


def bucket_by_sequence_length(*args: Any, **kwargs: Any) -> Callable:
    """`dataset.bucket_by_sequence_length(...)`, for `apply`."""
    return lambda dataset: dataset.bucket_by_sequence_length(*args, **kwargs)


def shuffle_and_repeat(buffer_size: Any, count: Any = None, seed: Any = None) -> Callable:
    """`dataset.shuffle(buffer_size, seed).repeat(count)`, for `apply`."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def map_and_batch(
    map_func: Callable, batch_size: Any, num_parallel_batches: Any = None, drop_remainder: bool = False,
    num_parallel_calls: Any = None,
) -> Callable:  # fmt: skip
    """`dataset.map(map_func).batch(batch_size)`, for `apply`."""
    return lambda dataset: dataset.map(map_func, num_parallel_calls).batch(batch_size, drop_remainder)

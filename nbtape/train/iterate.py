"""Going through a dataset: its iterators; and through a Python generator, which a dataset goes through."""

import itertools
from collections.abc import Callable, Iterator as PythonIterator
from typing import Any

from nbtape.core import context, nest
from nbtape.core.engine import tensor
from nbtape.core.errors import OpError, OutOfRangeError, invalid
from nbtape.core.shape import TensorSpec
from nbtape.graph.python import as_op_error
from nbtape.train import element
from nbtape.train.element import packed


class Iterator:
    """One way through a dataset."""

    def __init__(self, dataset: Any):
        self._spec, self._rows = dataset.element_spec, dataset._source()

    @property
    def element_spec(self) -> Any:
        return self._spec

    def __iter__(self) -> "Iterator":
        return self

    def __next__(self) -> Any:
        with context.recording(()):
            return packed(self._spec, next(self._rows))

    def get_next(self, name: str | None = None) -> Any:
        """The next element; raises OutOfRangeError at the end."""
        try:
            return next(self)
        except StopIteration:
            raise OutOfRangeError(None, None, "End of sequence") from None

    def get_next_as_optional(self) -> "Optional":
        """The next element, or an empty Optional at the end."""
        return Optional(list(itertools.islice(self, 1)))


class Optional:
    """An element that may be missing."""

    def __init__(self, held: list):
        self._held = held

    def has_value(self, name: str | None = None) -> Any:
        """Whether there is an element, as a boolean tensor."""
        return tensor(bool(self._held))

    def get_value(self, name: str | None = None) -> Any:
        """The element; raises InvalidArgumentError where there is none."""
        if not self._held:
            raise invalid("The given optional does not have a value.")
        return self._held[0]


def generated(generator: Callable, args: list, spec: Any) -> PythonIterator[list]:
    for found in _guarded(generator, args):
        yield [element.converted(v, s) for v, s in zip(_flattened(found, spec), element.leaves(spec))]


def _guarded(generator: Callable, args: list) -> PythonIterator:
    try:
        yield from generator(*args)
    except OpError:
        raise
    except Exception as error:
        raise as_op_error(error) from error


def _flattened(found: Any, spec: Any) -> list:
    """What a generator yielded, as flat as its spec."""
    if isinstance(spec, TensorSpec):
        return [found]
    children = list(found.values()) if isinstance(found, dict) else found
    parts = [spec[key] for key in sorted(spec)] if isinstance(spec, dict) else list(spec)
    if isinstance(found, dict) and isinstance(spec, dict) and set(found) == set(spec):
        children = [found[key] for key in sorted(found)]
    elif not isinstance(found, tuple) or isinstance(spec, dict) or len(found) != len(parts):
        types = nest.map_structure(lambda s: s.dtype, spec)
        raise invalid(
            "TypeError: `generator` yielded an element that did not match the expected structure. The "
            "expected "
            f"structure was {types}, but the yielded element was {found}."
        )
    return [leaf for child, part in zip(children, parts) for leaf in _flattened(child, part)]

"""Elements of datasets: nested structures of values, as flat lists of arrays and the structure of their
specs.

Tuples and dicts are structure; a list is a tensor, as in `tf.data`. A leaf is an array (or NumPy scalar),
None, or a Dataset (a window), and its spec a TensorSpec, None or a DatasetSpec.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nbtape.core import nest
from nbtape.core.dtype import DType, as_dtype
from nbtape.core.engine import EagerTensor, Tensor, tensor
from nbtape.core.errors import invalid
from nbtape.core.memory import on_host
from nbtape.core.shape import TensorShape, TensorSpec
from nbtape.ops.static import known


class DatasetSpec:
    """The spec of a dataset that is itself an element of one."""

    def __init__(self, element_spec: Any, dataset_shape: Any = (), like: Any = None):
        self._element_spec, self._shape, self._like = element_spec, TensorShape(dataset_shape), like

    @property
    def element_spec(self) -> Any:
        return self._element_spec

    def stand_in(self) -> Any:
        """A dataset of such elements, to see what a function makes of it."""
        return self._like._made_of([], self._element_spec)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, DatasetSpec) and self._element_spec == other._element_spec

    def __hash__(self) -> int:
        return hash(DatasetSpec)

    def __repr__(self) -> str:
        return f"DatasetSpec({self._element_spec!r}, {self._shape!r})"


def structured(x: Any, is_dataset: Any = lambda x: False) -> Any:
    """`x` with Tensors as leaves: tuples and dicts are kept, whatever else is no tensor becomes one."""
    if x is None or isinstance(x, Tensor) or is_dataset(x):
        return x
    if isinstance(x, Mapping):
        items = {key: structured(value, is_dataset) for key, value in x.items()}
        return items if type(x) is dict else type(x)(items)  # type: ignore[call-arg]
    if isinstance(x, tuple):
        parts = [structured(item, is_dataset) for item in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return tensor(x)


def leaves(structure: Any) -> list:
    return nest.flatten(structure)


def spec_of_leaf(x: Any) -> Any:
    if x is None or isinstance(x, TensorSpec | DatasetSpec):
        return x
    if isinstance(x, Tensor):
        return TensorSpec(x.shape, x.dtype)
    return DatasetSpec(x.element_spec, (), x)


def settled(structure: Any) -> Any:
    """The structure with values for the tensors of a graph that are known while it is traced."""

    def leaf(x: Any) -> Any:
        value = known(x) if isinstance(x, Tensor) else None
        return x if value is None else EagerTensor(value)

    return nest.map_structure(leaf, structure)


def awaited(structure: Any) -> bool:
    """Whether there are tensors in it that only have values when the graph that is traced runs."""
    return any(isinstance(x, Tensor) and not isinstance(x, EagerTensor) for x in leaves(structure))


def specs_of(structure: Any) -> Any:
    return nest.map_structure(spec_of_leaf, structure)


def values_of(structure: Any) -> list:
    """The leaves as arrays."""
    return [on_host(x._value) if isinstance(x, EagerTensor) else x for x in leaves(structure)]


def packed(spec: Any, values: list) -> Any:
    """Flat values as the structure of Tensors that a user sees."""
    wrapped = [EagerTensor(v) if isinstance(v, np.ndarray | np.generic) else v for v in values]
    return nest.pack_sequence_as(spec, wrapped)


def packer(spec: Any) -> Callable[[list], Any]:
    """`packed` for elements of one structure, without a walk through it where it is a tensor or a tuple of
    them.
    """
    if isinstance(spec, TensorSpec):
        return lambda values: EagerTensor(values[0])
    if type(spec) is tuple and all(isinstance(s, TensorSpec) for s in spec):
        return lambda values: tuple([EagerTensor(v) for v in values])
    return functools.partial(packed, spec)


def item(value: Any, i: int) -> Any:
    """Element i along the first axis, as a tensor holds it."""
    found = value[i]
    return found if isinstance(found, np.ndarray | np.generic) else as_object(found)


def as_object(x: Any) -> np.ndarray:
    """A string as an array of rank 0."""
    y = np.empty((), object)
    y[()] = x
    return y


def number(x: Any, name: str, dtype: DType | None = None) -> int | None:
    """A count that an argument gives; None where it is a tensor that has no value while a function is
    traced.
    """
    if type(x) is int:
        return x
    value = known(tensor(x) if dtype is None or isinstance(x, Tensor) else tensor(x, dtype))
    if value is None:
        return None
    if value.dtype.kind not in "iu":
        raise TypeError(f"Cannot convert {x!r} to EagerTensor of dtype int64")
    return int(value)


def bracket(value: Any) -> str:
    return "[" + ",".join(map(str, value.shape)) + "]"


def stacked(rows: list[list], specs: list) -> list:
    """Elements as one batch: their components stacked."""
    return [
        _stacked([row[k] for row in rows], k) if specs[k] is not None else None for k in range(len(specs))
    ]


def _stacked(values: list, k: int) -> np.ndarray:
    first = values[0]
    for i, value in enumerate(values):
        if value.shape != first.shape:
            raise invalid(
                f"Cannot batch tensors with different shapes in component {k}. First element had shape "
                f"{bracket(first)} "
                f"and element {i} had shape {bracket(value)}. Pad them to one shape with padded_batch."
            )
    return np.array(values, first.dtype) if isinstance(first, np.generic) else np.stack(values)


def batched_spec(spec: Any, n: int | None) -> Any:
    """The spec of a batch of n elements."""
    if isinstance(spec, DatasetSpec):
        return spec
    return spec if spec is None else TensorSpec(TensorShape([n]).concatenate(spec.shape), spec.dtype)


def unbatched_spec(spec: Any) -> Any:
    if spec is None:
        return None
    if spec.shape.rank == 0:
        raise ValueError("Cannot unbatch an input with scalar components.")
    return TensorSpec(spec.shape[1:], spec.dtype)


def relaxed(a: Any, b: Any) -> Any:
    """The spec of elements of which some are like `a` and some like `b`."""
    return a if not isinstance(a, TensorSpec) else a.most_specific_compatible_type(b)


def converted(value: Any, spec: TensorSpec) -> Any:
    """What a generator yielded, as an array of the promised dtype and shape."""
    try:
        if isinstance(value, EagerTensor | np.ndarray | np.generic) and spec.dtype.name != "string":
            array = np.array(value, spec.dtype.np)[()]  # a copy, since the generator may write to it again
        else:
            array = on_host(tensor(value, spec.dtype)._value)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise invalid(
            "TypeError: `generator` yielded an element that could not be converted to the expected type. "
            "The expected "
            f"type was {spec.dtype.name}, but the yielded element was {value}."
        ) from None
    if not spec.shape.is_compatible_with(array.shape):
        raise invalid(
            f"TypeError: `generator` yielded an element of shape {array.shape} where an element of shape "
            f"{spec.shape} "
            "was expected."
        )
    return array


def signature_of(output_types: Any, output_shapes: Any) -> Any:
    """The spec that TensorFlow 1's pair of arguments gives."""
    types = structured_types(output_types)
    flat = nest.flatten(types)
    if output_shapes is None:
        shapes: list = [None] * len(flat)
    elif len(flat) == 1 and not nest.is_nested(types):
        shapes = [output_shapes]
    else:
        shapes = list(output_shapes.values()) if isinstance(output_shapes, Mapping) else list(output_shapes)
    return nest.pack_sequence_as(types, [TensorSpec(TensorShape(s), t) for s, t in zip(shapes, flat)])


def structured_types(types: Any) -> Any:
    if isinstance(types, Mapping):
        return {key: structured_types(value) for key, value in types.items()}
    return tuple([structured_types(t) for t in types]) if isinstance(types, list | tuple) else as_dtype(types)

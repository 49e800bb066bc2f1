"""What a function's arguments are to a trace: a key that equal calls share, and the tensors among them.

Tensors and NumPy arrays count by dtype and shape, Python values by type and value, variables and other
objects by identity; containers by their structure.
"""

import weakref
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from nbtape.core import nest
from nbtape.core.dtype import as_dtype
from nbtape.core.engine import EagerTensor, Operators, Tensor, tensor
from nbtape.core.report import spec_of
from nbtape.core.shape import Spec, TensorShape, TensorSpec
from nbtape.program.guards import PLAIN, shown
from nbtape.state.variable import Variable


def _is_leaf(x: Any) -> bool:
    return isinstance(x, Tensor | np.ndarray | np.generic | TensorSpec)


class Identity:
    """An object as part of a key: equal to itself alone, while it lives."""

    __slots__ = ("_ref", "_hash", "_text")

    def __init__(self, x: Any):
        hash(x)  # what cannot be hashed is a value that may change without notice
        try:
            self._ref: Callable[[], Any] = weakref.ref(x)
        except TypeError:
            self._ref = lambda: x
        self._hash, self._text = hash((Identity, id(x))), shown(x)

    @property
    def alive(self) -> bool:
        return self._ref() is not None

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, Identity):
            return False
        mine, theirs = self._ref(), other._ref()
        return mine is theirs and mine is not None

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return self._text


def may_come(key: Hashable) -> bool:
    """Whether a call of this key can come again: not, where an object in it is gone."""
    if isinstance(key, Identity):
        return key.alive
    return all(map(may_come, key)) if isinstance(key, tuple) else True


def tensor_spec(spec: Spec, name: str | None = None) -> TensorSpec:
    return TensorSpec(TensorShape(spec.shape), as_dtype(spec.dtype), name)


def plain_spec(spec: TensorSpec) -> Spec:
    return Spec(None if spec.shape.rank is None else tuple(spec.shape), spec.dtype.np)


def accepts(wide: Spec, narrow: Spec) -> bool:
    """Whether a trace made for `wide` serves a tensor of `narrow`."""
    return wide.dtype == narrow.dtype and TensorShape(narrow.shape).is_subtype_of(wide.shape)


def widened(a: Spec, b: Spec) -> Spec:
    """The narrowest spec that serves both."""
    shape = TensorShape(a.shape).most_specific_compatible_shape(b.shape)
    return Spec(None if shape.rank is None else tuple(shape), a.dtype)


class Signature:
    """The arguments of one call: the tensors among them, their specs, and a key for all the rest.

    One trace serves all calls of one key whose specs it accepts.
    """

    __slots__ = ("key", "template", "tensors", "specs")

    def __init__(self, args: Any):
        self.template = args
        self.tensors: list[Any] = []
        specs: list[Spec] = []
        self.key: Hashable = self._key(args, specs)
        self.specs = tuple(specs)

    def _key(self, x: Any, specs: list) -> Hashable:
        kind = type(x)
        if kind is EagerTensor:
            return self._tensor(x, Spec(x._value.shape, x._value.dtype), specs)
        if kind is tuple or kind is list:
            return kind, *[self._key(item, specs) for item in x]
        if kind in PLAIN:
            return (kind, x) if x == x else (kind, repr(x))
        if isinstance(x, np.ndarray | np.generic):
            x = tensor(x)
        if isinstance(x, Tensor):
            return self._tensor(x, spec_of(x), specs)
        if isinstance(x, TensorSpec):
            return self._tensor(x, plain_spec(x), specs)
        if isinstance(x, Variable):
            return "variable", x._serial
        if isinstance(x, Identity):
            return x
        return self._other(x, specs)

    def _tensor(self, x: Any, spec: Spec, specs: list) -> Hashable:
        self.tensors.append(x)
        specs.append(spec)
        return Tensor, spec.dtype

    def _other(self, x: Any, specs: list) -> Hashable:
        if isinstance(x, Mapping):
            return type(x), *[(key, self._key(x[key], specs)) for key in sorted(x)]
        if isinstance(x, list | tuple):
            return type(x), *[self._key(item, specs) for item in x]
        if isinstance(x, Composite):
            return x.kind, repr(x.metadata), *[self._key(spec, specs) for spec in x.specs]
        for protocol in ("__tf_flatten__", "__composite_flatten__"):
            if hasattr(type(x), protocol):
                metadata, components = getattr(x, protocol)()
                return type(x), repr(metadata), *[self._key(item, specs) for item in components]
        try:
            return Identity(x)
        except TypeError:
            raise TypeError(
                f"Could not generate a generic TraceType for {x}.Please verify that it is "
                f"immutable/hashable. Otherwise, "
                "consider implementing the Tracing Protocol for it."
            ) from None

    def filled(self, leaf: Callable[[int], Any]) -> Any:
        """The arguments with `leaf(i)` in the place of tensor number i."""
        count = iter(range(len(self.tensors)))

        def put(x: Any) -> Any:
            return leaf(next(count)) if _is_leaf(x) else x

        return nest.map_structure(put, self.template, expand_composites=True)


class Composite:
    """Several tensors that one object stands for, as a trace remembers them."""

    def __init__(self, kind: type, metadata: Any, specs: tuple):
        self.kind, self.metadata, self.specs = kind, metadata, specs

    def __repr__(self) -> str:
        return f"{self.kind.__name__}{self.specs}"


def stored(signature: Signature, specs: tuple, names: list[str]) -> Any:
    """The arguments as a trace remembers them: specs for tensors, and what is no value only by identity."""
    left = iter([tensor_spec(spec, name) for spec, name in zip(specs, names)])

    def leaf(x: Any) -> Any:
        if hasattr(type(x), "__composite_flatten__"):
            metadata, parts = x.__composite_flatten__()
            return Composite(type(x), metadata, tuple([next(left) for _ in parts]))
        return next(left) if _is_leaf(x) else _remembered(x)

    return nest.map_structure(leaf, signature.template)


def _remembered(x: Any) -> Any:
    if type(x) in PLAIN or isinstance(x, TensorSpec | Variable):
        return x
    return Identity(x)


def names_of(bound: Mapping[str, Any]) -> list[str]:
    """A name for each tensor among bound arguments: `x`, `d_key`, `l_0`."""
    names: list[str] = []

    def walk(x: Any, name: str) -> None:
        if isinstance(x, TensorSpec) and x.name:
            names.append(x.name)
        elif _is_leaf(x):
            names.append(name)
        elif isinstance(x, Mapping):
            for key in sorted(x):
                walk(x[key], f"{name}_{key}")
        elif isinstance(x, list | tuple):
            for i, item in enumerate(x):
                walk(item, f"{name}_{i}")
        elif hasattr(type(x), "__tf_flatten__") or hasattr(type(x), "__composite_flatten__"):
            for i, item in enumerate(nest.flatten(x, expand_composites=True)):
                walk(item, f"{name}_{i}")

    for key, value in bound.items():
        walk(value, key)
    return names


def spelled(x: Any) -> str:
    """An argument as TensorFlow's messages spell its type."""
    if isinstance(x, TensorSpec | Tensor):
        return repr(TensorSpec(x.shape, x.dtype))
    if isinstance(x, Mapping):
        items = ", ".join(f"[{key!r}, {spelled(x[key])}]" for key in sorted(x))
        return f"Dict[{items}]"
    if isinstance(x, list | tuple):
        return f"{type(x).__name__.capitalize()}[{', '.join(spelled(item) for item in x)}]"
    return f"Literal[{x!r}]"

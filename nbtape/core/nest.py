"""Nested structures: lists, tuples, namedtuples and dicts taken apart and put together again, as `tf.nest`
does.

A dict is walked in the order of its sorted keys, whatever order it was filled in. Everything that is no
container is a leaf: None, strings, arrays, tensors, sets. Classes with `__tf_flatten__() -> (metadata,
components)` and `__tf_unflatten__(metadata, components)` are containers too; composites such as IndexedSlices
(with the same two methods named `__composite_flatten__`, `__composite_unflatten__`) only where
`expand_composites` says so.
"""

from collections import defaultdict
from collections.abc import Callable, ItemsView, KeysView, Mapping, Sequence, ValuesView
from typing import Any

# Whether instances of a type are containers: asking the abstract classes costs more than a whole small
# gradient.
_NESTED: dict[type, bool] = {}
_CONTAINERS = (Sequence, Mapping, KeysView, ValuesView, ItemsView)
_TEXT = (str, bytes)


def is_nested(seq: Any) -> bool:
    """Whether `seq` is a container that this module takes apart.

    >>> tf.nest.is_nested([1, 2]), tf.nest.is_nested("ab"), tf.nest.is_nested({"a": 1})
    (True, False, True)
    """
    kind = type(seq)
    found = _NESTED.get(kind)
    if found is None:
        found = isinstance(seq, _CONTAINERS) and not isinstance(seq, _TEXT) or hasattr(kind, "__tf_flatten__")
        _NESTED[kind] = found
    return found


def _is_container(x: Any, composites: bool) -> bool:
    found = _NESTED.get(type(x))
    if found is None:
        found = is_nested(x)
    return found or composites and hasattr(type(x), "__composite_flatten__")


def _children(x: Any) -> Sequence:
    """What a container holds, in the order of the walk."""
    if type(x) is list or type(x) is tuple:
        return x
    if isinstance(x, Mapping):
        try:
            return [x[key] for key in sorted(x)]
        except TypeError as error:
            raise TypeError(f"nest only supports dicts with sortable keys: {error}") from None
    if hasattr(type(x), "__tf_flatten__"):
        return x.__tf_flatten__()[1]
    if hasattr(type(x), "__composite_flatten__"):
        return x.__composite_flatten__()[1]
    return x if isinstance(x, list | tuple) else list(x)


def _like(x: Any, children: list) -> Any:
    """A container like `x` that holds `children`."""
    if type(x) is list:
        return children
    if isinstance(x, Mapping):
        return _mapping_like(x, dict(zip(sorted(x), children)))
    kind = type(x)
    if hasattr(kind, "_fields") and isinstance(x, tuple):
        return kind(*children)
    if hasattr(kind, "__tf_flatten__"):
        return kind.__tf_unflatten__(x.__tf_flatten__()[0], tuple(children))
    if hasattr(kind, "__composite_flatten__"):
        return kind.__composite_unflatten__(x.__composite_flatten__()[0], tuple(children))
    if isinstance(x, range | KeysView | ValuesView | ItemsView):
        return children
    return kind(children)


def _mapping_like(x: Any, by_key: dict) -> Any:
    items = {key: by_key[key] for key in x}  # the order that the original was filled in
    if isinstance(x, defaultdict):
        return type(x)(x.default_factory, items)
    try:
        return type(x)(items)
    except TypeError as error:
        raise TypeError(
            f"Error creating an object of type {type(x)} like {x}. Note that it must accept a single "
            "positional argument representing an iterable of key-value pairs, in addition to self. Cause: "
            f"{error}"
        ) from None


def flatten(structure: Any, expand_composites: bool = False) -> list:
    """The leaves of `structure` as a list; a leaf alone is a list of one.

    >>> tf.nest.flatten({"b": 3, "a": (1, [2])})
    [1, 2, 3]
    """
    if not _is_container(structure, expand_composites):
        return [structure]
    leaves: list = []
    _gather(structure, expand_composites, leaves)
    return leaves


def _gather(x: Any, composites: bool, leaves: list) -> None:
    for child in _children(x):
        if _is_container(child, composites) if composites or _NESTED.get(type(child)) is not False else False:
            _gather(child, composites, leaves)
        else:
            leaves.append(child)


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """`flat_sequence` put into the form of `structure`: the inverse of `flatten`.

    Raises ValueError where the number of leaves differs, TypeError where `flat_sequence` is no sequence.

    >>> tf.nest.pack_sequence_as({"a": 0, "b": [0, 0]}, [1, 2, 3])
    {'a': 1, 'b': [2, 3]}
    """
    if not is_nested(flat_sequence):
        raise TypeError(
            f"Attempted to pack value:\n  {flat_sequence}\ninto a structure, but found incompatible type "
            f"`{type(flat_sequence)}` instead."
        )
    if not _is_container(structure, expand_composites):
        if len(flat_sequence) != 1:
            raise ValueError(
                f"The target structure is of type `{type(structure)}`\n  {structure}\nHowever the input is "
                f"a sequence ({type(flat_sequence)}) of length {len(flat_sequence)}.\n  "
                f"{flat_sequence}\nnest cannot guarantee "
                "that it is safe to map one to the other."
            )
        return flat_sequence[0]
    atoms = len(flatten(structure, expand_composites))
    if atoms != len(flat_sequence):
        raise ValueError(
            f"Could not pack sequence. Structure had {atoms} atoms, but flat_sequence had "
            f"{len(flat_sequence)} items.  Structure: {structure}, flat_sequence: {flat_sequence}."
        )
    return _packed(structure, iter(flat_sequence), expand_composites)


def opened(structure: Any) -> tuple[list, Callable[[list], Any]]:
    """The leaves of `structure`, and the function that puts as many others into its form."""
    kind = type(structure)
    if kind is list or kind is tuple:
        for child in structure:
            if _NESTED.get(type(child)) is not False:
                break
        else:  # a list of leaves, as most are, needs no walk
            return [*structure], kind
    return flatten(structure), lambda leaves: _packed(structure, iter(leaves), False)


def _packed(x: Any, leaves: Any, composites: bool) -> Any:
    if not _is_container(x, composites):
        return next(leaves)
    return _like(x, [_packed(child, leaves, composites) for child in _children(x)])


def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """`func` applied to each leaf, or to the leaves at the same place of several structures, in the form of
    the first.

    Keywords: `check_types` (default True: a list is no tuple) and `expand_composites`.

    >>> tf.nest.map_structure(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
    {'a': 11, 'b': [22]}
    """
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structure:
        raise ValueError("Must provide at least one structure")
    check_types, composites = kwargs.pop("check_types", True), kwargs.pop("expand_composites", False)
    if kwargs:
        raise ValueError(
            "Only valid keyword arguments are `check_types` and `expand_composites`, not: "
            f"`{'`, `'.join(kwargs)}`"
        )
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types, composites)
    if not _is_container(structure[0], composites):
        return func(*structure)
    results = iter([func(*xs) for xs in zip(*[flatten(s, composites) for s in structure])])
    return _packed(structure[0], results, composites)


def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Raise unless both are nested alike: ValueError for other lengths or keys, TypeError for other types.

    >>> tf.nest.assert_same_structure({"a": [1, 2]}, {"a": ["x", "y"]})
    """
    found = _difference(nest1, nest2, check_types, expand_composites)
    if found is None:
        return
    error, text = found
    raise error(
        f"The two structures don't have the same nested structure.\n\nFirst structure: {_told(nest1)}\n\n"
        f"Second structure: {_told(nest2)}\n\nMore specifically: {text}\n"
        f"Entire first structure:\n{_dotted(nest1, expand_composites)}\n"
        f"Entire second structure:\n{_dotted(nest2, expand_composites)}"
    )


def _difference(a: Any, b: Any, check_types: bool, composites: bool) -> tuple[type[Exception], str] | None:
    a_is, b_is = _is_container(a, composites), _is_container(b, composites)
    if not a_is and not b_is:
        return None
    if a_is != b_is:
        deep, flat = (a, b) if a_is else (b, a)
        return (
            ValueError,
            f'Substructure "{_told(deep)}" is a sequence, while substructure "{_told(flat)}" is not',
        )
    if check_types and not _same_type(a, b):
        return TypeError, (
            f"The two namedtuples don't have the same sequence type. First structure {_told(a)} has type "
            f"{type(a).__name__}, while second structure {_told(b)} has type {type(b).__name__}"
        )
    if isinstance(a, Mapping) and isinstance(b, Mapping) and set(a) != set(b):
        return ValueError, (
            "The two dictionaries don't have the same set of keys. First structure has keys "
            f"{_told(list(a))}, while second structure has keys {_told(list(b))}"
        )
    xs, ys = _children(a), _children(b)
    if len(xs) != len(ys):
        return ValueError, (
            "The two structures don't have the same number of elements. "
            f"First structure: {_told(a)}. Second structure: {_told(b)}"
        )
    return next((d for x, y in zip(xs, ys) if (d := _difference(x, y, check_types, composites))), None)


def _same_type(a: Any, b: Any) -> bool:
    if type(a) is type(b) or isinstance(a, Mapping) and isinstance(b, Mapping):
        return True
    fields = getattr(a, "_fields", None)
    return (
        fields is not None and type(a).__name__ == type(b).__name__ and fields == getattr(b, "_fields", None)
    )


def _told(x: Any) -> str:
    return f"type={type(x).__name__} str={x}"


def _dotted(x: Any, composites: bool) -> str:
    """`x` with a dot for each leaf."""
    return str(map_structure(lambda _: _DOT, x, expand_composites=composites))


class _Dot:
    def __repr__(self) -> str:
        return "."


_DOT = _Dot()

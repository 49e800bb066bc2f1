"""Tracking: what objects hold, by name, as checkpoints see it.

Modules hold what is in their attributes, also in lists, tuples and dicts there. Other classes say what they
hold in `_trackable_children() -> {name: value}`; those with a state that is no variable give and take it as
arrays in `_gather_state() -> {name: array}` and `_restore_state(arrays)`.
"""

import re
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nbtape.state.scopes.partition import PartitionedVariable
from nbtape.state.variable import Variable

# Restorations that have values for what an object does not hold yet, by the id of the object.
waiting: dict[int, list[Any]] = {}
_CONTAINERS = (list, tuple, Mapping, PartitionedVariable)


class AutoTrackable:
    """An object whose attributes checkpoints save. One that is set after a checkpoint was restored takes the
    values that it had there.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if waiting:
            arrived(self, name)


def arrived(x: Any, *names: str) -> None:
    """Give values to what `x` holds now and did not when a checkpoint was restored: in the attributes
    `names`, or in all.
    """
    if id(x) in waiting:
        took(x, children(x, names or None), names)


def took(x: Any, found: dict[str, Any], names: Iterable[str] = ()) -> None:
    """Give values to what was `found` in `x`, by paths, when the attributes `names` were set."""
    for restoration in list(waiting.get(id(x), ())):
        restoration.arrived(x, found, names)


def wait(x: Any, restoration: Any) -> None:
    """Let a restoration know when `x` comes to hold something."""
    if id(x) not in waiting:
        waiting[id(x)] = []
        weakref.finalize(x, waiting.pop, id(x), None).atexit = False
    waiting[id(x)].append(restoration)


def wait_no_more(x: Any, restoration: Any) -> None:
    """Let a restoration know nothing more of `x`."""
    waiting[id(x)].remove(restoration)
    if not waiting[id(x)]:
        del waiting[id(x)]


def is_trackable(x: Any) -> bool:
    """Whether checkpoints save `x` itself; they look through lists, tuples and dicts as well."""
    return isinstance(x, AutoTrackable) or has_values(x) or hasattr(type(x), "_trackable_children")


def has_values(x: Any) -> bool:
    """Whether checkpoints save values of `x` itself."""
    return isinstance(x, Variable) or hasattr(type(x), "_gather_state")


def may_hold(x: Any) -> bool:
    """Whether `x` is trackable, or a container of what may be."""
    return is_trackable(x) or isinstance(x, _CONTAINERS)


def key(x: Any) -> int:
    """What tells a trackable object from all others: views of a variable are the variable."""
    return -1 - x._serial if isinstance(x, Variable) else id(x)


def held(x: Any) -> Mapping[str, Any]:
    """The attributes of an object in which what it holds is looked for."""
    if isinstance(x, Variable):
        return {}
    if hasattr(type(x), "_trackable_children"):
        return x._trackable_children()
    return vars(x) if isinstance(x, AutoTrackable) else {}


def children(x: Any, names: Any = None) -> dict[str, Any]:
    """The trackable objects that `x` holds, by the path that leads to each; only in the attributes `names` if
    given.
    """
    attributes, ignored = held(x), getattr(x, "_TF_MODULE_IGNORED_PROPERTIES", ())
    kept = [name for name in (attributes if names is None else names) if name not in ignored]
    return {path: child for name in kept for path, child in spread(escaped(name), attributes.get(name))}


def spread(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The trackable objects in a value, through containers, with paths that start with `path`."""
    if is_trackable(value):
        yield path, value
    elif isinstance(value, _CONTAINERS):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, item in items:
            for found in spread(f"{path}/{escaped(str(name))}", item):
                if isinstance(value, Mapping) and not isinstance(name, str):
                    raise ValueError(
                        f"A checkpoint cannot name what the dict {path!r} holds under {name!r}. Use strings "
                        "as keys of dicts that hold variables."
                    )
                yield found


def walk(root: Any) -> list[tuple[str, Any, dict[str, Any]]]:
    """All that `root` holds, itself first, each once: the shortest path to it, itself, and what it holds."""
    found, seen = [("", root, children(root))], {key(root)}
    for prefix, _, below in found:  # which grows meanwhile
        for path in sorted(below, key=_depth):
            x = below[path]
            if key(x) not in seen:
                seen.add(key(x))
                found.append((f"{prefix}/{path}" if prefix else path, x, children(x)))
    return found


def _depth(path: str) -> int:
    return path.count("/")


def escaped(name: str) -> str:
    """A name as a part of a path."""
    return name.replace(".", "..").replace("/", ".S")


def unescaped(part: str) -> str:
    """The name that `escaped` made a part of a path."""
    return re.sub(r"\.[.S]", lambda found: "." if found[0] == ".." else "/", part)

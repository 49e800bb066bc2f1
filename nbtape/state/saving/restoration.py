"""Restoration: the values of a checkpoint on their way to objects, those that there are and those to come.

A checkpoint has the graph of the objects that were saved. Objects of the program are bound to objects of that
graph from the root on, along equal paths; what is made later is bound when an object that was bound before
comes to hold it. Values are given to all that were bound at once, or to none.
"""

import json
import logging
import sys
import warnings
import weakref
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nbtape.core import source
from nbtape.core.shape import TensorShape
from nbtape.state.saving.bundle import CheckpointReader
from nbtape.state.saving.growing import growing
from nbtape.state.saving.tracking import (
    arrived,
    children,
    escaped,
    key,
    unescaped,
    wait,
    wait_no_more,
    waiting,
    walk,
)
from nbtape.state.saving.values import check, in_graph, name_of, snapshot, store
from nbtape.state.variable import Variable

VALUE, OBJECTS = "VARIABLE_VALUE", "_CHECKPOINTABLE_OBJECT_GRAPH"
_log = logging.getLogger("nbtape")
_TWO_FOR_ONE = (
    "Inconsistent references when loading the checkpoint into this object graph: what is one object in the "
    "checkpoint, {!r}, is two in the program, {!r} and {!r}. The second keeps its value."
)
_LEFT = (
    "Values of the checkpoint {!r} were never restored: {}. Nothing in the program is where they were saved. "
    "If that is as it should be, say so by `status.expect_partial()`."
)


def key_of(path: str, attribute: str) -> str:
    """The name of an array in a checkpoint by object graph."""
    return f"{path}/.ATTRIBUTES/{attribute}" if path else f".ATTRIBUTES/{attribute}"


def gathered(root: Any, session: Any = None) -> dict[str, Any]:
    """The values of all that `root` holds, by key, with the graph of the objects as JSON."""
    found = walk(root)
    places = {key(x): i for i, (_, x, _) in enumerate(found)}
    arrays, nodes, variables = {}, [], {}
    for path, x, below in found:
        values = []
        if isinstance(x, Variable):
            variables[key_of(path, VALUE)], values = x, [VALUE]
        elif hasattr(type(x), "_gather_state"):
            state = x._gather_state()
            arrays |= {key_of(path, name): value for name, value in state.items()}
            values = list(state)
        node = {"path": path, "values": values, "children": {p: places[key(y)] for p, y in below.items()}}
        if isinstance(x, Variable):
            node["name"] = name_of(x)
        nodes.append(node)
    arrays |= zip(variables, snapshot(list(variables.values()), session))
    return arrays | {OBJECTS: np.array(json.dumps(nodes).encode(), object)}


def objects_of(reader: CheckpointReader) -> list[dict]:
    """The graph of the objects in a checkpoint, the root first; nothing where it was written by name."""
    return json.loads(reader.get_tensor(OBJECTS)) if OBJECTS in reader else []


class _Waiting(NamedTuple):
    ref: weakref.ref
    node: int
    missing: set[str]  # the paths to what it is to hold


class Restoration:
    """One `restore` of a checkpoint; `nodes` are the objects that were saved, the root first."""

    def __init__(self, reader: CheckpointReader):
        self.reader, self.partial = reader, True  # until all that there is was bound
        self.nodes = objects_of(reader)
        self.used: set[int] = set()  # places in `nodes` of what was bound
        self.later: list[tuple[Any, str]] = []  # variables of graphs, with keys: sessions give them values
        self._bound: dict[int, weakref.ref] = {}  # by place
        self._waiting: dict[int, _Waiting] = {}  # by id

    def begin(self, roots: Sequence[Any]) -> None:
        """Bind `roots`, which are one object of the checkpoint, and all below them."""
        self.reader.check()
        self._bound[0] = weakref.ref(roots[0])
        self._take([(root, 0) for root in roots])
        self.partial = False

    def arrived(self, x: Any, here: dict[str, Any], names: Iterable[str]) -> None:
        """Bind what `x` now holds `here`, by paths, since its attributes `names` were set."""
        _, node, missing = self._waiting[id(x)]
        found, saved = missing.intersection(here), self.nodes[node]["children"]
        missing -= found
        if not missing:
            del self._waiting[id(x)]
            wait_no_more(x, self)
        fresh: list = []
        for path in sorted(found):
            self._bind(here[path], saved[path], fresh)
        self._take(fresh)
        self._let_grow(x, names, missing)

    def give_way(self, x: Any, missing: set[str]) -> None:
        """Leave `x` to a later restore, which has values for all that this one waits for."""
        if self._waits(x) and self._waiting[id(x)].missing <= missing:
            del self._waiting[id(x)]
            wait_no_more(x, self)

    def look_again(self) -> None:
        """Bind what came without anybody's telling, as into the attributes of attributes."""
        for x in [waits.ref() for waits in self._waiting.values()]:
            if x is not None:
                arrived(x)

    def run(self, session: Any) -> None:
        """Give the variables of graphs their values in a session."""
        arrays = self.reader.read([k for _, k in self.later])
        store([(v, arrays[k]) for v, k in self.later], session)

    def matched(self) -> set[int]:
        """What tells the objects that were bound to objects with values from all others."""
        alive = [ref() for node, ref in self._bound.items() if self.nodes[node]["values"]]
        return {key(x) for x in alive if x is not None}

    def unused(self) -> list[dict]:
        """The objects of the checkpoint that have values, to which nothing was bound."""
        return [x for i, x in enumerate(self.nodes) if x["values"] and i not in self.used]

    def _take(self, fresh: list[tuple[Any, int]]) -> None:
        """Bind what objects hold, and give all of them their values."""
        for x, node in fresh:  # which grows meanwhile
            below = children(x)
            for path, place in self.nodes[node]["children"].items():
                if path in below:
                    self._bind(below[path], place, fresh)
        pairs, states = [], []
        for x, node in fresh:
            keys = {name: key_of(self.nodes[node]["path"], name) for name in self.nodes[node]["values"]}
            if isinstance(x, Variable):
                if VALUE in keys:
                    check(x, TensorShape(self.reader.shape(keys[VALUE])), self.reader.dtype(keys[VALUE]))
                    pairs.append((x, keys[VALUE]))
            elif keys and hasattr(type(x), "_restore_state"):
                states.append((x, keys))
        here = [(v, k) for v, k in pairs if not in_graph(v)]
        arrays = self.reader.read({*[k for _, k in here], *[k for _, keys in states for k in keys.values()]})
        store([(v, arrays[k]) for v, k in here])
        for x, keys in states:
            x._restore_state({name: arrays[k] for name, k in keys.items()})
        self.later += [(v, k) for v, k in pairs if in_graph(v)]
        for x, node in fresh:
            self.used.add(node)
            self._await(x, node)

    def _bind(self, x: Any, place: int, fresh: list[tuple[Any, int]]) -> None:
        """Bind an object, and append it to `fresh`, unless another was bound in its place."""
        ref = self._bound.get(place)
        other = None if ref is None else ref()
        if other is None:
            self._bound[place] = weakref.ref(x)
            fresh.append((x, place))
        elif key(other) != key(x):
            path = self.nodes[place]["path"]
            warnings.warn(_TWO_FOR_ONE.format(path, other, x), stacklevel=source.depth())

    def _await(self, x: Any, node: int) -> None:
        """Be told when `x` comes to hold what it held in the checkpoint."""
        missing = set(self.nodes[node]["children"]).difference(children(x))
        for older in list(waiting.get(id(x), ())):
            older.give_way(x, missing)
        if missing and not self._waits(x):
            self._waiting[id(x)] = _Waiting(weakref.ref(x), node, missing)
            wait(x, self)
            heads = {path.split("/")[0] for path in missing if "/" in path}
            self._let_grow(x, [unescaped(head) for head in heads], missing)

    def _let_grow(self, x: Any, names: Iterable[str], missing: set[str]) -> None:
        """Be told when lists and dicts in attributes of `x` come to hold more, where more is to come."""
        attributes = getattr(x, "__dict__", {})
        for name in names:
            value, head = attributes.get(name), escaped(name)
            if type(value) in (list, dict) and any(path.startswith(head + "/") for path in missing):
                attributes[name] = growing(value, x, head)

    def _waits(self, x: Any) -> bool:
        return id(x) in self._waiting and self._waiting[id(x)].ref() is x

    def __del__(self):
        left = [] if self.partial or sys.is_finalizing() else self.unused()
        if left:
            paths = ", ".join([node["path"] for node in left[:10]]) + ", ..." * (len(left) > 10)
            _log.warning(_LEFT.format(self.reader.prefix, paths))

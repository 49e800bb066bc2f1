"""What the drawings of graphs and of tapes have in common: who gives a tensor, and which constants are
words in a box rather than boxes.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from nbtape.core.engine import Tensor
from nbtape.core.report import describe
from nbtape.notebook.graphs.groups import grouped
from nbtape.notebook.graphs.parts import Drawing, Flow, Part
from nbtape.notebook.numbers import number, values_of

_FEW = 4  # numbers of a constant that stand in the box of what takes it


class Builder:
    """A drawing in the making."""

    def __init__(self, title: str):
        self.title, self.root = title, Part("", title, "group")
        self.flows: list[Flow] = []
        self.givers: dict[int, tuple[Part, ...]] = {}  # by the ids of tensors
        self.words: dict[int, str] = {}  # constants that are words
        self._alive: list[Any] = []  # whose ids these are
        self._keys: Counter[str] = Counter()

    def add(self, group: Part, name: str, *what: Any, **more: Any) -> Part:
        """A new part of a group, under a key of its own."""
        key = f"{group.key}/{name}" if group.key else name
        self._keys[key] += 1
        part = Part(key if self._keys[key] == 1 else f"{key} ({self._keys[key]})", *what, **more)
        group.put(part)
        return part

    def gives(self, x: Any, *parts: Part) -> None:
        """`x` comes from these parts: from several where it depends on which branch ran."""
        self.givers[id(x)] = parts
        self._alive.append(x)

    def same(self, inside: Any, outside: Any) -> None:
        """A tensor inside of a group stands for one from outside."""
        if id(outside) in self.words:
            self.words[id(inside)] = self.words[id(outside)]
        self.gives(inside, *self.givers.get(id(outside), ()))

    def literal(self, x: Any, value: Any) -> bool:
        """Make `x` a word in the boxes that take it, if its value is short enough."""
        value = np.asarray(value)
        if value.size > _FEW or value.dtype.kind not in "iufb" or value.ndim > 1:
            return False
        told = ", ".join(number(v) if value.dtype.kind == "f" else str(v) for v in value.ravel())
        self.words[id(x)] = f"[{told}]" if value.ndim else told
        self._alive.append(x)
        return True

    def takes(self, part: Part, xs: Iterable[Any]) -> None:
        """Let `xs` flow to a part; those that are words stand in its box, and unknown ones are data."""
        told = []
        for x in xs:
            if id(x) in self.words:
                told.append(self.words[id(x)])
                continue
            if id(x) not in self.givers:
                if not isinstance(x, Tensor):
                    told.append(number(x) if isinstance(x, float) else str(x))
                    continue
                value = values_of(x)
                if value is not None and self.literal(x, value):
                    told.append(self.words[id(x)])
                    continue
                data = self.add(part.parent or self.root, "data", describe(x), "constant", outputs=(x,))
                self.gives(x, data)
            self.flows += [Flow(giver, part, x) for giver in self.givers[id(x)]]
        if told:
            part.note = ", ".join([*([part.note] if part.note else []), *told])

    def drawing(self, by_variables: bool = False) -> Drawing:
        """What was built, with long lists of operations in groups."""
        grouped(self.root, self.flows, by_variables)
        return Drawing(self.title, self.root, self.flows)

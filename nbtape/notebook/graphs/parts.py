"""What a picture is of: operations, variables and inputs, in groups that open and fold, and what flows
between them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nbtape.core.source import Place

GROUPS = ("group", "loop", "branch", "function")  # kinds that hold other parts


@dataclass(eq=False, slots=True, repr=False)
class Part:
    """An operation or what stands beside operations, or a group of parts.

    `kind` is "op", "variable", "input", "carry" (of a loop), "constant", "assign" or "output", or one of
    GROUPS. `note` are the constants that it takes, and what else is to be said in a word.
    """

    key: str
    label: str
    kind: str = "op"
    note: str = ""
    node: Any = None  # the Node, where there is one
    place: Place | None = None
    variable: Any = None
    outputs: tuple = ()  # the tensors that it gives
    parts: list["Part"] = field(default_factory=list)
    parent: "Part | None" = None

    @property
    def is_group(self) -> bool:
        return self.kind in GROUPS

    def put(self, *parts: "Part") -> None:
        """Take parts in, from wherever they are."""
        for part in parts:
            part.parent = self
        self.parts += parts

    def walk(self) -> Iterator["Part"]:
        """The part and all that is in it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def leaves(self) -> list["Part"]:
        return [part for part in self.walk() if not part.is_group]

    @property
    def around(self) -> list["Part"]:
        """The groups that it is in, from the innermost to the whole picture."""
        found, group = [], self.parent
        while group is not None:
            found.append(group)
            group = group.parent
        return found


@dataclass(frozen=True, slots=True, repr=False)
class Flow:
    """A tensor on its way from the part that gives it to one that takes it."""

    source: Part
    target: Part
    tensor: Any


@dataclass(eq=False, repr=False)
class Drawing:
    """All parts of a graph, in one group, and all flows."""

    title: str
    root: Part
    flows: list[Flow]

    def part(self, key: str) -> Part | None:
        return self.by_key.get(key)

    @property
    def by_key(self) -> dict[str, Part]:
        return {part.key: part for part in self.root.walk()}

"""What a plan is made of: actions in order, and the places of what lies between them."""

from dataclasses import dataclass, field
from typing import Any

from nbtape.compile.emission.kernel import Kernel, Word
from nbtape.compile.planning.layout import Buffer, Layout
from nbtape.graph.program import Program, Step


@dataclass(eq=False, slots=True)
class Launch:
    """A kernel that runs: once, or, where there is much to do, in parts that threads share, each with its
    own arguments.
    """

    kernel: Kernel
    parts: list[list[Word]]
    check: Any = None  # where it may stop its program: `check.fail(words)` says why


@dataclass(eq=False, slots=True)
class Call:
    """A step that runs as its row does, on arrays: `inputs` are layouts and constants, `outputs` buffers."""

    step: Step
    inputs: list[Any]
    outputs: list[Buffer]


@dataclass(eq=False, slots=True)
class Commit:
    """Variables are given new arrays, each with the layout of its new value."""

    variables: list[tuple[Any, Layout]]


@dataclass(slots=True)
class Plan:
    """What runs, in order, and what the arena of intermediate values needs."""

    program: Program
    actions: list[Any] = field(default_factory=list)
    outputs: list[Layout] = field(default_factory=list)
    written: list[Any] = field(default_factory=list)  # the variables that are changed in place
    buffers: list[Buffer] = field(default_factory=list)  # those that are not in the arena
    places: dict[Buffer, int] = field(
        default_factory=dict
    )  # the byte in the arena at which each other begins
    arena: int = 0

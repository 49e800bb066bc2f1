"""A drawing while it is looked at: what is open, what is chosen, and what the page is told of it.

Nothing here knows of widgets: the page asks by plain messages, and gets plain dicts.
"""

from functools import cached_property
from typing import Any

from nbtape.autodiff.tape import GradientTape
from nbtape.core.kernel import late
from nbtape.core.report import size
from nbtape.graph.trace import FunctionGraph
from nbtape.notebook.graphs.draw import Marks, Shape, drawn
from nbtape.notebook.graphs.facts import facts_of, title_of
from nbtape.notebook.graphs.layout import Scene, laid_out
from nbtape.notebook.graphs.parts import Drawing, Part
from nbtape.notebook.graphs.path import Path, loss_of, path_between, sources_of
from nbtape.notebook.graphs.profile import times_of
from nbtape.notebook.graphs.words import bytes_of, count_of

COLOURS = ("kind", "kernel", "time", "bytes")
WIDTH, HEIGHT = 860.0, 760.0  # of a picture that needs no scrolling in a page of 900 pixels
_BOXES = 30  # in a picture that opens by itself
_MOST = 400  # and in one where all groups are opened
_SHADES = 8

_kernels_of = late("nbtape.notebook.graphs.kernels:kernels_of")


class View:
    """What is seen of a drawing."""

    shapes: Any = None  # of the inputs of a graph that leaves them open

    def __init__(self, drawing: Drawing, what: Any, loss: Part | None = None):
        self.drawing, self.what, self.loss = drawing, what, loss or loss_of(drawing)
        self.times = times_of(what) if isinstance(what, GradientTape) else {}
        self.sources = sources_of(drawing)
        self.opened = opening(drawing)
        self.chosen: Part | None = None
        self.wrt, self.colour = "", "kind"
        self.path = Path()
        self._parts = drawing.by_key

    @property
    def colours(self) -> list[str]:
        """By what boxes can be coloured."""
        can = {"kernel": isinstance(self.what, FunctionGraph), "time": bool(self.times)}
        return [name for name in COLOURS if can.get(name, True)]

    def do(self, message: Any) -> bool:
        """Do what the page asks for; False for what cannot be asked for."""
        if not isinstance(message, dict):
            return False
        what, given = message.get("do"), message.get("with", "")
        if not isinstance(what, str) or not isinstance(given, str) or what not in _COMMANDS:
            return False
        return _COMMANDS[what](self, given)

    def _toggle(self, key: str) -> bool:
        part = self._parts.get(key)
        if part is None or not part.is_group or part is self.drawing.root:
            return False
        self.opened ^= {key}
        self.chosen = part
        return True

    def _choose(self, key: str) -> bool:
        self.chosen = self._parts.get(key)
        return self.chosen is not None

    def _open(self, which: str) -> bool:
        if which not in ("all", "none"):
            return False
        self.opened = set() if which == "none" else opening(self.drawing, which == "all")
        return True

    def follow(self, name: str) -> bool:
        """Mark the way from a variable to the loss."""
        if name and name not in self.sources:
            return False
        self.wrt = name
        self.path = path_between(self.drawing, self.sources[name], self.loss) if name else Path()
        if self.path.reason and isinstance(self.what, GradientTape) and self.loss is not None:
            start = self.sources[name][0]
            of = start.outputs[0] if start.variable is None else start.variable
            self.path.reason = self.what.explain(self.loss.outputs[0], of)
        return True

    def _paint(self, by: str) -> bool:
        if by not in self.colours:
            return False
        self.colour = by
        return True

    # What is told

    @property
    def told(self) -> str:
        """What is to be said of the way of a gradient, if one is marked."""
        if not self.wrt or self.loss is None:
            return ""
        return self.path.reason or f"the way of the gradient from {self.loss.label} to {self.wrt}"

    def scene(self) -> Scene:
        return laid_out(self.drawing, self.opened)

    def picture(self, scene: Scene | None = None) -> Shape:
        scene = scene or self.scene()
        parts = [box.part for box in scene.boxes]
        marks = Marks(self.path.parts, self.path.ends)
        marks.titles = {part: title_of(self.drawing, part) for part in parts}
        self._colour(parts, marks)
        return drawn(scene, marks, f"{self.drawing.title}: {count_of(self.drawing.root)}")

    def state(self) -> dict[str, Any]:
        """All that the page shows."""
        chosen = None
        if self.chosen is not None:
            chosen = facts_of(self.drawing, self.chosen, self._notes(self.chosen))
        return {
            "title": self.drawing.title,
            "count": count_of(self.drawing.root),
            "picture": self.picture(),
            "chosen": chosen,
            "sources": list(self.sources),
            "wrt": self.wrt,
            "told": self.told,
            "ends": bool(self.path.reason),
            "colours": self.colours,
            "colour": self.colour,
        }

    @cached_property
    def _kernels(self) -> dict[int, Any]:
        return _kernels_of(self.what, self.shapes)

    def _kernel(self, part: Part) -> Any:
        return next((self._kernels[id(y)] for y in part.outputs if id(y) in self._kernels), None)

    def _notes(self, part: Part) -> list[str]:
        notes = []
        if self.colour == "kernel" and not part.is_group and (found := self._kernel(part)):
            does = f"moves {size(found.bytes)}, {found.flops:,} flops"
            notes.append(f"kernel {found.number}, {found.what}: {does}")
        if (seconds := self._seconds(part)) is not None:
            notes.append(f"took {1e6 * seconds:,.0f} µs")
        return notes

    def _seconds(self, part: Part) -> float | None:
        ids = [id(leaf.outputs[0]) for leaf in part.leaves if leaf.kind == "op" and leaf.outputs]
        found = [self.times[key] for key in ids if key in self.times]
        return sum(found) if found else None

    def _colour(self, parts: list[Part], marks: Marks) -> None:
        folded = [part for part in parts if part.key not in self.opened]
        if self.colour == "kernel":
            for part in folded:
                kernels = [self._kernel(leaf) for leaf in part.leaves if leaf.kind == "op"]
                found = {kernel.number for kernel in kernels if kernel is not None}
                if len(found) == 1:
                    marks.colours[part] = f"c{min(found) % _SHADES}"
                if found:
                    marks.words[part] = f"k{min(found)}" if len(found) == 1 else f"{len(found)} kernels"
        elif self.colour != "kind":
            measure = self._seconds if self.colour == "time" else _bytes
            found = {part: x for part in folded if (x := measure(part))}
            most = max(found.values(), default=0)
            for part, x in found.items():
                marks.colours[part] = f"h{min(int(_SHADES * x / most), _SHADES - 1)}"
                marks.words[part] = size(int(x)) if self.colour == "bytes" else f"{1e6 * x:,.0f} µs"


_COMMANDS = {
    "toggle": View._toggle,
    "choose": View._choose,
    "open": View._open,
    "follow": View.follow,
    "colour": View._paint,
}


def _bytes(part: Part) -> int:
    return sum(bytes_of(y) for leaf in part.leaves if leaf.kind == "op" for y in leaf.outputs)


def opening(drawing: Drawing, everything: bool = False) -> set[str]:
    """The groups that are open at first: as many as fit on a page, outer ones and small ones first; or
    everything, unless that is too much for a picture.
    """
    opened: set[str] = set()
    shown, most = len(drawing.root.parts), _MOST if everything else _BOXES
    level = [part for part in drawing.root.parts if part.is_group]
    while level:
        below: list[Part] = []
        for part in sorted(level, key=lambda part: len(part.parts)):
            if shown + len(part.parts) > most or not everything and not _fits(drawing, {*opened, part.key}):
                continue
            opened.add(part.key)
            shown += len(part.parts)
            below += [inner for inner in part.parts if inner.is_group]
        level = below
    return opened


def _fits(drawing: Drawing, opened: set[str]) -> bool:
    scene = laid_out(drawing, opened)
    return scene.width <= WIDTH and scene.height <= HEIGHT

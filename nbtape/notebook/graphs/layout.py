"""Where the parts of a drawing lie while some of its groups are open and the others folded.

Each open group is laid out by itself, and is a box of that size for what is around it. An arrow over the
border of an open group passes through a gate: inside, a gate is a box without size in the first or the last
layer; outside, it is the place where the arrow meets the border.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from nbtape.notebook.graphs.layers import place
from nbtape.notebook.graphs.net import Arrow
from nbtape.notebook.graphs.parts import Drawing, Flow, Part
from nbtape.notebook.graphs.words import shape_of, shortened, width_of

GAP = 42.0  # between two layers, with room for a shape
_PAD, _HEAD = 14.0, 26.0  # of an open group: around what is in it, and for its name
_LOW, _HIGH = 26.0, 40.0  # the height of a box with one line and with two


@dataclass
class Box:
    """A part as it is drawn; `depth` is how many open groups it is in."""

    part: Part
    x: float
    y: float
    width: float
    height: float
    depth: int
    is_open: bool = False
    label: str = ""
    note: str = ""


@dataclass
class Edge:
    """An arrow between two boxes that are drawn, or a stretch of one: as far as the border of a group."""

    source: str
    target: str
    points: list[tuple[float, float]]
    goes_back: bool
    arrives: bool  # at a box, and not at a border
    flows: list[Flow]


@dataclass
class Scene:
    """All that is drawn: boxes, outer ones before those in them, edges, and words beside the edges."""

    boxes: list[Box] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    words: list[tuple[float, float, str]] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def laid_out(drawing: Drawing, opened: set[str], group: Part | None = None) -> Scene:
    """The scene of a drawing whose groups of these keys are open, or of one of its groups."""
    above = [part.key for part in group.around] if group is not None else []
    shown = _Shown(drawing, {*opened, *above})
    whole, scene = _Open(group or drawing.root, shown), Scene()
    if group is not None:
        scene.boxes.append(Box(group, 0.0, 0.0, whole.width, whole.height, 0, True))
    whole.put(scene, 0.0, 0.0, 0 if group is None else 1)
    scene.width, scene.height = whole.width, whole.height
    return scene


class _Shown:
    """What is drawn of a drawing: the boxes, and the stretches of arrows in each open group."""

    def __init__(self, drawing: Drawing, opened: set[str]):
        self.opened, self.root = opened, drawing.root
        self.stands: dict[Part, Part] = {}  # the box that is drawn for each part
        self._stand(drawing.root.parts, None)
        # By group: pairs of ends, each a part in it or a gate, and the flows that go there.
        self.stretches: dict[Part, dict[tuple, list[Flow]]] = defaultdict(lambda: defaultdict(list))
        self.given: dict[Part, dict[int, Any]] = defaultdict(dict)  # the tensors that leave each box
        for flow in drawing.flows:
            self._lead(flow)

    def _stand(self, parts: list[Part], box: Part | None) -> None:
        for part in parts:
            self.stands[part] = box or part
            self._stand(part.parts, box or (None if self.is_open(part) else part))

    def is_open(self, part: Part) -> bool:
        return part.is_group and part.key in self.opened

    def _lead(self, flow: Flow) -> None:
        """Lead a flow out of the groups that it is in, and into those that it goes to."""
        source, target = self.stands[flow.source], self.stands[flow.target]
        if source is target:
            return
        self.given[source].setdefault(id(flow.tensor), flow.tensor)
        out, into = source.around, target.around
        common = next(group for group in out if group in into)
        ups, downs = out[: out.index(common)], into[: into.index(common)]
        at: Any = source
        for group in ups:
            self.stretches[group][(at, source), ("out", source)].append(flow)
            at = group
        steps = [*downs[::-1], target]
        self.stretches[common][(at, source), (steps[0], source)].append(flow)
        for group, then in zip(steps, steps[1:]):
            self.stretches[group][("in", source), (then, source)].append(flow)


class _Open:
    """An open group: what is in it is laid out, and its gates are where arrows pass."""

    def __init__(self, group: Part, shown: _Shown):
        self.group, self.shown = group, shown
        self.inner = {part: _Open(part, shown) for part in group.parts if shown.is_open(part)}
        self.stretches = shown.stretches[group]
        ends = dict.fromkeys(end for pair in self.stretches for end in pair)
        self.gates = [end for end in ends if isinstance(end[0], str)]
        self.labels = {part: labels_of(part) for part in group.parts}
        self.words = {part: self._word(part) for part in group.parts}
        count = len(group.parts)
        self.numbers: dict[Any, int] = {part: i for i, part in enumerate(group.parts)}
        self.numbers |= {gate: count + i for i, gate in enumerate(self.gates)}
        self.sizes = [self._size(part) for part in group.parts] + [(0.0, 0.0)] * len(self.gates)
        self.room = [(self._room(part, w), h) for part, (w, h) in zip(group.parts, self.sizes)]
        first, last = ([self.numbers[g] for g in self.gates if g[0] == side] for side in ("in", "out"))
        arrows = [self._arrow(start, end) for start, end in self.stretches]
        self.placed = place([*self.room, *self.sizes[count:]], arrows, GAP, first, last)
        is_root = group is shown.root
        has_in, has_out = (any(gate[0] == side for gate in self.gates) for side in ("in", "out"))
        self.pad = 4.0 if is_root else _PAD
        # Gates lie on the border, and the gap below them has room for the name.
        self.head = 4.0 if is_root else 0.0 if has_in else _HEAD
        foot = 0.0 if has_out else _PAD
        least = 0.0 if is_root else width_of(group.label) + 76
        self.width = max(self.placed.width + 2 * self.pad, least)
        self.left = (self.width - self.placed.width) / 2
        self.height = self.placed.height + self.head + foot

    def gate(self, side: str, source: Part) -> float:
        """Where the arrow from `source` passes the border, from the left."""
        return self.left + self.placed.corners[self.numbers[side, source]][0]

    def _word(self, part: Part) -> str:
        """What is written at the beginning of the arrows that leave a part."""
        given = self.shown.given.get(part, {})
        shapes = {shape_of(x) for x in given.values()}
        return shapes.pop() if len(shapes) == 1 else f"{len(given)} tensors" if given else ""

    def _size(self, part: Part) -> tuple[float, float]:
        if part in self.inner:
            return self.inner[part].width, self.inner[part].height
        label, note = self.labels[part]
        width = max(width_of(label), width_of(note) * 0.88) + (44 if part.is_group else 26)
        return max(56.0, float(round(width))), _HIGH if note else _LOW

    def _room(self, part: Part, width: float) -> float:
        """The width of a box with what is written beside the arrow below it."""
        word = self.words[part]
        return max(width, 2 * (width_of(word) * 0.84 + 8)) if word else width

    def _arrow(self, start: tuple, end: tuple) -> Arrow:
        ports = []
        for side, (at, source) in (("out", start), ("in", end)):
            if isinstance(at, str):
                ports.append((self.numbers[at, source], None))
            else:
                i = self.numbers[at]
                inner = self.inner.get(at)
                shift = (self.room[i][0] - self.sizes[i][0]) / 2
                ports.append((i, None if inner is None else shift + inner.gate(side, source)))
        (a, leaves), (b, arrives) = ports
        return Arrow(a, b, leaves, arrives)

    def put(self, scene: Scene, x: float, y: float, depth: int) -> None:
        """Add all that is in the group, which begins at this place."""
        left, top = x + self.left, y + self.head
        for part, i in self.numbers.items():
            if not isinstance(part, Part):
                continue
            (cx, cy), (w, h) = self.placed.corners[i], self.sizes[i]
            at = left + cx + (self.room[i][0] - w) / 2, top + cy
            scene.boxes.append(Box(part, *at, w, h, depth, part in self.inner, *self.labels[part]))
            if part in self.inner:
                self.inner[part].put(scene, *at, depth + 1)
        for k, ((start, end), flows) in enumerate(self.stretches.items()):
            points = [(left + px, top + py) for px, py in self.placed.routes[k]]
            self._finish(scene, k, points, start, end, flows)

    def _finish(
        self, scene: Scene, k: int, points: list, start: tuple, end: tuple, flows: list[Flow]
    ) -> None:
        """Add a stretch, and at its beginning what flows there."""
        (at, source), (then, _) = start, end
        arrives = isinstance(then, Part) and then not in self.inner
        target = then.key if isinstance(then, Part) else self.group.key
        scene.edges.append(Edge(source.key, target, points, k in self.placed.back, arrives, flows))
        if at is source and (word := self.words[source]):
            spot = points[0][0] + 6, points[0][1] + 12, word
            if spot not in scene.words:
                scene.words.append(spot)


def labels_of(part: Part) -> tuple[str, str]:
    """What stands in a box: a name, and a note below it."""
    if part.is_group:
        count = sum(leaf.kind not in ("variable", "input", "carry", "constant") for leaf in part.leaves)
        told = f"{count} operation{'s' * (count != 1)}"
        return shortened(part.label), f"{shortened(part.note)} · {told}" if part.note else told
    return shortened(part.label), shortened(part.note)

"""Scenes as shapes: a tree of elements, of which Python writes SVG and the page's script makes nodes.

What came from the user is text, a title or the value of `data-key`, and nothing else.
"""

from dataclasses import dataclass, field
from typing import Any

from nbtape.notebook.graphs.layout import Box, Edge, Scene
from nbtape.notebook.graphs.parts import Part
from nbtape.notebook.html import Raw, element

Shape = list[Any]  # [name, attributes, *children], each child a shape or a text

_ROUND = 6.0
_SWELL = 10.0  # how far the sides of an input slant


@dataclass
class Marks:
    """What is marked in a picture: parts on the way of a gradient, those where it ends, colours ("c0" to "c7"
    side by side, "h0" to "h7" from little to much), words below boxes, and titles.
    """

    path: set[Part] = field(default_factory=set)
    ends: set[Part] = field(default_factory=set)
    colours: dict[Part, str] = field(default_factory=dict)
    words: dict[Part, str] = field(default_factory=dict)
    titles: dict[Part, str] = field(default_factory=dict)


def drawn(scene: Scene, marks: Marks, title: str) -> Shape:
    """The picture of a scene."""
    on_path = {box.part.key for box in scene.boxes if _is_on(box.part, marks.path)}
    boxes = [_box(box, marks, box.part.key in on_path) for box in scene.boxes]
    edges = [_edge(edge, marks.path) for edge in scene.edges]
    words = [_text(x, y, word, "shape") for x, y, word in scene.words]
    size = {"width": _short(scene.width + 2), "height": _short(scene.height + 2)}
    box = f"-1 -1 {size['width']} {size['height']}"
    look = {"class": "nbg-picture", "viewBox": box, **size, "fill": "none", "stroke": "currentColor",
            "aria-label": title, "role": "img"}  # fmt: skip
    # The names of open groups lie over the arrows that enter there.
    names = [["g", {"class": "nbg-box open", "data-key": box.part.key}, *_labels(box)]
             for box in scene.boxes if box.is_open]  # fmt: skip
    return ["svg", look, *boxes, *edges, *words, *names]


def _is_on(part: Part, path: set[Part]) -> bool:
    return bool(path) and any(leaf in path for leaf in part.leaves)


def _box(box: Box, marks: Marks, on_path: bool) -> Shape:
    part = box.part
    can = {"group": part.is_group, "open": box.is_open, "path": on_path, "end": part in marks.ends}
    classes = ["nbg-box", part.kind, *[name for name, does in can.items() if does and name != part.kind]]
    if part in marks.colours:
        classes.append(marks.colours[part])
    shape: Shape = ["g", {"class": " ".join(classes), "data-key": part.key, "aria-level": str(box.depth + 1)}]
    if part in marks.titles:
        shape.append(["title", {}, marks.titles[part]])
    if part.is_group and not box.is_open:
        shape.append(_outline(box, 3.0))  # a second sheet below the first
    shape.append(_outline(box))
    if not box.is_open:
        shape += _labels(box)
    if part in marks.words:
        shape.append(_text(box.x + box.width / 2 - 6, box.y + box.height + 12, marks.words[part], "word"))
    return shape


def _outline(box: Box, shift: float = 0.0) -> Shape:
    x, y, w, h = box.x + shift, box.y + shift, box.width, box.height
    kind = box.part.kind
    if kind in ("input", "carry", "output"):
        top, low = (_SWELL, 0.0) if kind == "output" else (0.0, _SWELL)
        points = [(x + top, y), (x + w - top, y), (x + w - low, y + h), (x + low, y + h)]
        return ["path", {"d": f"M{' '.join(f'{_short(a)},{_short(b)}' for a, b in points)}Z"}]
    round_ = h / 2 if kind in ("variable", "assign") else _ROUND
    attributes = {"x": x, "y": y, "width": w, "height": h, "rx": round_}
    return ["rect", {name: _short(value) for name, value in attributes.items()}]


def _labels(box: Box) -> list[Shape]:
    part, middle = box.part, box.x + box.width / 2
    if box.is_open:
        told = f"{part.label} · {part.note}" if part.note else part.label
        return [_text(box.x + 11, box.y + 18, f"▾ {told}", "label start")]
    label = f"← {box.label}" if part.kind == "assign" else box.label
    if part.is_group:
        label = f"▸ {label}"
    lines = [_text(middle, box.y + (17 if box.note else 17.5), label, "label")]
    if box.note:
        lines.append(_text(middle, box.y + 32, box.note, "note"))
    return lines


def _text(x: float, y: float, text: str, kind: str) -> Shape:
    anchor = {"label": "middle", "note": "middle", "word": "end"}.get(kind, "start")
    where = {"x": _short(x), "y": _short(y), "text-anchor": anchor}
    return ["text", {"class": kind, **where, "fill": "currentColor", "stroke": "none"}, text]


def _edge(edge: Edge, path: set[Part]) -> Shape:
    classes = ["nbg-edge", *(["back"] if edge.goes_back else [])]
    classes += ["many"] if len({id(flow.tensor) for flow in edge.flows}) > 1 else []
    classes += ["path"] if any(flow.source in path and flow.target in path for flow in edge.flows) else []
    parts: list[Shape] = [["path", {"d": curve(edge)}]]
    if edge.arrives:
        (x, y) = edge.points[-1]
        tip = f"M{_short(x - 3.5)},{_short(y - 6)} {_short(x)},{_short(y)} {_short(x + 3.5)},{_short(y - 6)}Z"
        parts.append(["path", {"class": "tip", "d": tip, "fill": "currentColor"}])
    return ["g", {"class": " ".join(classes)}, *parts]


def curve(edge: Edge) -> str:
    """An arrow as a path: it leaves and arrives upright, and swings from one column to the next."""
    (x, y), *rest = edge.points
    if edge.goes_back:
        bx, by = rest[-1]
        return (
            f"M{_short(x)},{_short(y)}C{_short(x)},{_short(y + 40)} {_short(bx)},{_short(by - 40)} "
            f"{_short(bx)},{_short(by)}"
        )
    found = f"M{_short(x)},{_short(y)}"
    for bx, by in rest:
        if abs(bx - x) < 0.5:
            found += f"V{_short(by)}"
        else:
            middle = _short((y + by) / 2)
            found += f"C{_short(x)},{middle} {_short(bx)},{middle} {_short(bx)},{_short(by)}"
        x, y = bx, by
    return found


def _short(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def svg(shape: Shape | str) -> Raw | str:
    """A tree of shapes as text of a page.

    >>> from nbtape.notebook.graphs.draw import svg
    >>> svg(["text", {"x": "1"}, "a < b"])
    '<text x="1">a &lt; b</text>'
    """
    if isinstance(shape, str):
        return shape
    name, attributes, *children = shape
    return element(name, *map(svg, children), **attributes)

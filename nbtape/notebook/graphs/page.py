"""Pictures that need no script: a page with what is open, and behind lines that fold, what is not."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from nbtape.autodiff.tape import GradientTape
from nbtape.graph.graph import Graph
from nbtape.notebook import cards
from nbtape.notebook.graphs.draw import Marks, Shape, drawn, svg
from nbtape.notebook.graphs.layout import laid_out
from nbtape.notebook.graphs.of_graph import drawing_of_graph
from nbtape.notebook.graphs.of_tape import drawing_of_tape
from nbtape.notebook.graphs.parts import Drawing, Part
from nbtape.notebook.graphs.view import View
from nbtape.notebook.graphs.words import count_of
from nbtape.notebook.html import Raw, element, folded, joined

STYLE = (Path(__file__).parents[1] / "static" / "picture.css").read_text(encoding="utf-8")
_IMAGE = 6  # boxes that are as large as an image without boxes
_MOST = 150  # boxes in the pictures that are folded
_DEEPEST, _LONGEST = 3, 40  # levels and lines of the text


def page(view: View) -> Raw:
    """A view as HTML."""
    drawing, scene = view.drawing, view.scene()
    head = element("div", element("b", drawing.title), f": {count_of(drawing.root)}")
    told = [element("div", view.told)] if view.told else []
    closed = [box.part for box in scene.boxes if box.part.is_group and not box.is_open]
    left = [_MOST]
    inner = [_folded(drawing, part, left) for part in closed]
    return element("div", head, *told, image(view.picture(scene), text(drawing)), *inner, class_="nbg-page")


def image(picture: Shape, told: str) -> Raw:
    """A picture as an image, which viewers show that neither trust a page nor keep its styles."""
    look = "display: block; margin: 6px auto; max-width: 100%; height: auto"
    return element("img", src=address(picture), alt=told, style=look)


def address(picture: Shape) -> str:
    """The address of an image that holds the whole picture."""
    name, attributes, *shapes = picture
    whole = [name, {**attributes, "xmlns": "http://www.w3.org/2000/svg"}, ["style", {}, STYLE], *shapes]
    return f"data:image/svg+xml;base64,{b64encode(svg(whole).encode()).decode()}"


def _folded(drawing: Drawing, group: Part, left: list[int]) -> Raw:
    """The inside of a group, behind a line; `left` is how many boxes may still be drawn."""
    summary = f"{group.label}: {count_of(group)}"
    left[0] -= len(group.parts) + _IMAGE
    if left[0] < 0:
        return element("div", summary)
    picture = image(drawn(laid_out(drawing, {group.key}, group), Marks(), summary), summary)
    return folded(summary, joined([picture, *[_folded(drawing, p, left) for p in group.parts if p.is_group]]))


def text(drawing: Drawing) -> str:
    """A drawing as a tree of its groups, the same in each run.

    >>> from nbtape.notebook.graphs.of_graph import drawing_of_graph
    >>> from nbtape.notebook.graphs.page import text
    >>> g = tf.Graph()
    >>> with g.as_default(), tf.name_scope("layer"):
    ...     y = tf.tanh(tf.compat.v1.placeholder(tf.float32, [3]) + 1.0)
    >>> print(text(drawing_of_graph(g)))
    graph: 2 operations, 1 input
      layer: 2 operations, 1 input
    """
    lines = [f"{drawing.title}: {count_of(drawing.root)}", *_lines(drawing.root, 1)]
    more = [f"  and {len(lines) - _LONGEST} more"] if len(lines) > _LONGEST else []
    return "\n".join(lines[:_LONGEST] + more)


def _lines(group: Part, depth: int) -> list[str]:
    found: list[str] = []
    for part in group.parts if depth <= _DEEPEST else ():
        if part.is_group:
            name = " ".join(part.label.split())
            found += [f"{'  ' * depth}{name}: {count_of(part)}", *_lines(part, depth + 1)]
    return found


def graph_card(graph: Graph) -> Raw:
    """A graph: its picture, and its operations in tables."""
    return joined([page(View(drawing_of_graph(graph), graph)), folded("operations", cards.graph_card(graph))])


def function_card(function: Any) -> Raw:
    """A trace of a function: the picture of its graph."""
    return page(View(drawing_of_graph(function.graph), function.graph))


def tape_card(tape: GradientTape) -> Raw:
    """A tape: its picture, what it holds, and its operations by kind."""
    told = cards.tape_card(tape)
    return joined([page(View(drawing_of_tape(tape), tape)), told]) if tape.nodes else told

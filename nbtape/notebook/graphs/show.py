"""`nt.show`: the picture of a graph, a function or a tape, to be looked at and opened in the page."""

from pathlib import Path
from typing import Any

import anywidget
from IPython import get_ipython  # pyright: ignore[reportPrivateImportUsage]
from IPython.display import display
from traitlets import Dict

from nbtape.autodiff.tape import GradientTape
from nbtape.graph.graph import Graph
from nbtape.notebook.graphs.of_graph import drawing_of_graph
from nbtape.notebook.graphs.of_tape import drawing_of_tape
from nbtape.notebook.graphs.page import STYLE, address, page, text
from nbtape.notebook.graphs.path import giver_of
from nbtape.notebook.graphs.view import View
from nbtape.notebook.live.route import listen_in_subshells
from nbtape.program.concrete import ConcreteFunction
from nbtape.program.function import Function, Method

_STATIC = Path(__file__).parents[1] / "static"
_WANTED = "a graph, a tape, or a function that was traced is wanted, got {}: call the function first."


class GraphWidget(anywidget.AnyWidget):
    """The picture in the page: what is clicked comes here, and what is to be shown goes there."""

    _esm = (_STATIC / "graph.js").read_text(encoding="utf-8")
    _css = STYLE + (_STATIC / "graph.css").read_text(encoding="utf-8")
    state = Dict().tag(sync=True)

    def __init__(self, view: View):
        self._view, self._text = view, text(view.drawing)
        super().__init__(state=view.state())
        listen_in_subshells(self.comm)
        self.on_msg(self._heard)

    def _heard(self, widget: Any, message: Any, buffers: Any) -> None:
        if self._view.do(message):
            self.state = self._view.state()

    def __repr__(self) -> str:
        return self._text


def view_of(what: Any, loss: Any = None, source: Any = None) -> View:
    """The view of a graph, a function or a tape."""
    shapes = None
    if isinstance(what, Function | Method):
        what = what.concrete_functions[-1] if what.concrete_functions else what
    if isinstance(what, ConcreteFunction):
        shapes, what = next(reversed(getattr(what.compiled, "hosts", {})), None), what.graph
    if isinstance(what, Graph):
        drawing = drawing_of_graph(what)
    elif isinstance(what, GradientTape):
        drawing = drawing_of_tape(what)
    else:
        raise TypeError(_WANTED.format(type(what).__name__))
    view = View(drawing, what, None if loss is None else giver_of(drawing, loss))
    view.shapes = shapes or None
    if source is not None:
        view.follow(_named(view, source))
    return view


def _named(view: View, source: Any) -> str:
    """The name under which a view has a source: a name, a variable or a tensor."""
    if isinstance(source, str) and source in view.sources:
        return source
    for name, parts in view.sources.items():
        if any(source is x for part in parts for x in (part.variable, *part.outputs)):
            return name
    known = ", ".join(view.sources) or "no variables"
    raise ValueError(f"{source!r} is not in the picture, which has {known}")


def still(what: Any) -> tuple[str, str]:
    """The address of an image of a graph, a function or a tape, and the text that stands for it."""
    view = view_of(what)
    return address(view.picture()), text(view.drawing)


def show(what: Any, loss: Any = None, source: Any = None, colour: str = "kind") -> None:
    """Show a graph, a traced function or a tape as a picture that opens and folds.

    Operations stand in groups, by their name scopes and, where these have none, by the lines that asked for
    them. With `source`, a variable or its name, the way of the gradient from `loss` (a tensor; what seems to
    be the loss where it is left out) to it is marked, and where it ends too early, that place, with the
    reason. `colour` is "kind", "kernel" (which operations of a function run as one), "time" (of a tape that
    `%%tape --profile` made) or "bytes". Without a notebook, a tree of the groups is printed.

    >>> @tf.function
    ... def f(x):
    ...     with tf.name_scope("double"):
    ...         return tf.tanh(x) * 2.0
    >>> _ = f(tf.ones([3]))
    >>> tf.show(f)
    f: 2 operations, 1 input
      double: 2 operations
    """
    view = view_of(what, loss, source)
    if not view.do({"do": "colour", "with": colour}):
        raise ValueError(f"there is no colour {colour!r} here: write one of {', '.join(view.colours)}")
    if getattr(get_ipython(), "kernel", None) is None:
        print(text(view.drawing))
        return
    # The page first, which stays where no widget can be: in a saved notebook, and without the kernel.
    display({"text/html": page(view), "text/plain": text(view.drawing)}, raw=True)
    display(GraphWidget(view))

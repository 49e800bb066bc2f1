"""The panel in the notebook: a widget while the run goes on, and a picture of it afterwards."""

import base64
import threading
from typing import Any
from uuid import uuid4

import anywidget
from IPython import get_ipython  # pyright: ignore[reportPrivateImportUsage]
from IPython.display import display, update_display
from traitlets import Dict

from nbtape.core.kernel import late
from nbtape.notebook.live.calls import Calls
from nbtape.notebook.live.picture import png
from nbtape.notebook.live.plain import NOTHING, Plain
from nbtape.notebook.live.route import heard, listen_in_subshells, probe, shows_later
from nbtape.notebook.live.script import script, style
from nbtape.notebook.live.state import snapshot
from nbtape.program.concrete import ConcreteFunction
from nbtape.program.function import Function, Method
from nbtape.train.optimizers.look import SCOPE

_graph_widget = late("nbtape.notebook.graphs.show:GraphWidget")
_view_of = late("nbtape.notebook.graphs.show:view_of")


class PanelWidget(anywidget.AnyWidget):
    """One comm for the whole panel: the newest state in a trait, what is new in messages."""

    # Text and not paths, which anywidget would watch, and which would keep closed widgets alive.
    _esm, _css = script(), style()
    state = Dict().tag(sync=True)

    def __init__(self, state: dict, text: str):
        self._text = text
        super().__init__(state=state)

    def __repr__(self) -> str:
        return self._text


class Below:
    """The graph of a step, in an output of its own, which can be emptied and filled again."""

    def __init__(self):
        self._widget: Any = None
        self._id: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether a graph is shown."""
        return self._widget is not None

    def reserve(self) -> None:
        """Keep a place for it."""
        if (handle := display(NOTHING, raw=True, display_id=True)) is not None:
            self._id = handle.display_id

    def open(self, step: Function | Method) -> None:
        """Show the graph of a step that was traced."""
        self._widget = _graph_widget(_view_of(_plain_trace(step)))
        if self._id is not None:
            update_display(self._widget, display_id=self._id)
        elif (handle := display(self._widget, display_id=True)) is not None:
            self._id = handle.display_id

    def close(self) -> None:
        """Leave nothing of it, neither in the page nor in what is saved."""
        if self._widget is not None:
            update_display(NOTHING, raw=True, display_id=self._id)
            self._widget.close()
            self._widget = None


class Panel:
    """What a run shows itself on."""

    def __init__(self, run: Any, state: dict):
        self._route, self._thread = probe(get_ipython()), threading.current_thread()
        self._run, self._text, self._below = run, repr(run), Below()
        self._plain, self._calls = Plain(f"nbl-{uuid4().hex}"), Calls(run.table.names.values())
        self._widget = PanelWidget(self._with_route(state), self._text)
        listen_in_subshells(self._widget.comm)
        self._widget.on_msg(self._heard)
        handle = display(self._widget, display_id=True)
        self._id = handle.display_id if handle is not None else None
        if not shows_later():
            self._below.reserve()
        self._events = get_ipython().events
        self._events.register("post_run_cell", self._cell_ended)

    def show(self, state: dict) -> None:
        """Replace all that is shown."""
        self._widget.state = self._with_route(state)
        self._plain.tell(self._run, self._route)

    def send(self, changes: dict) -> None:
        """Add to what is shown."""
        self._widget.send(self._with_route(changes))
        self._plain.tell(self._run, self._route)

    def graph(self) -> None:
        """Show the graph of the step, if it has one, or show it no more."""
        if self._below.is_open:
            self._below.close()
        elif (step := self._step()) is not None:
            self._below.open(step)

    def freeze(self, run: Any) -> None:
        """Put a picture in the place of the panel, which needs no kernel, and let the panel go."""
        self._events.unregister("post_run_cell", self._cell_ended)
        self._below.close()
        picture = base64.b64encode(png(run)).decode()
        bundle = {"text/plain": self._text, "image/png": picture}
        update_display(bundle, display_id=self._id, raw=True)
        self._plain.clear()
        if run.mailbox.browsers > 1:
            # A page that was loaded again knows no display ids, and would be left with nothing.
            self._widget.state = self._with_route(snapshot(run))
        else:
            self._widget.close()

    def _cell_ended(self, result: Any) -> None:
        """A loop over a run that an error left does not tell the run; the cell that ends does."""
        if threading.current_thread() is self._thread:
            self._run.abandon(result.error_in_exec)

    def _with_route(self, state: dict) -> dict:
        graph = self._below.is_open if self._step() is not None else None
        route = {**self._route._asdict(), "waits": self._route.waits}
        return {**state, "route": route, "plain": self._plain.mark, "graph": graph}

    def _step(self) -> Function | Method | None:
        """What makes the steps, if it was compiled."""
        told = self._run.called
        if isinstance(told, Function | Method) and told.concrete_functions:
            return told
        return self._calls.step()

    def _heard(self, widget: Any, message: Any, buffers: Any) -> None:
        # In whatever thread the kernel listens: nothing may happen here but this.
        if self._run.mailbox.put(message):
            self._route = heard(self._route, self._thread)


def _plain_trace(step: Function | Method) -> ConcreteFunction:
    """The newest trace of the arguments that came first, without what is kept to be looked at."""
    traces = step.concrete_functions
    plain = [f for f in traces if not any(v.name.startswith(SCOPE) for v in f.variables)]
    return [*plain, *traces][0]


def panel(run: Any, state: dict) -> Panel:
    """Show a run in the output of the cell that runs."""
    return Panel(run, state)


def show_at_end(run: Any) -> None:
    """The one output of a run that nobody watched: what `Panel.freeze` leaves."""
    picture = base64.b64encode(png(run)).decode()
    display({"text/plain": repr(run), "image/png": picture}, raw=True)

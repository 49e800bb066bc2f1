"""The panel in the notebook: a widget while the run goes on, and a picture of it afterwards."""

import base64
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import anywidget
from IPython import get_ipython  # pyright: ignore[reportPrivateImportUsage]
from IPython.display import display, update_display
from traitlets import Dict

from nbtape.notebook.live.picture import png
from nbtape.notebook.live.plain import Plain
from nbtape.notebook.live.route import heard, listen_in_subshells, probe
from nbtape.notebook.live.state import snapshot

_STATIC = Path(__file__).parents[1] / "static"


class PanelWidget(anywidget.AnyWidget):
    """One comm for the whole panel: the newest state in a trait, what is new in messages."""

    # Text and not paths, which anywidget would watch, and which would keep closed widgets alive.
    _esm = (_STATIC / "panel.js").read_text(encoding="utf-8")
    _css = (_STATIC / "panel.css").read_text(encoding="utf-8")
    state = Dict().tag(sync=True)

    def __init__(self, state: dict, text: str):
        self._text = text
        super().__init__(state=state)

    def __repr__(self) -> str:
        return self._text


class Panel:
    """What a run shows itself on."""

    def __init__(self, run: Any, state: dict):
        self._route, self._thread = probe(get_ipython()), threading.current_thread()
        self._run, self._text = run, repr(run)
        self._plain = Plain(f"nbl-{uuid4().hex}")
        self._widget = PanelWidget(self._with_route(state), self._text)
        listen_in_subshells(self._widget.comm)
        self._widget.on_msg(self._heard)
        handle = display(self._widget, display_id=True)
        self._id = handle.display_id if handle is not None else None
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

    def freeze(self, run: Any) -> None:
        """Put a picture in the place of the panel, which needs no kernel, and let the panel go."""
        self._events.unregister("post_run_cell", self._cell_ended)
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
        return {**state, "route": self._route._asdict(), "plain": self._plain.mark}

    def _heard(self, widget: Any, message: Any, buffers: Any) -> None:
        # In whatever thread the kernel listens: nothing may happen here but this.
        if self._run.mailbox.put(message):
            self._route = heard(self._route, self._thread)


def panel(run: Any, state: dict) -> Panel:
    """Show a run in the output of the cell that runs."""
    return Panel(run, state)


def show_at_end(run: Any) -> None:
    """The one output of a run that nobody watched: what `Panel.freeze` leaves."""
    picture = base64.b64encode(png(run)).decode()
    display({"text/plain": repr(run), "image/png": picture}, raw=True)

"""Plain HTML for where the panel does not come up, or where the kernel is too busy to hear that it has."""

from time import monotonic
from typing import Any

from IPython.display import display, update_display

from nbtape.notebook.html import element, joined
from nbtape.notebook.live.budget import budget
from nbtape.notebook.live.route import Route
from nbtape.notebook.live.state import progress

NOTHING = {"text/plain": ""}  # what an output becomes that is to go: nbconvert warns of one without any data
_PATIENCE, _PERIOD = 1.0, 0.5  # seconds until it is shown, and between two updates
_UNSHOWN = "this page shows no widgets, or its Content-Security-Policy keeps scripts from blob: URLs out"


def html(run: Any, route: Route, mark: str) -> str:
    """How far a run is, in an element with the id `mark`, by which a panel that is there hides it."""
    told = progress(run)
    why = _UNSHOWN if route.kind != "interrupt only" else route.reason
    head = joined([element("b", run.name or "Training"), f" {run.state} · {told['text']} "], "")
    bar = element("progress", max=run.total, value=run.step) if run.total else ""
    lines = [joined([head, bar], ""), run.history.summary(), str(run.trouble or "")]
    note = element("small", f"Plain numbers, for the panel has not answered: {why}.")
    shown = [element("div", line, style="white-space: pre-wrap") for line in lines if line]
    return element("div", joined([*shown, note], ""), id=mark)


class Plain:
    """Shows a run by `html`, from a second after its start, for as long as the panel is not heard of."""

    def __init__(self, mark: str):
        self.mark, self._handle, self._next = mark, None, monotonic() + _PATIENCE

    def tell(self, run: Any, route: Route) -> None:
        """Show how far the run is, if it is time to."""
        if route.is_sure:
            self.clear()
        elif monotonic() >= self._next and budget.take():
            bundle = {"text/plain": repr(run), "text/html": html(run, route, self.mark)}
            if self._handle is None:
                self._handle = display(bundle, raw=True, display_id=True)
            else:
                update_display(bundle, raw=True, display_id=self._handle.display_id)
            self._next = monotonic() + _PERIOD

    def clear(self) -> None:
        """Show nothing any more."""
        if self._handle is not None:
            update_display(NOTHING, raw=True, display_id=self._handle.display_id)
            self._handle, self._next = None, float("inf")

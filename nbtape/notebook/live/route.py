"""Which way a browser's wishes reach a run: found out at the start, and shown, rather than promised."""

import os
import sys
import threading
from typing import Any, NamedTuple

ROUTES = ("subshell", "await", "background", "interrupt only")


class Route(NamedTuple):
    """One of ROUTES, and why; `is_sure` once a message came that way."""

    kind: str
    reason: str
    is_sure: bool = False

    @property
    def waits(self) -> bool:
        """Whether a message is expected to come that way, and none has."""
        return not self.is_sure and self.kind != "interrupt only"


def expected(on_main_thread: bool, version: tuple[int, ...], has_subshells: bool) -> Route:
    """The route that this kernel should have.

    >>> from nbtape.notebook.live.route import expected
    >>> expected(True, (6, 31), False).kind, expected(False, (6, 31), False).kind
    ('interrupt only', 'background')
    """
    if not on_main_thread:
        return Route("background", "the run has a thread of its own, so the kernel is free to listen")
    if has_subshells:
        return Route("subshell", "the kernel should listen in a subshell while the cell runs")
    told = ".".join(map(str, version))
    return Route("interrupt only", f"ipykernel {told} listens only after the cell; interrupting it works")


def probe(shell: Any) -> Route:
    """The route expected of a shell's kernel for a run in this thread."""
    version = getattr(sys.modules.get("ipykernel"), "version_info", ())
    is_main = threading.current_thread() is threading.main_thread()
    has_subshells = bool(getattr(shell.kernel, "_supports_kernel_subshells", False))
    return expected(is_main, tuple(x for x in version if isinstance(x, int))[:3], has_subshells)


def heard(before: Route, runs_on: threading.Thread) -> Route:
    """What a message that arrives in this thread, while the run is in another or awaits, makes of a route."""
    here = threading.current_thread()
    if here is runs_on:
        return Route("await", "the cell lets the kernel listen whenever it awaits", True)
    if runs_on is not threading.main_thread():
        return Route("background", before.reason, True)
    return Route("subshell", "the kernel listens in a subshell while the cell runs", True)


def shows_later() -> bool:
    """Whether what this thread shows will stand below its cell: ipykernel 6 puts it where the last message
    asks for, and once the cell has ended that is no cell.
    """
    version = getattr(sys.modules.get("ipykernel"), "version_info", ())
    return version[:1] > (6,) or threading.current_thread() is threading.main_thread()


def is_headless() -> bool:
    """Whether the environment wants only what comes out at the end."""
    return os.environ.get("NBTAPE_HEADLESS", "") not in ("", "0")


def in_notebook() -> bool:
    """Whether this is the process of a notebook's kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def listen_in_subshells(comm: Any) -> None:
    """Let messages go to the subshell that the browser asked for.

    ipykernel 7.4 sends them to the one that last published, which is the shell that is busy with the run.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = None

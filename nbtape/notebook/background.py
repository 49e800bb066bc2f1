"""Cells that run in threads of their own, so that the kernel goes on listening to the page."""

import contextvars
import sys
import threading
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError

_HEAD_START = 2.0  # seconds
_INSTEAD = "leave --background out, and the cell runs as others do"


def refused(version: tuple[int, ...], modules: Any = sys.modules) -> str:
    """Why a page would not show what a thread sends; "" where it does.

    >>> from nbtape.notebook.background import refused
    >>> refused((7, 4, 0))
    ''
    >>> refused((7, 0, 1))
    'ipykernel 7.0 loses what threads send: pip install -U ipykernel, or leave --background out, ...'
    """
    if version[:2] == (7, 0):
        return f"ipykernel 7.0 loses what threads send: pip install -U ipykernel, or {_INSTEAD}"
    if "google.colab" in modules:
        return f"Colab does not show what threads send: {_INSTEAD}"
    return ""


def start(shell: Any, work: Callable[[], Any]) -> threading.Thread:
    """Do `work` in a thread, and return at once; an error is shown where the cell shows its output.

    Raises UsageError where the page would not see it.
    """
    version = getattr(sys.modules.get("ipykernel"), "version_info", ())
    why = refused(version)
    if why:
        raise UsageError(why)

    def run() -> None:
        try:
            work()
        except BaseException as error:
            assert error.__traceback__ is not None
            shell.showtraceback((type(error), error, error.__traceback__.tb_next))  # without this frame

    # The kernel keeps in the context which cell the output belongs to.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), name="nbtape background cell", daemon=True)
    thread.start()
    if version and version < (7,):  # which shows what threads send where the last cell ran
        thread.join(_HEAD_START)
    return thread

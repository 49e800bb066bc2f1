"""The user's line: which line of which file or notebook cell asked for an operation.

A place is `(code, instruction)`: two attributes of a frame, cheap enough to keep with every recorded op; it
is turned into a file, a line and its text only when somebody reads it.
"""

import linecache
import os
import sys
import threading
from collections.abc import Callable
from types import CodeType
from typing import Any

Place = tuple[CodeType, int]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_OURS: dict[str, bool] = {}  # file name -> whether it is a file of this package

_frame = sys._getframe

# How a file is called in messages. The notebook floor replaces this by one that knows cells: "Cell In[7]".
name_file: list[Callable[[str], str]] = [lambda filename: filename]


class _Told(threading.local):
    place: Place | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        global _telling
        _telling = True
        super().__setattr__(name, value)


# Where a graph runs, an operation comes from the line that was traced, not from the one that calls the graph.
told = _Told()
_telling = False  # whether anyone ever was told; to look what this thread was told takes its time, at each op


def _is_ours(filename: str) -> bool:
    ours = _OURS[filename] = filename.startswith(_PACKAGE) or filename.startswith("<frozen")
    return ours


def here(depth: int = 2) -> Place | None:
    """The innermost place outside this package, looking from `depth` frames up; or the one that is told."""
    if _telling and told.place is not None:
        return told.place
    frame = _frame(depth)
    while frame is not None:
        code = frame.f_code
        ours = _OURS.get(code.co_filename)
        if ours is None:
            ours = _is_ours(code.co_filename)
        if not ours:
            return code, frame.f_lasti
        frame = frame.f_back
    return None


def line_number(place: Place) -> int:
    code, instruction = place
    line = code.co_firstlineno
    for start, _, number in code.co_lines():
        if start > instruction:
            break
        line = number or line
    return line


def describe(place: Place | None) -> str:
    """`file.py, line 3: y = tf.log(x)`, or "an unknown line"."""
    if place is None:
        return "an unknown line"
    number = line_number(place)
    text = linecache.getline(place[0].co_filename, number).strip()
    where = f"{name_file[0](place[0].co_filename)}, line {number}"
    return f"{where}: {text}" if text else where


def depth() -> int:
    """The `stacklevel` at which a caller's `warnings.warn` points to the user's line."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_ours(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    return level

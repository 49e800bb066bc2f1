"""Cells as IPython sees them: their names in messages, `%%tape` at their head, words on a magic's line."""

import warnings
from collections.abc import Callable
from typing import Any

from IPython.core.inputtransformer2 import cell_magic

from nbtape.core import source
from nbtape.core.errors import GradientWarning


def open_first(lines: list[str]) -> list[str]:
    """`%%tape` at the head of a cell becomes `%tape`, which opens a tape until the cell has ended.

    To IPython it is then a plain cell, with its line numbers, tracebacks, top-level await and last value.
    """
    if not lines or lines[0].split(None, 1)[:1] != ["%%tape"]:
        return lines
    return ["%tape" + lines[0][len("%%tape") :], *cell_magic(open_first(lines[1:]))]


open_first.has_side_effects = True  # type: ignore[attr-defined]  # so that a terminal waits for the rest of the cell


def words(line: str) -> list[str]:
    """Expressions side by side, set apart by blanks or commas that are outside of brackets and quotes."""
    found, word, depth, quote = [], "", 0, ""
    for c in line:
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif not depth and (c.isspace() or c == ","):
            found.append(word)
            word = ""
            continue
        word += c
    return [word for word in (*found, word) if word]


class CellNames:
    """While installed, errors, explanations and GradientWarnings say `Cell In[7]`, not the cell's file."""

    def __init__(self, compiler: Any):
        self._compiler = compiler
        self._restore: list[Callable[[], None]] = []

    def install(self) -> None:
        old_name, old_format = source.name_file[0], warnings.formatwarning

        def name(filename: str) -> str:
            found = self._compiler.format_code_name(filename)
            return " ".join(found) if found else old_name(filename)

        def text(message: Any, category: Any, filename: str, lineno: int, line: str | None = None) -> str:
            if issubclass(category, GradientWarning):
                return f"{name(filename)}, line {lineno}: {category.__name__}: {message}\n"
            return old_format(message, category, filename, lineno, line)

        def restore() -> None:  # who replaced one of them since then keeps what they put there
            if source.name_file[0] is name:
                source.name_file[0] = old_name
            if warnings.formatwarning is text:
                warnings.formatwarning = old_format

        source.name_file[0], warnings.formatwarning = name, text
        self._restore.append(restore)

    def remove(self) -> None:
        while self._restore:
            self._restore.pop()()

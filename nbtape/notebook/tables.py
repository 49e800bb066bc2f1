"""Tables in both forms: plain text in columns, and HTML."""

import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

from nbtape.notebook.html import table


def text_table(head: Sequence[Any], rows: Sequence[Sequence[Any]], right: Collection[int] = ()) -> str:
    """Rows as plain text in columns.

    >>> print(text_table(("op", "times"), [("mul", 2), ("tanh", 10)], {1}))
    op    times
    mul       2
    tanh     10
    """
    lines = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(_width, column)) for column in zip(*lines)]
    padded = [[_padded(cell, widths[i], i in right) for i, cell in enumerate(line)] for line in lines]
    return "\n".join("  ".join(line).rstrip() for line in padded)


def bundle(
    title: str, head: Sequence[Any], rows: Sequence[Sequence[Any]], right: Collection[int] = ()
) -> dict[str, str]:
    """A table for front ends to choose its form."""
    text = text_table(head, rows, right)
    return {
        "text/plain": f"{title}\n\n{text}" if title else text,
        "text/html": table(head, rows, title, right),
    }


def _width(text: str) -> int:
    """Columns that `text` takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap

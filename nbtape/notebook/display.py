"""A table of gradients, as plain text and as HTML. Names and reasons come from users: all HTML is escaped."""

import unicodedata
from html import escape
from typing import Any, NamedTuple

import numpy as np

from nbtape.core.engine import Tensor, tensor
from nbtape.core.report import spec_of
from nbtape.core.slices import IndexedSlices

_HEAD = ("source", "shape", "dtype", "norm", "min", "max", "mean", "value")
_RIGHT = range(3, 7)  # the columns of numbers
_SMALL = 8  # so many elements are shown
_STYLE = {True: ' style="text-align: right"', False: ' style="text-align: left"'}


class GradientTable:
    """The gradients of one target, a row for each source."""

    def __init__(self, title: str):
        self.title = title
        self.rows: list[tuple[str, ...]] = []

    def add(self, name: str, source: Any, gradient: Any, reason: str = "") -> None:
        """A row for `source`, which is called `name`; `reason` says why its gradient is None."""
        shape, dtype = str(source.shape), source.dtype.name
        if gradient is None:
            self.rows.append((name, shape, dtype, "", "", "", "", f"None: {reason}"))
        else:
            self.rows.append((name, shape, gradient.dtype.name, *_summary(gradient)))

    def __str__(self) -> str:
        lines = [_HEAD, *self.rows]
        widths = [max(_width(line[i]) for line in lines) for i in range(len(_HEAD))]
        padded = [[_padded(cell, widths[i], i in _RIGHT) for i, cell in enumerate(line)] for line in lines]
        return "\n".join([self.title, "", *["  ".join(line).rstrip() for line in padded]])

    def html(self) -> str:
        """A plain table: readable without styles and scripts, in the colours of the notebook's theme."""
        head = "".join(f'<th scope="col"{_STYLE[i in _RIGHT]}>{name}</th>' for i, name in enumerate(_HEAD))
        body = "".join(f"<tr>{_html_row(row)}</tr>\n" for row in self.rows)
        return (
            f"<table>\n<caption{_STYLE[False]}>{escape(self.title)}</caption>\n<thead><tr>{head}</tr></thead>\n"
            f"<tbody>\n{body}</tbody>\n</table>"
        )

    def bundle(self) -> dict[str, str]:
        """What a front end chooses from."""
        return {"text/plain": str(self), "text/html": self.html()}


def _html_row(row: tuple[str, ...]) -> str:
    cells = [f'<th scope="row"{_STYLE[False]}>{escape(row[0])}</th>']
    cells += [f"<td{_STYLE[i in _RIGHT]}>{escape(cell)}</td>" for i, cell in enumerate(row[1:], 1)]
    return "".join(cells)


class _Numbers(NamedTuple):
    """What a gradient holds: `values`, among zeros if there are fewer than `size`, and how to show them."""

    values: np.ndarray
    size: int
    text: str


def _summary(gradient: Any) -> tuple[str, ...]:
    """Norm, min and max (of what is finite), mean, and the values if they are few."""
    values, size, text = _rows(gradient) if isinstance(gradient, IndexedSlices) else _dense(gradient)
    finite = values[np.isfinite(values)]
    with np.errstate(all="ignore"):
        norm = _number(np.linalg.norm(values.ravel()))
        mean = _number(values.sum() / size) if size else ""
    low = high = ""
    if finite.size and finite.dtype.kind != "c":
        rest = [0.0] if size > values.size else []
        low, high = _number(min([finite.min(), *rest])), _number(max([finite.max(), *rest]))
    lost = f"{values.size - finite.size} of {size} not finite" if finite.size < values.size else ""
    return norm, low, high, mean, "  ".join(part for part in (text, lost) if part)


def _dense(gradient: Any) -> _Numbers:
    values = _wide(gradient)
    return _Numbers(values, values.size, _shown(values) if values.size <= _SMALL else "")


def _rows(gradient: IndexedSlices) -> _Numbers:
    """The rows that are there, those named twice added up: the rest stays unmade."""
    names, places = np.unique(np.asarray(gradient.indices), return_inverse=True)
    values = _wide(gradient.values)
    summed = np.zeros((names.size, *values.shape[1:]), values.dtype)
    np.add.at(summed, places.ravel(), values)
    total = gradient.shape[0] if gradient.shape.rank else names.size
    row = int(np.prod(values.shape[1:], dtype=np.int64))
    return _Numbers(summed, total * row, f"IndexedSlices, {names.size} of {total} rows")


def _wide(x: Any) -> np.ndarray:
    """The values in a type in which their sums do not overflow."""
    x = x if isinstance(x, Tensor) else tensor(x)
    return np.asarray(x.numpy()).astype(np.complex128 if spec_of(x).dtype.kind == "c" else np.float64)


def _shown(values: np.ndarray) -> str:
    text = np.array2string(values, separator=", ", formatter={"float_kind": _number, "complex_kind": _number})
    return " ".join(text.split())


def _number(x: Any) -> str:
    return f"{x:.6g}"


def _width(text: str) -> int:
    """Columns that `text` takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap

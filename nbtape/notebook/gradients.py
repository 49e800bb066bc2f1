"""The gradients of a target, which print as a table: as plain text, as HTML, in LaTeX, and as a picture.

Names and reasons come from users: all HTML is escaped.
"""

from typing import Any, NamedTuple

import numpy as np

from nbtape.core.kernel import late
from nbtape.core.slices import IndexedSlices
from nbtape.notebook.html import Raw, table
from nbtape.notebook.numbers import FEW, array_of, histogram, latex, latex_name, number, real, rows_of, wide
from nbtape.notebook.tables import text_table

_Figure = late("matplotlib.figure:Figure")

_HEAD = ("source", "shape", "dtype", "norm", "min", "max", "mean", "value")
_RIGHT = range(3, 7)  # the columns of numbers


class Gradients(list):
    """The gradients of one target, in the order of their sources."""

    def __init__(self, title: str, target: str = ""):
        super().__init__()
        self.title, self._target = title, target
        self._names: list[str] = []
        self._rows: list[tuple[str, ...]] = []

    def add(self, name: str, source: Any, gradient: Any, reason: str = "") -> None:
        """The gradient by `source`, which is called `name`; `reason` says why it is None."""
        shape, dtype = str(source.shape), source.dtype.name
        if gradient is None:
            row = (shape, dtype, "", "", "", "", f"None: {reason}")
        else:
            row = (shape, gradient.dtype.name, *_summary(gradient))
        self.append(gradient)
        self._names.append(name)
        self._rows.append((name, *row))

    def __repr__(self) -> str:
        return f"{self.title}\n\n{text_table(_HEAD, self._rows, _RIGHT)}"

    __str__ = __repr__

    def html(self) -> Raw:
        """The table, with a small histogram of each gradient, and the reason in the place of all numbers."""
        bars = [Raw("") if g is None else histogram(_stored(g)) for g in self]
        head = (*_HEAD, "histogram") if any(bars) else _HEAD
        rows = [
            (*row[:3], row[-1]) if g is None else (*row, bar)[: len(head)]
            for row, g, bar in zip(self._rows, self, bars, strict=True)
        ]
        return table(head, rows, self.title, _RIGHT)

    def latex(self) -> str:
        """An equation for each gradient: in full where it is small, else by its norm."""
        lines = [self._equation(name, g) for name, g in zip(self._names, self, strict=True)]
        return r"$$ \begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned} $$"

    def bundle(self, in_latex: bool = False) -> dict[str, str]:
        """What a front end chooses from."""
        return {"text/plain": repr(self)} | (
            {"text/latex": self.latex()} if in_latex else {"text/html": self.html()}
        )

    def _equation(self, name: str, g: Any) -> str:
        by, target = latex_name(name), latex_name(self._target)
        slope = rf"\nabla_{{{by}}}\, {target}"
        if g is None:
            return rf"{slope} &: \mathrm{{None}}"
        text = latex(array_of(g))
        if text is not None:
            return rf"{slope} &= {text}"
        return rf"\lVert {slope} \rVert &= {number(np.linalg.norm(_stored(g).astype(np.float64)))}"

    def figure(self) -> Any:
        """A picture: a histogram of each gradient, side by side."""
        shown = [(name, g) for name, g in zip(self._names, self, strict=True) if g is not None]
        figure = _Figure(figsize=(min(12.0, 1 + 2.4 * len(shown)), 2.4), layout="constrained")
        for i, (name, g) in enumerate(shown, 1):
            axes = figure.add_subplot(1, len(shown), i)
            values = real(_wide(_stored(g))).ravel()
            axes.hist(values[np.isfinite(values)], 30, color="C0")
            axes.set_title(name, fontsize=9, parse_math=False)
            axes.spines[["top", "right"]].set_visible(False)
        return figure


def _stored(gradient: Any) -> np.ndarray:
    """The values that are there: of sparse gradients, those of the rows."""
    return array_of(gradient.values if isinstance(gradient, IndexedSlices) else gradient)


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
        norm = number(np.linalg.norm(values.ravel()))
        mean = number(values.sum() / size) if size else ""
    low = high = ""
    if finite.size and finite.dtype.kind != "c":
        rest = [0.0] if size > values.size else []
        low, high = number(min([finite.min(), *rest])), number(max([finite.max(), *rest]))
    lost = f"{values.size - finite.size} of {size} not finite" if finite.size < values.size else ""
    return norm, low, high, mean, "  ".join(part for part in (text, lost) if part)


def _dense(gradient: Any) -> _Numbers:
    values = _wide(gradient)
    return _Numbers(values, values.size, _shown(values) if values.size <= FEW else "")


def _rows(gradient: IndexedSlices) -> _Numbers:
    """The rows that are there, those named twice added up: the rest stays unmade."""
    places, summed = rows_of(gradient)
    summed = _wide(summed)
    total = gradient.shape[0] if gradient.shape.rank else places.size
    row = int(np.prod(summed.shape[1:], dtype=np.int64))
    return _Numbers(summed, total * row, f"IndexedSlices, {places.size} of {total} rows")


def _wide(x: Any) -> np.ndarray:
    """The values in a type in which their sums do not overflow."""
    numbers = wide(array_of(x))
    assert numbers is not None, "gradients are numbers"
    return numbers


def _shown(values: np.ndarray) -> str:
    text = np.array2string(values, separator=", ", formatter={"float_kind": number, "complex_kind": number})
    return " ".join(text.split())

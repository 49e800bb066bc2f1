"""Arrays of any rank as heat maps: tables of coloured cells, a facet for each matrix.

The colours let the page shine through, so that they suit light and dark pages. Exact values show when a cell
is pointed at; small arrays have them in the cells. Of big ones a sample of rows and columns is drawn, always
with the first value that is not finite, since that is what people look for.
"""

import itertools
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from nbtape.notebook.html import Raw, element, escape, joined
from nbtape.notebook.numbers import FEW, real, statistics, wide

_SIDE = 28  # rows and columns of a facet
_CELLS = _SIDE * _SIDE  # in all facets
_FACETS = 8
_READABLE = 10  # columns of numbers
_ABOVE, _BELOW = "#e8590c", "#1c7ed6"
_STYLE = (
    "<style>table.nbtape-heat{border-collapse:separate;border-spacing:1px;margin:4px 12px 4px 0;"
    "display:inline-block;vertical-align:top}"
    ".nbtape-heat caption{text-align:left;white-space:nowrap;"
    "font-family:var(--jp-code-font-family,monospace)}"
    ".nbtape-heat tbody tr{background:none!important}"
    ".nbtape-heat td{padding:0;width:11px;height:11px;min-width:11px;line-height:11px;font-size:11px;"
    "text-align:center}"
    ".nbtape-heat.numbers td{padding:2px 6px;line-height:normal;height:auto;text-align:right;"
    "white-space:nowrap}"
    ".nbtape-heat td.odd{outline:1px dashed currentColor;outline-offset:-1px;font-weight:bold}</style>"
)


def heat(values: np.ndarray) -> Raw:
    """An array as a heat map, below a line of statistics; "" for what is no array of numbers, or is empty."""
    told = statistics(values)
    if told is None or not values.size:
        return Raw("")
    colours, drawn = _Colours(told.low, told.high), _Drawn(values)
    parts = [Raw(_STYLE)]
    if values.size > FEW:
        legend = [_chip(colours, x) for x in colours.marks()] if told.low < told.high else []
        parts.append(element("div", joined([str(told), *legend], "  ")))
    parts += [_facet(drawn, place, colours) for place in drawn.facets]
    if drawn.left_out:
        parts.append(element("div", drawn.left_out))
    return joined(parts)


class _Colours:
    """Colours for values: blue below zero and orange above, the stronger the farther from zero.

    Where all values have one sign, the one nearest to zero has no colour.
    """

    def __init__(self, low: float, high: float):
        if low < 0 < high:
            low, high = -max(-low, high), max(-low, high)
        self.low, self.high = low, high
        self._nearest = 0.0 if low < 0 < high else low if low >= 0 else high

    def __call__(self, x: float, strongest: float) -> str:
        hue = _ABOVE if x > 0 or self.low >= 0 else _BELOW
        span = abs((self.high if hue == _ABOVE else self.low) - self._nearest)
        share = abs(x - self._nearest) / span if span else 0.5 * (x != 0)
        return f"{hue}{round(255 * strongest * share):02x}"

    def marks(self) -> list[float]:
        """The values that a legend shows."""
        return sorted({self.low, self._nearest, self.high})


def _chip(colours: _Colours, x: float) -> Raw:
    style = f"background-color:{colours(x, 0.6)};padding:0 6px"
    return element("span", f"{x:.4g}", style=style)


class _Drawn:
    """What is drawn of an array: the two axes of a facet, the rows and columns there, and which facets."""

    def __init__(self, values: np.ndarray):
        self.values = values if values.ndim > 1 else values.reshape(1, -1)
        self.flat = values.ndim < 2
        shape = self.values.shape
        self.axes = _matrix_axes(shape)
        self.others = [i for i in range(len(shape)) if i not in self.axes]
        lost = _first_lost(self.values)
        self.facets, count = self._facets(lost)
        side = min(_SIDE, int((_CELLS / len(self.facets)) ** 0.5))
        limits = (1, _CELLS // 8) if self.flat else (side, side)
        kept = [_kept(shape[a], limit, [place[a] for place in lost]) for a, limit in zip(self.axes, limits)]
        self.rows, self.columns = kept
        self.readable = len(self.columns) <= _READABLE and len(self.rows) <= 2 * _READABLE
        sampled = [f"{len(k)} of {shape[a]:,}" for k, a in zip(kept, self.axes) if len(k) < shape[a]]
        if len(self.facets) < count:
            sampled.append(f"{len(self.facets)} of {count:,} matrices")
        self.left_out = f"sampled: {' × '.join(sampled)}" if sampled else ""

    def _facets(self, lost: list[tuple[int, ...]]) -> tuple[list[tuple[int, ...]], int]:
        """The first facets, those of the places `lost` among them, and how many there are in all."""
        outer = [range(self.values.shape[i]) for i in self.others]
        facets = list(itertools.islice(itertools.product(*outer), _FACETS))
        for i, place in enumerate(lost, 1):
            its = tuple(place[axis] for axis in self.others)
            if its not in facets:
                facets[-i] = its
        return facets, prod(map(len, outer))

    def grid(self, place: tuple[int, ...]) -> np.ndarray:
        """The rows and columns that are drawn of one facet."""
        index: list[Any] = [slice(None)] * self.values.ndim
        for axis, i in zip(self.others, place):
            index[axis] = i
        return self.values[tuple(index)][np.ix_(self.rows, self.columns)]

    def named(self, place: tuple[int, ...], row: int | None = None, column: int | None = None) -> str:
        """`[0, 2, :]`: the place of an element, or of a facet."""
        index: dict[int, Any] = dict(zip(self.others, place))
        index |= {a: ":" if i is None else i for a, i in zip(self.axes, (row, column))}
        return f"[{', '.join(str(index[i]) for i in sorted(index) if i or not self.flat)}]"


def _matrix_axes(shape: tuple[int, ...]) -> tuple[int, int]:
    """The axes of what is drawn as one matrix: the last two, or those before a few channels."""
    n = len(shape)
    channels = n > 2 and shape[-1] <= 4 and min(shape[-3:-1]) > shape[-1]
    return (n - 3, n - 2) if channels else (n - 2, n - 1)


def _first_lost(values: np.ndarray) -> list[tuple[int, ...]]:
    """The places of the first NaN and of the first inf, where there are."""
    found = [lost for lost in (np.isnan(values), np.isinf(values)) if lost.any()]
    return [tuple(int(i) for i in np.unravel_index(lost.argmax(), lost.shape)) for lost in found]


def _kept(n: int, limit: int, wanted: list[int]) -> np.ndarray:
    """`limit` of n places, evenly spread, and those that are wanted."""
    if n <= limit:
        return np.arange(n)
    return np.unique([*np.linspace(0, n - 1, limit).round().astype(np.int64), *wanted])


def _facet(drawn: _Drawn, place: tuple[int, ...], colours: _Colours) -> Raw:
    grid = drawn.grid(place)
    body = joined(
        [element("tr", *_row(drawn, place, i, values, colours)) for i, values in zip(drawn.rows, grid)]
    )
    told = drawn.named(place) if drawn.others else ""
    caption = [element("caption", told)] if told else []
    kind = "nbtape-heat numbers" if drawn.readable else "nbtape-heat"
    role = {} if drawn.readable else {"role": "img", "aria-label": f"heat map {told}".strip()}
    return element("table", *caption, element("tbody", body), class_=kind, **role)


def _row(drawn: _Drawn, place: tuple, row: int, values: np.ndarray, colours: _Colours) -> Iterator[Raw]:
    numbers = real(wide(values))  # pyright: ignore[reportArgumentType] statistics has seen to it
    for column, exact, x in zip(drawn.columns, values, numbers):
        title = f"{drawn.named(place, row, column)} {exact!s}"
        if np.isfinite(x):
            text = (f"{exact:.4g}" if values.dtype.kind in "fc" else str(exact)) if drawn.readable else ""
            style = f"background-color:{colours(float(x), 0.6 if drawn.readable else 1.0)}"
            yield Raw(f'<td style="{style}" title="{escape(title)}">{escape(text)}</td>')
        else:
            sign = "×" if np.isnan(x) else "∞" if x > 0 else "-∞"
            text = "NaN" if sign == "×" and drawn.readable else sign
            yield Raw(f'<td class="odd" title="{escape(title)}">{text}</td>')

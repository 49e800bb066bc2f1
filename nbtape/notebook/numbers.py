"""Arrays in numbers and in letters: statistics, histograms, text and LaTeX."""

from typing import Any, NamedTuple

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import FLOATS
from nbtape.core.engine import tensor
from nbtape.core.shape import bracket
from nbtape.core.slices import IndexedSlices
from nbtape.notebook.html import Raw, bars

_MANY = 1 << 22  # elements, above which statistics are those of a part
_BINS = 12
FEW = 8  # numbers that are shown themselves


class Statistics(NamedTuple):
    """What an array holds, with `low`, `high`, `mean` and `std` those of what is finite."""

    low: float
    high: float
    mean: float
    std: float
    nans: int
    infinities: int
    part: bool  # of an array that is too large to go through

    def __str__(self) -> str:
        known = [f"{name} {number(x)}" for name, x in zip(("min", "max", "mean", "std"), self) if x == x]
        lost = [f"{n:,} {what}" for n, what in ((self.nans, "NaN"), (self.infinities, "inf")) if n]
        return ", ".join([*known, *lost]) + " (of a sample)" * self.part


def values_of(x: Any) -> np.ndarray | None:
    """The values of a tensor or a variable as an array, unseen by tapes; None where there are none yet."""
    with context.paused():
        value = getattr(x, "_value", None)
    return np.asarray(value) if isinstance(value, np.ndarray | np.generic | bytes) else None


def wide(values: np.ndarray) -> np.ndarray | None:
    """Values in a type that neither overflows nor rounds their sums; None for texts and objects."""
    if values.dtype.kind in "iub" or values.dtype.kind in FLOATS:
        return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
    return None


def real(values: np.ndarray) -> np.ndarray:
    """What is drawn and counted of numbers: of complex ones the magnitude."""
    return np.abs(values) if values.dtype.kind == "c" else values


def statistics(values: np.ndarray) -> Statistics | None:
    """Statistics of an array; None for texts and objects."""
    flat = values.reshape(-1)
    part = flat.size > _MANY
    numbers = wide(flat[:: -(-flat.size // _MANY)] if part else flat)
    if numbers is None:
        return None
    numbers = real(numbers)
    finite, nans = numbers[np.isfinite(numbers)], int(np.isnan(flat).sum())
    folds = (np.min, np.max, np.mean, np.std) if finite.size else ()
    told = [float(fold(finite)) for fold in folds] or [float("nan")] * 4
    infinities = int((~np.isfinite(flat)).sum()) - nans
    return Statistics(*told, nans, infinities, part)  # pyright: ignore[reportCallIssue]


def histogram(values: np.ndarray) -> Raw:
    """A small histogram of many values, those that are finite; it says its range when pointed at."""
    numbers = wide(values)
    finite = np.empty(0) if numbers is None else real(numbers)
    finite = finite[np.isfinite(finite)]
    if finite.size <= FEW or finite.min() == finite.max():
        return Raw("")
    counts, edges = np.histogram(finite, _BINS)
    told = f"{finite.size} values from {number(edges[0])} to {number(edges[-1])}"
    style = "white-space: pre; font-family: monospace"
    return Raw(
        f'<span style="{style}" title="{told}" role="img" aria-label="{told}">{bars(counts.tolist())}</span>'
    )


def rows_of(slices: IndexedSlices) -> tuple[np.ndarray, np.ndarray]:
    """The places of the rows that are there, and the rows, those named twice added up."""
    places, where = np.unique(array_of(slices.indices), return_inverse=True)
    values = array_of(slices.values)
    summed = np.zeros((places.size, *values.shape[1:]), values.dtype)
    np.add.at(summed, where.ravel(), values)
    return places, summed


def described(x: Any) -> str:
    """`float32[2,3]`: the dtype and shape of a tensor or a variable."""
    return f"{x.dtype.name}{'[?]' if x.shape.rank is None else bracket(x.shape.as_list())}"


def number(x: Any, digits: int = 6) -> str:
    """A number as people read it."""
    return f"{x:.{digits}g}"


_LARGE = 10  # rows and columns of a matrix in LaTeX
_SIGNS = {"\\": r"\backslash ", "<": r"\lt ", ">": r"\gt ", "~": r"\sim ", "^": r"\hat{\ }", " ": r"\ "}
_SIGNS |= {c: "\\" + c for c in "{}$&#%_"}


def latex_name(name: str) -> str:
    """A name of the user's in LaTeX, where none of its characters means anything else."""
    return r"\mathtt{" + "".join(_SIGNS.get(c, c) for c in name) + "}"


def latex_number(x: Any) -> str:
    """A number in LaTeX, `1.5 \\times 10^{-7}` where it is far from 1."""
    if isinstance(x, complex | np.complexfloating):
        sign = "+" if x.imag >= 0 or x.imag != x.imag else "-"
        return f"{latex_number(x.real)} {sign} {latex_number(abs(x.imag))}i"
    if isinstance(x, bool | np.bool_):
        return rf"\mathrm{{{x}}}"
    mantissa, _, exponent = f"{x:.4g}".partition("e")
    for word, sign in (("nan", r"\mathrm{NaN}"), ("inf", r"\infty")):
        mantissa = mantissa.replace(word, sign)
    return mantissa + (rf" \times 10^{{{int(exponent)}}}" if exponent else "")


def latex(values: np.ndarray) -> str | None:
    """A number, a row or a small matrix in LaTeX; None for what is larger, or no array of numbers."""
    numbers = values if values.dtype.kind in "iub" else wide(values)
    if numbers is None or numbers.ndim > 2 or max(numbers.shape, default=0) > _LARGE:
        return None
    if not numbers.ndim:
        return latex_number(numbers[()])
    rows = [" & ".join(map(latex_number, row)) for row in np.atleast_2d(numbers)]
    return r"\begin{bmatrix} " + r" \\ ".join(rows) + r" \end{bmatrix}"


def array_of(x: Any) -> np.ndarray:
    """A tensor, a variable, or what can be made one, as an array."""
    with context.paused():
        return np.asarray(tensor(x)._value)

"""Diagonals and bands of matrices: taking them out, putting them in, setting the rest to zero.

The rows take `k`, the lowest and the highest diagonal of a band. A band of several diagonals is a
matrix with a diagonal a row, the highest first; shorter diagonals are padded at the side that `align` says.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from nbtape.core.convert import fit
from nbtape.core.engine import apply, o, pair, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Composite
from nbtape.core.report import spec_of
from nbtape.core.shape import Dims, Spec, bracket
from nbtape.ops.reduce import reduce_sum
from nbtape.ops.row import BOOLS, NUMBER, op
from nbtape.ops.static import array, dims, integer, known

_KINDS = BOOLS + NUMBER
_INDEX = np.dtype(np.int32)
_ALIGNS = ("LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT")


def matrix_shape(x: Any, name: str = "MatrixDiagPartV3") -> tuple:
    """The last two sizes of an array or a Spec."""
    if x.shape is None:
        return None, None
    if len(x.shape) < 2:
        raise invalid(f"input must be at least 2-dim, received shape: {bracket(x.shape)} [Op:{name}]")
    return x.shape[-2:]


# Where the elements of a band are


def _longest(m: int, n: int, k: tuple) -> int:
    for side, given in zip(("lower", "upper"), k):
        if given and not -m < given < n:
            raise invalid(f"{side}_diag_index is out of bound: {given}. It must be between {-m} and {n}")
    return min(m + min(k[1], 0), n - max(k[0], 0))


@lru_cache(64)
def _places(m: int, n: int, k: tuple, align: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a band of an m by n matrix: the slots that are no padding, and the row and the column of each."""
    longest = _longest(m, n, k)
    d = np.arange(k[1], k[0] - 1, -1)[:, None]
    length = np.minimum(m + np.minimum(d, 0), n - np.maximum(d, 0))
    above, below = align.split("_")
    left = (d >= 0) & (above == "LEFT") | (d <= 0) & (below == "LEFT")
    i = np.arange(longest) - np.where(left, 0, longest - length)
    filled = (i >= 0) & (i < length)
    return filled, (i + np.maximum(-d, 0))[filled], (i + np.maximum(d, 0))[filled]


def _fill(out, d, k, align):
    """Write the band `d` into the matrices `out`."""
    filled, i, j = _places(*out.shape[-2:], k, align)
    out[..., i, j] = (d[..., None, :] if k[0] == k[1] else d)[..., filled]
    return out


def _band_dims(k: tuple, longest: int | None) -> Dims:
    return (longest,) if k[0] == k[1] else (k[1] - k[0] + 1, longest)


# The rows


def _diag(d, *, k, rows, cols, padding, align):
    spec = _diag_spec(d, k=k, rows=rows, cols=cols, padding=padding, align=align)
    out = np.full(spec.shape, padding, d.dtype)  # type: ignore[arg-type]
    return _fill(out, d, k, align)


def _diag_spec(d: Any, *, k: tuple, rows: int, cols: int, padding: Any, align: str) -> Spec:
    if d.shape is None:
        return Spec(None, d.dtype)
    band = 1 if k[0] == k[1] else 2
    if len(d.shape) < band:
        raise invalid(
            f"diagonal must be at least {band}-dim, received shape: {bracket(d.shape)} [Op:MatrixDiagV3]"
        )
    if band == 2 and d.shape[-2] not in (k[1] - k[0] + 1, None):
        raise invalid(
            "The number of diagonals provided in the input does not match the lower_diag_index and "
            "upper_diag_index range. [Op:MatrixDiagV3]"
        )
    batch, length = d.shape[:-band], d.shape[-1]
    if length is None:
        return Spec((*batch, None if rows < 0 else rows, None if cols < 0 else cols), d.dtype)
    least_rows, least_cols = length - min(k[1], 0), length + max(k[0], 0)
    for given, least, what in ((rows, least_rows, "rows"), (cols, least_cols, "columns")):
        if 0 <= given < least:
            raise invalid(f"The number of {what} is too small. [Op:MatrixDiagV3]")
    if rows < 0 and cols < 0:
        rows = cols = max(least_rows, least_cols)
    rows, cols = least_rows if rows < 0 else rows, least_cols if cols < 0 else cols
    if rows != least_rows and cols != least_cols:
        raise invalid(
            "The number of rows or columns is not consistent with the specified d_lower, d_upper, and "
            "diagonal. [Op:MatrixDiagV3]"
        )
    return Spec((*batch, rows, cols), d.dtype)


def _diag_part(x, *, k, padding, align):
    m, n = matrix_shape(x)
    longest = _longest(m, n, k)
    if k[0] == k[1]:
        return x.diagonal(k[0], -2, -1)
    out = np.full((*x.shape[:-2], k[1] - k[0] + 1, longest), padding, x.dtype)
    filled, i, j = _places(m, n, k, align)
    out[..., filled] = x[..., i, j]
    return out


def _diag_part_spec(x: Spec, *, k: tuple, padding: Any, align: str) -> Spec:
    m, n = matrix_shape(x)
    if x.shape is None:
        return x
    longest = None if m is None or n is None else _longest(m, n, k)
    return Spec((*x.shape[:-2], *_band_dims(k, longest)), x.dtype)


def _set_diag(x, d, *, k, align):
    _set_diag_spec(x, d, k=k, align=align)
    return _fill(x.copy(), d, k, align)


def _set_diag_spec(x: Any, d: Any, *, k: tuple, align: str) -> Spec:
    m, n = matrix_shape(x, "MatrixSetDiagV3")
    if d.shape is not None and m is not None and n is not None:
        wanted = (*x.shape[:-2], *_band_dims(k, _longest(m, n, k)))
        if len(wanted) != len(d.shape) or any(a != b and None not in (a, b) for a, b in zip(wanted, d.shape)):
            raise invalid(
                "Either first dimensions of diagonal don't match input.shape[:-2], or diagonal.shape[:-1] is "
                "not equal to the longests diagonal in range [lower_diag_index:upper_diag_index].\n"
                f"Input shape: {bracket(x.shape)}\nDiagonal shape: {bracket(d.shape)}\n"
                f"Expected diagonal shape: {bracket(wanted)} [Op:MatrixSetDiagV3]"
            )
    return Spec(x.shape, x.dtype)


def _band_part(x, *, lower, upper):
    return np.where(_in_band(*matrix_shape(x), lower, upper), x, x.dtype.type(0))


@lru_cache(32)
def _in_band(m: int, n: int, lower: int, upper: int) -> np.ndarray:
    for side, given, size, what in (("lower", lower, m, "rows"), ("upper", upper, n, "columns")):
        if given > size:
            raise invalid(
                f"num_{side} must be negative or less or equal to number of {what} ({size}) got: {given} "
                "[Op:MatrixBandPart]"
            )
    inside = np.tri(m, n, n if upper < 0 else upper, dtype=bool)
    return inside if lower < 0 else inside & ~np.tri(m, n, -lower - 1, dtype=bool)


def _band_part_lower(x, *, lower, upper):
    shape: Any = dims(x)
    if shape is None or lower > shape[-2] or upper > shape[-1] or x.dtype.np.kind == "O":
        return None
    row, column = [apply(o.iota, size=n, dtype=_INDEX) for n in shape[-2:]]
    row = o.reshape(row, shape=(shape[-2], 1))
    inside = [o.less_equal(row - column, lower)] if lower >= 0 else []
    inside += [o.less_equal(column - row, upper)] if upper >= 0 else []
    for mask in inside:
        x = o.where(mask, x, x.dtype.np.type(0))
    return x


def _band_part_spec(x: Spec, *, lower: int, upper: int) -> Spec:
    matrix_shape(x, "MatrixBandPart")
    return x


def _take(g, k, align):
    return o.diag_part(g, k=k, padding=0, align=align)


# fmt: off
op("diag", _diag, _diag_spec, lambda g, y, d, *, k, align, **size: _take(g, k, align), kinds=_KINDS)
op("diag_part", _diag_part, _diag_part_spec,
   lambda g, y, x, *, k, align, padding: o.set_diag(o.zeros_like(x), g, k=k, align=align), kinds=_KINDS)
op("set_diag", _set_diag, _set_diag_spec,
   lambda g, y, x, d, *, k, align: o.set_diag(g, o.zeros_like(d), k=k, align=align),
   lambda g, y, x, d, *, k, align: _take(g, k, align), kinds=_KINDS)
op("band_part", _band_part, _band_part_spec,
   lambda g, y, x, *, lower, upper: o.band_part(g, lower=lower, upper=upper), kinds=_KINDS,
   kernel=Composite(_band_part_lower))
# fmt: on


# Public functions


def _band(k: Any) -> tuple[int, int]:
    """The lowest and the highest diagonal that a user's `k` means."""
    ks = array(k).ravel().tolist()
    if not 1 <= len(ks) <= 2:
        raise invalid(f"diag_index must have only one or two elements, received {len(ks)} elements.")
    if ks[0] > ks[-1]:
        raise invalid(f"lower_diag_index must not be larger than upper_diag_index: {ks[0]} > {ks[-1]}")
    return ks[0], ks[-1]


def _checked(align: str) -> str:
    if align not in _ALIGNS:
        allowed = ", ".join(f'"{a}"' for a in _ALIGNS)
        raise invalid(
            f"Value for attr 'align' of \"{align}\" is not in the list of allowed values: {allowed}"
        )
    return align


def _padding(value: Any, x: Any) -> Any:
    """`padding_value` as a Python number; the default 0 pads anything."""
    if type(value) is not int or value != 0:
        value = fit(known(value).item(), x.dtype)
    return value


def diag(
    diagonal: Any,
    name: str | None = "diag",
    k: Any = 0,
    num_rows: Any = -1,
    num_cols: Any = -1,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Any:
    """Matrices of `padding_value` but for their diagonal `k`, or their band of diagonals `k=(low, high)`.

    `diagonal` is `[..., n]`, or `[..., diagonals, n]` for a band: the highest first, padded as `align` says.

    >>> tf.linalg.diag([1, 2]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    d = tensor(diagonal)
    attrs = {"padding": _padding(padding_value, d), "align": _checked(align)}
    return apply(o.diag, d, k=_band(k), rows=integer(num_rows), cols=integer(num_cols), **attrs)


def diag_part(
    input: Any, name: str | None = "diag_part", k: Any = 0, padding_value: Any = 0, align: str = "RIGHT_LEFT"
) -> Any:
    """The diagonal `k` of each matrix, or its band of diagonals `k=(low, high)`, padded with `padding_value`.

    >>> tf.linalg.diag_part([[1, 2], [3, 4]]).numpy().tolist()
    [1, 4]
    """
    x = tensor(input)
    return apply(o.diag_part, x, k=_band(k), padding=_padding(padding_value, x), align=_checked(align))


def set_diag(
    input: Any, diagonal: Any, name: str | None = "set_diag", k: Any = 0, align: str = "RIGHT_LEFT"
) -> Any:
    """The matrices with another diagonal `k`, or another band of diagonals `k=(low, high)`.

    >>> tf.linalg.set_diag([[1, 2], [3, 4]], [7, 8]).numpy().tolist()
    [[7, 2], [3, 8]]
    """
    x, d = pair(input, diagonal)
    return apply(o.set_diag, tensor(x), tensor(d), k=_band(k), align=_checked(align))


def tensor_diag(diagonal: Any, name: str | None = None) -> Any:
    """A tensor of twice the rank, zero but where the first half of its indices equals the second.

    >>> tf.linalg.tensor_diag([1, 2]).numpy().tolist()
    [[1, 0], [0, 2]]
    """
    d = tensor(diagonal)
    n = d.shape.rank
    if not n:
        raise invalid(f"Input must be at least rank 1, got {n} [Op:Diag]")
    return apply(o.einsum, d, equation=f"{_axes(n)}->{_axes(n) * 2}")


def tensor_diag_part(input: Any, name: str | None = None) -> Any:
    """The elements whose first half of indices equals the second: the diagonal of a tensor of even rank.

    >>> tf.linalg.tensor_diag_part([[1, 2], [3, 4]]).numpy().tolist()
    [1, 4]
    """
    x = tensor(input)
    shape = spec_of(x).shape or ()
    half = len(shape) // 2
    if not half or len(shape) % 2:
        got = bracket(shape)
        raise invalid(f"The rank of the tensor should be even and positive, got shape {got} [Op:DiagPart]")
    for i in range(half):
        if shape[i] != shape[i + half] and None not in (shape[i], shape[i + half]):
            raise invalid(
                f"Invalid shape {bracket(shape)}: dimensions {i} and {i + half} do not match. [Op:DiagPart]"
            )
    return apply(o.einsum, x, equation=f"{_axes(half) * 2}->{_axes(half)}")


def _axes(n: int) -> str:
    return "".join(chr(ord("a") + i) for i in range(n))


def band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Any:
    """Keep `num_lower` diagonals below the main one and `num_upper` above it (all, if negative); 0 elsewhere.

    >>> tf.linalg.band_part([[1, 2], [3, 4]], -1, 0).numpy().tolist()
    [[1, 0], [3, 4]]
    """
    sizes = []
    for given, side in ((num_lower, "num_lower"), (num_upper, "num_upper")):
        value = array(given, "Tindex")
        if value.ndim:
            raise invalid(f"{side} must be scalar, got shape {bracket(value.shape)} [Op:MatrixBandPart]")
        sizes.append(max(int(value), -1))
    return apply(o.band_part, tensor(input), lower=sizes[0], upper=sizes[1])


def trace(x: Any, name: str | None = None) -> Any:
    """The sum of the main diagonal of each matrix.

    >>> tf.linalg.trace([[1.0, 2.0], [3.0, 4.0]]).numpy()
    np.float32(5.0)
    """
    return reduce_sum(diag_part(x), axis=-1)

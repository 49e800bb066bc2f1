"""The geometry that convolutions and pools share: windows sliding over up to three spatial dims.

One kernel serves 1, 2 and 3 spatial dims: `volume` and `window` put dims of size 1 in front.
"""

from typing import NamedTuple

from nbtape.kernels.cpu.arrays import Array

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Window(NamedTuple):
    """Where windows lie, as (depth, height, width): tap t of window i reads i*stride - low + t*dilation."""

    size: Ints
    stride: Ints
    dilation: Ints
    low: Ints
    out: Ints


def volume(x: Array) -> Array:
    """View `x` (batch, up to three spatial dims, channels) as (batch, depth, height, width, channels)."""
    return x.reshape(x.shape[0], *lift(x.shape[1:-1], 1), x.shape[-1])


def window(size: Ints, out: Ints, *, strides: Ints, padding: Pairs, dilations: Ints | None = None) -> Window:
    """Lift the attributes of a convolution or pool with `out` windows a dim to three dims."""
    dilated = dilations or (1,) * len(size)
    low = tuple(lo for lo, _ in padding)
    return Window(lift(size, 1), lift(strides, 1), lift(dilated, 1), lift(low, 0), lift(out, 1))


def out_sizes(
    spatial: Ints, size: Ints, *, strides: Ints, padding: Pairs, dilations: Ints | None = None
) -> Ints:
    """Count the windows that fit in each padded spatial dim."""
    dims = zip(spatial, size, strides, padding, dilations or (1,) * len(size), strict=True)
    return tuple(max(0, (n + lo + hi - (k - 1) * d - 1) // s + 1) for n, k, s, (lo, hi), d in dims)


def lift(values: Ints, fill: int) -> Ints:
    """Put `fill` in front until there are three."""
    return (fill,) * (3 - len(values)) + tuple(values)

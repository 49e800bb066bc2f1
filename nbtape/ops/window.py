"""Windows that slide over spatial dims: the arguments of convolutions and pools, and how many windows fit.

Rows work channels last, with `strides`, `dilations` and sizes as a tuple of one int for each spatial dim, and
with `padding` "SAME", "VALID" or such a tuple of (low, high) pairs. "SAME" is worked out from sizes that may
be known only when a graph runs.
"""

from collections.abc import Callable
from typing import Any

from nbtape.core.engine import Tensor, apply, o
from nbtape.core.errors import UnimplementedError, invalid
from nbtape.core.shape import Dims
from nbtape.ops.shape import reshape_to_sizes
from nbtape.ops.static import array, entries, is_static, partial_dims, rank_of, sizes_of

Ints = tuple[int, ...]
Padding = str | tuple[tuple[int, int], ...]


# Arguments


def channels_first(data_format: Any, n: int) -> bool:
    """Whether `data_format` puts channels before the n spatial dims."""
    spatial = "DHW"[3 - n :]
    last, first = f"N{spatial}C", f"NC{spatial}"
    if data_format in (None, last):
        return False
    if data_format != first:
        raise invalid(
            f"Value for attr 'data_format' of \"{data_format}\" is not in the list of allowed values: "
            f'"{last}", "{first}"'
        )
    return True


def of_axes(value: Any, n: int, first: bool, name: str) -> tuple[int, Ints, int]:
    """An int, n of them, or n + 2: what they say of the batch, of each of n spatial dims, and of channels."""
    values: Any = [1] if value is None else entries(value, scalar=True)
    if not is_static(values):
        raise TypeError(f"Argument `{name}` must be known while a function is traced, got {value!r}")
    if len(values) == 1:
        return 1, tuple(values) * n, 1
    if len(values) == n:
        return 1, tuple(values), 1
    if len(values) != n + 2:
        lengths = f"1, {n} or {n + 2}"
        told = f"Received: {name}={value} of length {len(values)}"
        raise ValueError(f"{name} should be of length {lengths}. {told}")
    batch, *spatial, channels = [values[0], *values[2:], values[1]] if first else values
    return batch, tuple(spatial), channels


def _spatial(value: Any, n: int, first: bool, name: str) -> Ints:
    batch, spatial, channels = of_axes(value, n, first, name)
    if batch != 1 or channels != 1:
        told = f"Current implementation does not yet support {name} in the batch and depth dimensions."
        raise UnimplementedError(None, None, told)
    return spatial


def steps(strides: Any, n: int, first: bool) -> Ints:
    return positive(_spatial(strides, n, first, "strides"))


def positive(strides: Ints) -> Ints:
    for s in strides:
        if s <= 0:
            raise invalid(f"Stride must be > 0, but got {s}: strides should be larger than 0.")
    return strides


def gaps(dilations: Any, n: int, first: bool) -> Ints:
    values = _spatial(dilations, n, first, "dilations")
    if min(values) <= 0:
        raise invalid("Dilated rates should be larger than 0.")
    return values


def padded(padding: Any, n: int, first: bool) -> Padding:
    """`padding` as rows take it: a name, or pairs for the spatial dims out of n + 2 pairs."""
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise invalid(
                f"Value for attr 'padding' of \"{padding}\" is not in the list of allowed values: "
                '"SAME", "VALID", "EXPLICIT"'
            )
        return padding
    if padding is None:
        raise TypeError("Expected string for argument 'padding' not None.")
    rows = padding if isinstance(padding, list | tuple) else array(padding).tolist()
    for i, pair in enumerate(rows):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            size = f" of size {len(pair)}" if isinstance(pair, list | tuple) else ""
            raise ValueError(
                "When `padding` is a list, each element of `padding` must be a list/tuple of size 2. "
                f"Received: padding={padding} with element at index {i}{size}"
            )
    if len(rows) != n + 2:
        told = f"Received: padding={padding} of size {len(rows)}"
        raise ValueError(f"When padding is a list, it must be of size {n + 2}. {told}")
    pairs = array(rows).tolist()
    if min(map(min, pairs)) < 0:
        raise invalid("All elements of explicit_paddings must be nonnegative")
    channel = 1 if first else n + 1
    if any(pairs[0]) or any(pairs[channel]):
        raise invalid("Nonzero explicit padding in the batch or depth dimensions is not supported")
    return tuple(map(tuple, pairs[2:] if first else pairs[1:-1]))


# Geometry


def pads(padding: Padding, spatial: Ints, size: Ints, strides: Ints, dilations: Ints) -> tuple:
    """A (low, high) pair for each spatial dim."""
    if not isinstance(padding, str):
        return padding
    if padding == "VALID":
        return ((0, 0),) * len(size)
    pairs = []
    for n, k, s, d in zip(spatial, size, strides, dilations):
        extra = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pairs.append((extra // 2, extra - extra // 2))
    return tuple(pairs)


def out_dims(spatial: Dims, size: Dims, strides: Ints, padding: Padding, dilations: Ints) -> Dims:
    """How many windows there are in each spatial dim, None where it is not known."""
    dims: list[int | None] = []
    for i, (n, k, s, d) in enumerate(zip(spatial, size, strides, dilations)):
        if n is not None and padding == "SAME":
            dims.append(-(-n // s))
        elif n is None or k is None:
            dims.append(None)
        else:
            low, high = (0, 0) if isinstance(padding, str) else padding[i]
            extent = (k - 1) * d + 1
            count = n + low + high - extent + s
            if count < 0:
                raise invalid(
                    f"Computed output size would be negative: {-(-count // s)} [input_size: {n}, "
                    f"effective_filter_size: {extent}, stride: {s}]"
                )
            dims.append(count // s)
    return tuple(dims)


# Layout


def channels_last(x: Any, n: int, first: bool, call: Callable) -> Any:
    """`call` of a tensor with channels last, its result with channels where `x` has them."""
    if not first:
        return call(x)
    y = call(to_last(x, n))
    return tuple([to_first(part, n) for part in y]) if isinstance(y, tuple) else to_first(y, n)


def to_last(x: Any, n: int) -> Any:
    batch = rank_of(x) - n - 1
    return apply(o.transpose, x, perm=(*range(batch), *range(batch + 1, batch + n + 1), batch))


def to_first(x: Any, n: int) -> Any:
    batch = rank_of(x) - n - 1
    return apply(o.transpose, x, perm=(*range(batch), batch + n, *range(batch, batch + n)))


def one_batch(x: Tensor, n: int, call: Callable) -> Any:
    """`call` of a tensor whose leading dims, all but n spatial ones and channels, are laid into one."""
    if rank_of(x) <= n + 2:
        return call(x)
    sizes = sizes_of(x)
    y = call(reshape_to_sizes(x, [-1, *sizes[-n - 1 :]]))
    return reshape_to_sizes(y, [*sizes[: -n - 1], *sizes_of(y)[1:]])


def inner_dims(x: Any) -> Ints | None:
    """The sizes of an array or Tensor but for the batch, None where one of them is not known."""
    shape = partial_dims(x) if isinstance(x, Tensor) else x.shape
    return None if shape is None or None in shape[1:] else tuple(shape[1:])  # type: ignore[return-value]

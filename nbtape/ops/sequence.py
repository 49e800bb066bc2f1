"""Ranges, grids, one-hot codes and masks of sequences."""

import math
from typing import Any

import numpy as np

from nbtape.core.dtype import DType, as_dtype, bool_ as boolean, float32, float64, int32, string
from nbtape.core.engine import EagerTensor, apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.kernel import Composite
from nbtape.core.memory import on_host
from nbtape.core.shape import Spec, bracket
from nbtape.ops.create import made, zeros
from nbtape.ops.row import op
from nbtape.ops.shape import broadcast_to_sizes, expand_dims, reshape
from nbtape.ops.static import (
    as_tf_name,
    integer,
    is_tensor,
    known,
    partial_dims,
    rank_of,
    sizes_of,
    wrong_type,
)

_range = range  # the builtin, which the public function of this name hides below
_WIDER = "int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 bfloat16 float32 float64".split()


# range


def _steps(start, limit, delta):
    for what, x in (("start", start), ("limit", limit), ("delta", delta)):
        if x.ndim:
            raise invalid(f"{what} must be a scalar, not shape {bracket(x.shape)} [Op:Range]")
    if delta == 0:
        raise invalid(f"Requires delta != 0: {_number(delta)} [Op:Range]")
    if delta > 0 and start > limit or delta < 0 and start < limit:
        sign = "<= limit when delta >" if delta > 0 else ">= limit when delta <"
        raise invalid(f"Requires start {sign} 0: {_number(start)}/{_number(limit)} [Op:Range]")
    if start.dtype.kind in "iu":
        return np.arange(int(start), int(limit), int(delta), dtype=start.dtype)
    n = math.ceil(abs((limit - start) / delta))  # in the precision of the dtype, as in TensorFlow
    return start + np.arange(n, dtype=np.float64).astype(start.dtype) * delta


def _number(x: Any) -> str:
    return f"{float(x):g}" if x.dtype.kind in "fV" else str(x)


op("range", _steps, lambda start, limit, delta: Spec((None,), start.dtype), kinds="iufV")


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range") -> Any:
    """Numbers from `start` up to but not including `limit` in steps of `delta`; `range(n)` starts at 0.

    The dtype is the widest of the three, unless given. Raises InvalidArgumentError for steps that lead
    nowhere.

    >>> tf.range(2, 10, 3).numpy().tolist(), tf.range(3.0).numpy().tolist()
    ([2, 5, 8], [0.0, 1.0, 2.0])
    """
    if limit is None:
        start, limit = 0, start
    plain = dtype is None and type(start) is type(limit) is type(delta) is int
    if plain and max(abs(start), abs(limit)) < 2**31:
        return made(_steps(*[np.int32(n) for n in (start, limit, delta)]))
    kind = None if dtype is None else as_dtype(dtype)
    xs = [x if is_tensor(x) else tensor(x, kind) for x in (start, limit, delta)]
    xs = [tensor(x) for x in xs]
    if kind is None:
        for x in xs:
            if x.dtype.name not in _WIDER:
                raise TypeError(f"range takes integers and floats, got {x!r}")
        kind = max([x.dtype for x in xs], key=lambda d: _WIDER.index(d.name))
    elif not (kind.is_integer or kind.is_floating):
        raise invalid(
            f"Value for attr 'Tidx' of {kind.name} is not in the list of allowed values: integers and floats"
        )
    return apply(o.range, *[x if x.dtype is kind else apply(o.cast, x, dtype=kind.np) for x in xs])


# linspace, meshgrid


def linspace(start: Any, stop: Any, num: Any, name: str | None = None, axis: Any = 0) -> Any:
    """`num` values from `start` to `stop`, both included, at equal distances, along a new `axis`.

    `start` and `stop` may be arrays that broadcast; integers are taken as float64 (small ones as float32).

    >>> tf.linspace(0.0, 1.0, 5).numpy().tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    x = tensor(start)
    y = tensor(stop, None if is_tensor(stop) and tensor(stop).dtype is x.dtype else x.dtype)
    if x.dtype.is_integer:
        kind = float64 if x.dtype.size > 2 else float32  # as for the quotient of two of them
        x, y = apply(o.cast, x, dtype=kind.np), apply(o.cast, y, dtype=kind.np)
    count = known(num)
    if count is not None and count.dtype.kind not in "iu":
        raise TypeError(
            f"Argument `tensor` (name: num) must be of type integer. Received `tensor` = {num} of dtype: "
            f"{tensor(num).dtype}"
        )
    n = integer(num)
    if n < 0:
        raise invalid(f"Requires start <= limit when delta > 0: 1/{n} [Op:Range]")
    sizes = _broadcast_sizes(x, y)
    x, y = broadcast_to_sizes(x, sizes), broadcast_to_sizes(y, sizes)
    at, rank = integer(axis), len(sizes) + 1
    x, y = expand_dims(x, at), expand_dims(y, at)
    at = at % rank
    inner = np.arange(1, max(n - 1, 1)).astype(x.dtype.np).reshape((-1, *(1,) * (rank - at - 1)))
    parts = [x, x + (y - x) / max(n - 1, 1) * tensor(inner), y]
    parts = parts[:n] if n < 2 else parts[::2] if n == 2 else parts
    return apply(o.concat, *parts, axis=at) if parts else zeros([*sizes[:at], 0, *sizes[at:]], x.dtype)


def _broadcast_sizes(x: Any, y: Any) -> list:
    a, b = sizes_of(x), sizes_of(y)
    a, b = [1] * (len(b) - len(a)) + a, [1] * (len(a) - len(b)) + b
    return [n if isinstance(m, int) and m == 1 else m for m, n in zip(a, b)]


def meshgrid(*args: Any, **kwargs: Any) -> list:
    """Grids of coordinates: for vectors of lengths n, m, ... as many tensors of shape (m, n, ...).

    With `indexing="ij"` the shape is (n, m, ...) instead.

    >>> [g.numpy().tolist() for g in tf.meshgrid([1, 2, 3], [4, 5])]
    [[[1, 2, 3], [1, 2, 3]], [[4, 4, 4], [5, 5, 5]]]
    """
    indexing = kwargs.pop("indexing", "xy")
    kwargs.pop("name", None)
    if kwargs:
        raise TypeError(f"'{next(iter(kwargs))}' is an invalid keyword argument for this function")
    if indexing not in ("xy", "ij"):
        raise ValueError(f"Argument `indexing` parameter must be either 'xy' or 'ij', got '{indexing}'")
    xs = [reshape(x, [-1]) for x in args]
    n = len(xs)
    axes = list(_range(n))
    if indexing == "xy" and n > 1:
        axes[0], axes[1] = 1, 0
    sizes: list = [None] * n
    for x, a in zip(xs, axes):
        sizes[a] = sizes_of(x)[0]
    return [
        broadcast_to_sizes(apply(o.reshape, x, shape=tuple([-1 if i == a else 1 for i in _range(n)])), sizes)
        for x, a in zip(xs, axes)
    ]


# one_hot, sequence_mask


def _one_hot(i, on, off, *, depth, axis):
    steps = np.arange(0, depth, dtype=i.dtype)
    if axis == i.ndim:
        hot = i[..., None] == steps
    else:
        hot = np.expand_dims(i, axis) == steps.reshape((depth, *(1,) * (i.ndim - axis)))
    dtype = on.dtype
    if dtype.kind == "O":
        return np.where(hot, on[()], off[()]).astype(object)
    return hot.astype(dtype, copy=False) if off == 0 and on == 1 else np.where(hot, on, off)


def _one_hot_spec(i: Spec, on: Spec, off: Spec, *, depth: int, axis: int) -> Spec:
    return Spec(None if i.shape is None else (*i.shape[:axis], depth, *i.shape[axis:]), on.dtype)


def _one_hot_lower(i, on, off, *, depth, axis):
    rank, dtype = rank_of(i), i.dtype.np
    if rank is None or on.dtype.np.kind == "O" or depth > np.iinfo(dtype).max:
        return None
    steps = o.reshape(apply(o.iota, size=depth, dtype=dtype), shape=(depth, *(1,) * (rank - axis)))
    return o.where(o.equal(o.expand_dims(i, axis=axis), steps), on, off)


def _is_hot(i, depth, axis):
    return o.one_hot(i, np.bool_(True), np.bool_(False), depth=depth, axis=axis)


op("one_hot", _one_hot, _one_hot_spec, None,
   lambda g, y, i, on, off, *, depth, axis: o.where(_is_hot(i, depth, axis), g, 0.0),
   lambda g, y, i, on, off, *, depth, axis: o.where(_is_hot(i, depth, axis), 0.0, g),
   kernel=Composite(_one_hot_lower))  # fmt: skip


def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: Any = None,
    dtype: Any = None, name: str | None = None
) -> Any:  # fmt: skip
    """`on_value` (1) at the place in a new axis of size `depth` that each index names, `off_value` (0)
    elsewhere.

    The new axis is the last, or `axis`. An index outside the depth gives a row of `off_value`.

    >>> tf.one_hot([0, 2], 3).numpy().tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    i = tensor(indices)
    if not i.dtype.is_integer:
        if partial_dims(i) is None or 0 not in partial_dims(i) or is_tensor(indices):
            raise wrong_type(as_tf_name(i), "TI")
        i = apply(o.cast, i, dtype=int32.np)
    count, rank = known(depth), rank_of(i)
    if count is not None and count.ndim:
        raise invalid(f"depth must be a scalar, but got: {bracket(count.shape)} [Op:OneHot]")
    n = integer(depth, "depth")
    if n < 0:
        raise invalid(f"depth must be non-negative, got: {n} [Op:OneHot]")
    at = -1 if axis is None else integer(axis)
    if not -1 <= at <= rank:
        raise invalid(f"Expected axis to be -1 or between [0, {rank + 1}).  But received: {at} [Op:OneHot]")
    if on_value is None and off_value is None:
        kind = float32 if dtype is None else as_dtype(dtype)
        if kind is string:
            raise TypeError("Cannot convert 1 to EagerTensor of dtype string")
        on, off = kind.as_numpy_dtype(1), kind.as_numpy_dtype(0)
    else:
        on, off = _on_and_off(on_value, off_value, None if dtype is None else as_dtype(dtype))
    return apply(o.one_hot, i, on, off, depth=n, axis=rank if at == -1 else at)


def _on_and_off(on: Any, off: Any, kind: DType | None) -> tuple:
    """The two values, of which one is given, as tensors of one dtype: `kind`, else that of the one given."""
    on = on if on is None else _as_kind(on, kind)
    off = off if off is None else _as_kind(off, kind)
    if on is not None and off is not None and on.dtype is not off.dtype:
        raise TypeError(f"dtype {on.dtype} of on_value does not match dtype {off.dtype} of off_value")
    for name, x in (("on_value", on), ("off_value", off)):
        if x is not None and kind is not None and x.dtype is not kind:
            raise TypeError(f"dtype {x.dtype} of {name} does not match dtype parameter {kind}")
    given: Any = off if on is None else on
    dtype = given.dtype
    one, zero = (True, False) if dtype.is_bool else (1, 0)
    return tensor(one, dtype) if on is None else on, tensor(zero, dtype) if off is None else off


def _as_kind(x: Any, kind: DType | None) -> Any:
    if is_tensor(x) or kind is None or isinstance(x, float) and not kind.is_floating:
        return tensor(x)
    return tensor(x, kind)


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = boolean, name: str | None = None) -> Any:
    """A row of `maxlen` (by default the longest) bools for each length: True up to it, False from there.

    >>> tf.sequence_mask([1, 3]).numpy().tolist()
    [[True, False, False], [True, True, True]]
    """
    n = tensor(lengths)
    if maxlen is None:
        top = _longest(n)
    else:
        top = tensor(maxlen)
        if rank_of(top):
            raise ValueError(
                f"Argument `maxlen` must be scalar for sequence_mask, received `maxlen` = {maxlen} with "
                f"shape '{top.shape}' instead"
            )
    if top.dtype is not n.dtype:
        n = apply(o.cast, n, dtype=top.dtype.np)
    zero, one = tensor(0, n.dtype), tensor(1, n.dtype)
    mask = apply(o.less, apply(o.range, zero, top, one), apply(o.expand_dims, n, axis=rank_of(n)))
    kind = as_dtype(dtype)
    return mask if kind.is_bool else apply(o.cast, mask, dtype=kind.np)


def _longest(n: Any) -> Any:
    if type(n) is EagerTensor:
        return tensor(n.dtype.as_numpy_dtype(max(np.max(on_host(n._value), initial=0), 0)))
    rank = rank_of(n)
    return apply(o.maximum, tensor(0, n.dtype), apply(o.max, n, axis=tuple(_range(rank)), keepdims=False))

"""Strings where users meet them: `tf.strings`. A string tensor is an object array of bytes."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.dtype import string
from nbtape.core.engine import apply, o, stands_for_tensor, tensor
from nbtape.core.errors import OutOfRangeError, invalid
from nbtape.core.shape import Spec, TensorShape, bracket, broadcast
from nbtape.ops.reduce import numbers_of
from nbtape.ops.row import op
from nbtape.ops.static import known

_STRING = np.dtype(object)


def mapped(f: Callable, dtype: Any, *arrays: Any) -> Any:
    """`f` of each element, as an array, or as what a scalar of `dtype` is."""
    arrays = np.broadcast_arrays(*arrays)
    y = np.empty(arrays[0].shape, dtype)
    y.ravel()[:] = [f(*items) for items in zip(*[a.ravel().tolist() for a in arrays], strict=True)]
    return y if dtype == _STRING else y[()]


def _row(name: str, f: Callable, dtype: Any = _STRING, kinds: str = "O") -> None:
    """A row that maps a function of one string, and attributes, over a tensor."""

    def eager(x, **attrs):
        return mapped(lambda item: f(item, **attrs), dtype, x)

    op(name, eager, lambda x, **attrs: Spec(x.shape, np.dtype(dtype)), kinds=kinds)


def as_text(x: Any) -> Any:
    """`x` as a Tensor, of strings if it is no tensor yet."""
    return tensor(x) if stands_for_tensor(x) else tensor(x, string)


def _bytes(x: Any, what: str) -> bytes:
    """A string argument that has to be known when a function is traced."""
    value = known(as_text(x))
    if value is None:
        raise TypeError(f"`{what}` must be a Python string while a function is traced, got {x!r}.")
    return value.item()


def _in_unit(unit: str) -> str:
    if unit not in ("BYTE", "UTF8_CHAR"):
        allowed = '"BYTE", "UTF8_CHAR"'
        raise invalid(f"Value for attr 'unit' of \"{unit}\" is not in the list of allowed values: {allowed}")
    return unit


def _in_encoding(encoding: str) -> str:
    if encoding not in ("", "utf-8"):
        raise invalid(f"only utf-8 or '' (no encoding) is supported, received {encoding}")
    return encoding


def _characters(s: bytes) -> str:
    return s.decode("utf-8", "surrogateescape")


def _encoded(s: str) -> bytes:
    return s.encode("utf-8", "surrogateescape")


# join


def _join(*xs, separator):
    shapes = [x.shape for x in xs if x.ndim]
    if any(shape != shapes[0] for shape in shapes):
        raise TypeError
    return mapped(lambda *items: separator.join(items), _STRING, *xs)


def _join_spec(*specs, separator):
    shapes = [s.shape for s in specs if s.shape != ()]
    for shape in shapes:
        if not TensorShape(shape).is_compatible_with(shapes[0]):
            raise invalid(f"Input shapes do not match: {bracket(shapes[0])} vs. {bracket(shape)}")
    return Spec(broadcast(*shapes), _STRING)


op("string_join", _join, _join_spec, kinds="O")


def join(inputs: Any, separator: Any = "", name: str | None = None) -> Any:
    """Strings joined element by element; the inputs have one shape, or are scalars.

    >>> tf.strings.join([["a", "b"], ["c", "d"]], separator="-").numpy().tolist()
    [b'a-c', b'b-d']
    """
    inputs = [as_text(x) for x in inputs]
    return apply(o.string_join, *inputs, separator=_bytes(separator, "separator")) if inputs else tensor("")


def _reduce_join(x, *, axes, keepdims, separator):
    rest = [i for i in range(x.ndim) if i not in axes]
    rows = x.transpose(rest + list(reversed(axes))).reshape([x.shape[i] for i in rest] + [-1])
    y = np.empty(rows.shape[:-1], _STRING)
    y.ravel()[:] = [separator.join(row) for row in rows.reshape(y.size, rows.shape[-1]).tolist()]
    return y.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keepdims else y


def _reduce_join_spec(x, *, axes, keepdims, separator):
    if x.shape is None:
        return x
    kept = [1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes]
    return Spec(tuple(kept), _STRING)


op("string_reduce_join", _reduce_join, _reduce_join_spec, kinds="O")


def reduce_join(
    inputs: Any, axis: Any = None, keepdims: bool = False, separator: str = "", name: str | None = None
) -> Any:
    """All strings along `axis` joined to one; several axes are joined in the order they are given.

    Raises OutOfRangeError for an axis that is not there.

    >>> tf.strings.reduce_join([["a", "b"], ["c", "d"]], axis=1).numpy().tolist()
    [b'ab', b'cd']
    """
    x = as_text(inputs)
    rank = x.shape.rank
    axes = list(reversed(range(rank))) if axis is None else numbers_of(axis)
    for a in axes:
        if not -rank <= a < rank:
            message = f"Invalid reduction dimension {a} for input with {rank} dimension(s)"
            raise OutOfRangeError(None, None, message)
    axes = tuple([a % rank for a in axes])
    if not axes:
        return apply(o.identity, x)
    return apply(
        o.string_reduce_join, x, axes=axes, keepdims=bool(keepdims), separator=_bytes(separator, "separator")
    )


# One string at a time


def _length(s, *, unit):
    return len(s) if unit == "BYTE" else len(_characters(s))


_row("string_length", _length, np.int32)
_row("string_lower", lambda s, *, utf8: _encoded(_characters(s).lower()) if utf8 else s.lower())
_row("string_upper", lambda s, *, utf8: _encoded(_characters(s).upper()) if utf8 else s.upper())
_row("string_strip", bytes.strip)


def length(input: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """Lengths in bytes or, for the unit UTF8_CHAR, in characters.

    >>> tf.strings.length(["ab", "é"]).numpy(), tf.strings.length("é", unit="UTF8_CHAR").numpy()
    (array([2, 2], dtype=int32), np.int32(1))
    """
    return apply(o.string_length, as_text(input), unit=_in_unit(unit))


def lower(input: Any, encoding: str = "", name: str | None = None) -> Any:
    """Lower case, of ASCII letters, or of all letters for the encoding utf-8.

    >>> tf.strings.lower("ABC").numpy()
    b'abc'
    """
    return apply(o.string_lower, as_text(input), utf8=bool(_in_encoding(encoding)))


def upper(input: Any, encoding: str = "", name: str | None = None) -> Any:
    """Upper case, of ASCII letters, or of all letters for the encoding utf-8.

    >>> tf.strings.upper("abc").numpy()
    b'ABC'
    """
    return apply(o.string_upper, as_text(input), utf8=bool(_in_encoding(encoding)))


def strip(input: Any, name: str | None = None) -> Any:
    """Strings without the white space at both ends.

    >>> tf.strings.strip("  a b ").numpy()
    b'a b'
    """
    return apply(o.string_strip, as_text(input))


def _substr(x, pos, len, *, unit):
    at = itertools.count()
    if unit == "BYTE":
        return mapped(lambda s, p, n: _part(s, p, n, next(at)), _STRING, x, pos, len)
    return mapped(lambda s, p, n: _encoded(_part(_characters(s), p, n, next(at))), _STRING, x, pos, len)


def _part(s, pos, n, at):
    if not -len(s) <= pos <= len(s):
        raise invalid(f"pos {pos} out of range for string {s!r} at index {at}")
    start = pos + len(s) if pos < 0 else pos
    return s[start:] if n < 0 else s[start : start + n]


op("string_substr", _substr, lambda x, p, n, *, unit: Spec(broadcast(x.shape, p.shape, n.shape), _STRING))


def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """Parts of strings: `len` bytes from `pos`, which may count from the end.

    The unit UTF8_CHAR counts characters. `pos` and `len` are numbers or tensors of the shape of `input`.
    Raises InvalidArgumentError where `pos` is outside a string.

    >>> tf.strings.substr(["hello", "world"], 1, 3).numpy().tolist()
    [b'ell', b'orl']
    """
    return apply(o.string_substr, as_text(input), tensor(pos), tensor(len), unit=_in_unit(unit))


# Regular expressions


def _compiled(pattern: Any) -> str:
    """A pattern, checked; as in RE2 its classes, like backslash w, are of ASCII characters."""
    text = _characters(_bytes(pattern, "pattern"))
    try:
        re.compile(text, re.ASCII)
    except re.error as error:
        raise invalid(f"Invalid pattern: {text}, error: {error}: {text}") from None
    return text


def _replace(s, *, pattern, rewrite, count):
    found = re.compile(pattern, re.ASCII)
    if any(int(n) > found.groups for n in re.findall(r"\\(\d)", rewrite)):
        return s  # as in TensorFlow, a rewrite that names a group which is not there changes nothing

    def rewritten(match):
        def part(escape):
            return match[int(escape[1])] or "" if escape[1].isdigit() else escape[1]

        return re.sub(r"\\(\d|\\)", part, rewrite)

    return _encoded(found.sub(rewritten, _characters(s), count=count))


def _matches(s, *, pattern):
    return re.compile(pattern, re.ASCII).fullmatch(_characters(s)) is not None


_row("regex_replace", _replace)
_row("regex_full_match", _matches, np.bool_)


def regex_replace(
    input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: str | None = None
) -> Any:
    """What matches `pattern` replaced by `rewrite`, in which a backslash and a digit stand for a group.

    Replaces the first match only without `replace_global`. Raises InvalidArgumentError for a bad pattern.

    >>> tf.strings.regex_replace("a1b22", "[0-9]+", "-").numpy()
    b'a-b-'
    """
    rewrite = _characters(_bytes(rewrite, "rewrite"))
    count = 0 if replace_global else 1
    return apply(o.regex_replace, as_text(input), pattern=_compiled(pattern), rewrite=rewrite, count=count)


def regex_full_match(input: Any, pattern: Any, name: str | None = None) -> Any:
    """Whether whole strings match `pattern`.

    >>> tf.strings.regex_full_match(["abc", "abcd"], "a.c").numpy()
    array([ True, False])
    """
    return apply(o.regex_full_match, as_text(input), pattern=_compiled(pattern))

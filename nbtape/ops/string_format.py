"""Numbers as strings, strings as numbers, and tensors in texts."""

import re
from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype, float32, spelled
from nbtape.core.engine import apply, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import Spec
from nbtape.ops.row import op
from nbtape.ops.strings import as_text, mapped

_STRING = np.dtype(object)
_TO_NUMBER = ("float32", "float64", "int32", "int64", "uint32", "uint64")


def _as_string(x, *, form):
    kind = x.dtype.kind
    if kind == "O":
        return x
    if kind == "b":
        return mapped(lambda b: b"true" if b else b"false", _STRING, x)
    if kind == "c":
        return mapped(lambda z: f"({form % z.real},{form % z.imag})".encode(), _STRING, x)
    return mapped(lambda n: (form % n).encode(), _STRING, x if kind != "V" else x.astype(np.float32))


op("as_string", _as_string, lambda x, *, form: Spec(x.shape, _STRING))


def as_string(
    input: Any,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: str | None = None,
) -> Any:
    """Numbers and bools as strings.

    `precision` is the number of digits after the point; `scientific` chooses 1.5e+00, `shortest` the shorter
    form. `width` is the least length, filled up with `fill`: a space, "0", "+" or "-" (to the right).

    >>> tf.strings.as_string([1, 20]).numpy().tolist()
    [b'1', b'20']
    >>> tf.strings.as_string([3.14159], precision=2).numpy().tolist()
    [b'3.14']
    """
    x = tensor(input)
    floating = x.dtype.is_floating or x.dtype.is_complex
    if scientific and shortest:
        raise invalid("Cannot select both scientific and shortest notation")
    if len(fill) > 1:
        raise invalid("Fill string must be one or fewer characters")
    if fill and fill not in " +-0":
        raise invalid(f'Fill argument not supported: "{fill}"')
    if not floating and (scientific or shortest):
        raise invalid(f"scientific and shortest format not supported for datatype {spelled(x.dtype.np)}")
    if not floating and precision >= 0:
        raise invalid(f"precision not supported for datatype {spelled(x.dtype.np)}")
    form = f"%{fill}" + (str(width) if width >= 0 else "") + (f".{precision}" if precision >= 0 else "")
    style = "d" if not floating else "g" if shortest else "e" if scientific else "f"
    return apply(o.as_string, x, form=form + style)


def _to_number(x, *, dtype):
    return mapped(lambda s: _parsed(s.decode("utf-8", "replace"), dtype), dtype, x)


def _parsed(s, dtype):
    text = s.strip()
    try:
        if dtype.kind == "f" and "_" not in text:
            return float.fromhex(text) if re.match(r"[+-]?0[xX]", text) else float(text)
        if dtype.kind != "f" and re.fullmatch(r"[+-]?[0-9]+", text):
            return np.array(int(text), dtype)[()]
    except (ValueError, OverflowError):
        pass
    raise invalid(f"StringToNumberOp could not correctly convert string: {s}")


op("to_number", _to_number, lambda x, *, dtype: Spec(x.shape, dtype), kinds="O")


def to_number(input: Any, out_type: Any = float32, name: str | None = None) -> Any:
    """The numbers that strings spell, as float32, float64, int32, int64, uint32 or uint64.

    Raises InvalidArgumentError for a string that spells none.

    >>> tf.strings.to_number(["1.5", "-2e3"]).numpy()
    array([ 1.5e+00, -2.0e+03], dtype=float32)
    """
    dtype = as_dtype(out_type)
    if dtype.name not in _TO_NUMBER:
        allowed = ", ".join(spelled(as_dtype(name).np) for name in _TO_NUMBER)
        got = spelled(dtype.np)
        raise invalid(f"Value for attr 'out_type' of {got} is not in the list of allowed values: {allowed}")
    return apply(o.to_number, as_text(input), dtype=dtype.np)


def summarized(x: Any, summarize: int | None = 3) -> str:
    """An array as `tf.print` shows it: the first and last `summarize` elements of each axis, all for -1."""
    edge = x.size if summarize is None or summarize < 0 else summarize
    return _shown(np.asarray(x), edge, 0)


def _shown(x, edge, depth):
    if not x.ndim:
        return _element(x.dtype, x.item())
    n = len(x)
    parts = [_shown(x[i, ...], edge, depth + 1) for i in range(n) if i < edge or i >= n - edge]
    if n > 2 * edge:
        parts.insert(edge, "...")
    gap = " " if x.ndim == 1 else "\n" * (x.ndim - 1) + " " * (depth + 1)
    return "[" + gap.join(parts) + "]"


def _element(dtype, item):
    """A number in the fewest digits that tell it from its neighbours, of those C++ tries."""
    if dtype.kind == "O":
        return '"' + item.decode("utf-8", "replace").replace("\\", "\\\\").replace('"', '\\"') + '"'
    if dtype.kind in "fV":
        number = float(item)
        short, exact = ("%.15g", "%.17g") if dtype == np.float64 else ("%.6g", "%.9g")
        text = short % number
        again = float(text) if dtype == np.float64 else np.float32(text)
        return text if again == number or number != number else exact % number
    return str(int(item)) if dtype.kind == "b" else str(item)


def _format(*xs, template, placeholder, summarize):
    parts = template.split(placeholder)
    texts = [summarized(x, summarize) for x in xs]
    joined = parts[0] + "".join(text + part for text, part in zip(texts, parts[1:], strict=True))
    return np.array(joined.encode(), dtype=object)


op("string_format", _format, lambda *xs, **attrs: Spec((), _STRING))


def format(
    template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: str | None = None
) -> Any:
    """`template` with each placeholder replaced by a tensor.

    `inputs` is one tensor, or a list of them; of each axis the first and last `summarize` elements are shown,
    all for -1. Raises ValueError where there are not as many inputs as placeholders.

    >>> tf.strings.format("x is {}, y is {}", (tf.constant([1, 2]), tf.constant("a"))).numpy()
    b'x is [1 2], y is "a"'
    """
    inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
    wanted = template.count(placeholder)
    if wanted != len(inputs):
        raise ValueError(
            f"The template expects {wanted} tensors, but the inputs only has {len(inputs)}. Please ensure "
            "the number of placeholders in template matches inputs length."
        )
    xs = [tensor(x) for x in inputs]
    return apply(o.string_format, *xs, template=template, placeholder=placeholder, summarize=summarize)

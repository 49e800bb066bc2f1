"""What acts on the world when it runs: print, Assert, and Python functions called from a graph.

Eagerly they act at once. In a graph they are nodes that run once for each run, in program order, used or not.
"""

import pprint
import sys
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.engine import EagerTensor, Operators, apply, o, stands_for_tensor, tensor
from nbtape.core.errors import invalid
from nbtape.ops.row import op

_STREAMS = "sys.stdout, sys.stderr, tf.logging.info, tf.logging.warning, tf.logging.error"
_HOLE = "\0"  # stands for a tensor in the text of a print


class _Hole:
    def __repr__(self) -> str:
        return _HOLE


def acted() -> Any:
    """What an action gives its caller: the operation while a graph is open, None where it has been done."""
    graph = context.local.graph
    return None if graph is None else graph.last


# print


def print(*inputs: Any, **kwargs: Any) -> Any:
    """Print tensors, strings and nested structures of them, each time that the program comes to this line.

    Keywords: `output_stream` (sys.stderr by default, sys.stdout, or "file://path" to append to a file),
    `summarize` (3: how many first and last elements of each dimension are shown; -1: all), `sep` (" "), `end`
    ("\\n"), `name`.

    >>> import sys
    >>> tf.print("x is", tf.constant([1.0, 2.5]), output_stream=sys.stdout)
    x is [1 2.5]
    """
    stream, summarize = kwargs.pop("output_stream", None), kwargs.pop("summarize", None)
    sep, end = kwargs.pop("sep", " "), kwargs.pop("end", "\n")
    kwargs.pop("name", None)
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments for tf.print: {kwargs}")
    _check_stream(stream)
    tensors: list = []
    text = sep.join([x if isinstance(x, str) else _template(x, tensors) for x in inputs])
    apply(
        o.print_,
        *tensors,
        text=text + end,
        stream=stream,
        summarize=3 if summarize is None else int(summarize),
    )
    return acted()


def _check_stream(stream: Any) -> None:
    if isinstance(stream, str) and not stream.startswith("file://"):
        raise ValueError(
            f"Unsupported output stream, logging level, or file.{stream}. Supported streams are {_STREAMS}. "
            "File needs to be in the form of 'file://<filepath>'."
        )


def _template(x: Any, tensors: list) -> str:
    """The text of one input, with a hole for each tensor, which is appended to `tensors`."""

    def leaf(item: Any) -> Any:
        if not stands_for_tensor(item):
            return item
        tensors.append(tensor(item))
        return _Hole()

    return pprint.pformat(nest.map_structure(leaf, x))


def _print(*values, text, stream, summarize):
    first, *rest = text.split(_HOLE)
    whole = first + "".join([summary(v, summarize) + part for v, part in zip(values, rest)])
    if isinstance(stream, str):
        with open(stream.removeprefix("file://"), "a", encoding="utf-8") as file:
            file.write(whole)
    elif callable(stream):
        stream(whole)
    else:
        (stream or sys.stderr).write(whole)
    return ()


def summary(value: Any, summarize: int = 3) -> str:
    """A tensor's value as `tf.print` shows it: at most `summarize` first and last elements of each
    dimension.
    """
    value = np.asarray(value)
    if not value.ndim:
        item = value.item() if value.dtype == object else value[()]
        return item.decode("utf-8", "replace") if isinstance(item, bytes) else _element(item)
    return "[]" if not value.size else _block(value, summarize, value.ndim, 1)


def _block(value: Any, summarize: int, rank: int, depth: int) -> str:
    if depth > rank:
        return _element(value)
    n = len(value)
    every = summarize < 0 or n <= 2 * summarize
    parts = [_block(v, summarize, rank, depth + 1) for v in (value if every else value[:summarize])]
    if not every:
        parts += ["...", *[_block(v, summarize, rank, depth + 1) for v in value[n - summarize :]]]
    between = " " if depth == rank else "\n" * (rank - depth) + " " * depth
    text = between.join(parts)
    if not every and depth < rank:
        text = text.replace(f"{between}...{between}", f"\n{' ' * depth}...\n{' ' * depth}")
    return f"[{text}]"


def _element(x: Any) -> str:
    if isinstance(x, bytes):
        return (
            '"'
            + x.decode("utf-8", "replace").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            + '"'
        )
    if isinstance(x, bool | np.bool_):
        return str(int(x))
    if isinstance(x, float | np.floating) or x.dtype.kind == "V":
        return _float(x)
    return str(x)


def _float(x: Any) -> str:
    """The shortest of two precisions that gives the number back, as C prints it."""
    wide = isinstance(x, float | np.float64)
    number = float(x)
    short = f"{number:.{15 if wide else 6}g}"
    back = float(short) if wide else float(np.float32(short))
    return short if back == number or number != number else f"{number:.{17 if wide else 9}g}"


op("print_", _print, lambda *specs, **attrs: (), many=True)


class _First:
    """Where the first `count` texts are printed, and no later ones."""

    def __init__(self, count: int):
        self._left = count

    def __call__(self, text: str) -> None:
        if self._left:
            self._left -= 1
            sys.stderr.write(text)

    def __repr__(self) -> str:
        return "sys.stderr"


def Print(
    input_: Any, data: Any, message: str | None = None, first_n: int | None = None,
    summarize: int | None = None, name: str | None = None,
) -> Any:  # fmt: skip
    """`input_` as it is; each time that it is computed, `message` and the tensors `data`, flat, are printed
    to sys.stderr: the first `first_n` times, if that is given, and of each the `summarize` (3) first and
    last elements.

    >>> tf.compat.v1.Print(tf.constant(1.0), [tf.constant([2, 3])], "x: ").numpy()
    np.float32(1.0)
    """
    tensors = [tensor(x) for x in data]
    text = (message or "") + _HOLE * len(tensors) + "\n"
    stream = None if first_n is None or first_n < 0 else _First(first_n)
    flat = [apply(o.reshape, x, shape=(-1,)) for x in tensors]
    count = 3 if summarize is None else summarize
    apply(o.print_, *flat, text=text, stream=stream, summarize=count)
    with control_dependencies([acted()]):
        return apply(o.identity, tensor(input_))


# Assert


def Assert(condition: Any, data: Any, summarize: int | None = None, name: str | None = None) -> Any:
    """Raise InvalidArgumentError, with `data` (a list of tensors and strings), unless all of `condition` is
    true.

    >>> tf.Assert(tf.constant(1) > 0, ["must be positive"])
    """
    if not isinstance(data, list | tuple):
        raise TypeError("values must be a sequence.")
    tensors = [tensor(x) for x in data]
    shown = repr(condition) if isinstance(condition, bool) else ""
    apply(
        o.assert_true,
        tensor(condition),
        *tensors,
        shown=shown,
        summarize=3 if summarize is None else summarize,
    )
    return acted()


def _assert(condition, *data, shown, summarize):
    if np.all(condition):
        return ()
    told = shown or str(EagerTensor(condition))
    lines = "\n".join([_listed(x, summarize) for x in data])
    raise invalid(f"Expected '{told}' to be true. Summarized data: {lines}")


def _listed(value: Any, summarize: int) -> str:
    flat = np.ravel(value).tolist() if not isinstance(value, np.generic) else [value.item()]
    n = len(flat) if summarize < 0 else summarize
    return ", ".join([*map(str, flat[:n]), *["..."] * (len(flat) > n)])


op("assert_true", _assert, lambda *specs, **attrs: (), many=True)


# Nothing at all


def no_op(name: str | None = None) -> Any:
    """Do nothing: None eagerly, an operation in a graph."""
    if context.local.graph is None:
        return None
    apply(o.no_op)
    return acted()


def group(*inputs: Any, name: str | None = None, **kwargs: Any) -> Any:
    """One operation for all `inputs`: when it has run, they have. Eagerly they have already, and it gives
    None.
    """
    if kwargs:
        raise ValueError(f"Unknown keyword arguments: {', '.join(kwargs)}.")
    given = [x for x in nest.flatten(inputs, expand_composites=True) if x is not None]
    if given and name is None:
        name = "group_deps"
    with control_dependencies(given):
        return no_op(name)


op("no_op", lambda: (), lambda: (), many=True)


def control_dependencies(control_inputs: Any) -> Any:
    """Let what is made in this block run after `control_inputs`.

    Where operations run in the order in which they are written, eagerly and in functions, this changes
    nothing.
    """
    if control_inputs is not None:
        iter(control_inputs)
    return context.local.graph.control_dependencies(control_inputs) if context.local.graph else _Block()


class _Block:
    """A `with` block that changes nothing."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        return None

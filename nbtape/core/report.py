"""What errors say of an op and its operands: their shapes, dtypes and names, and the user's line; and
bytes as people read them.

Nothing here runs unless something went wrong or is shown, or a graph asks for the specs of what it
records. A Tensor is known by its `_spec`, so that `core.engine`, which calls this, can stand above it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core import dtype as dtypes, source
from nbtape.core.errors import OpError, invalid
from nbtape.core.shape import Spec, bracket

NUMBERS = (bool, int, float, complex)


class Missing:
    """An attribute that people look for where there is none: says what to write instead.

    One for each name, since a class with `__getattr__` would find all its attributes the slow way.
    """

    def __init__(self, name: str, instead: str):
        self._name, self._instead = name, instead

    def __get__(self, owner: Any, kind: type) -> Any:
        text = f"{kind.__name__!r} object has no attribute {self._name!r}. {self._instead}"
        raise AttributeError(text, name=self._name, obj=owner)


def specs_of(xs: tuple) -> list:
    """Specs of the inputs: what `infer` takes. A Python number has the dtype of the tensors beside it."""
    tensors = [x for x in xs if type(x) not in NUMBERS]
    like = next((spec_of(x).dtype for x in tensors if spec_of(x).dtype.kind != "b"), np.dtype(np.float32))
    like_bool = np.dtype(np.bool_)
    return [
        Spec((), like_bool if type(x) is bool else like) if type(x) in NUMBERS else spec_of(x) for x in xs
    ]


def spec_of(x: Any) -> Spec:
    """Shape and dtype of a Tensor, or of what NumPy takes for an array."""
    spec = getattr(x, "_spec", None)
    return Spec(np.shape(x), np.asarray(x).dtype) if spec is None else spec


def explained(error: Exception, op: Any, xs: tuple, attrs: dict) -> Exception:
    """The error that the user reads: what `infer` says of these inputs, else what NumPy said,
    with a report.
    """
    stranger = next((x for x in xs if hasattr(x, "_spec") and not hasattr(x, "_value")), None)
    if stranger is not None:
        return TypeError(
            f"{stranger!r} is out of scope and cannot be used here. Use return values, explicit Python "
            "locals or TensorFlow collections to access it: it belongs to a function or graph whose trace "
            "has ended."
        )
    if not isinstance(error, OpError):
        try:
            specs = specs_of(xs)
            if op.kinds:
                infer_dtypes(op, specs)
            op.infer(*specs, **attrs)
        except (OpError, TypeError, ValueError) as better:
            error = better
        else:
            text = str(error) or type(error).__name__
            error = (
                invalid(f"{text} [Op:{op.name}]")
                if isinstance(error, ValueError | ArithmeticError)
                else error
            )
    return with_report(error, op, xs, source.here(3))


def infer_dtypes(op: Any, specs: list) -> None:
    """Raise TensorFlow's error where dtypes differ, or where the op does not take their kind."""
    for i, spec in enumerate(specs[1:], 1):
        if spec.dtype != specs[0].dtype:
            want, got = dtypes.spelled(specs[0].dtype), dtypes.spelled(spec.dtype)
            raise invalid(
                f"cannot compute {op.label} as input #{i}(zero-based) was expected to be a {want} tensor "
                f"but is a {got} tensor [Op:{op.label}]\nConvert one of them, for example: "
                f"tf.cast(x, {dtypes.as_dtype(specs[0].dtype)!r})."
            )
    if specs[0].dtype.kind not in op.kinds:
        got = dtypes.spelled(specs[0].dtype)
        wanted = [dtypes.spelled(d.np) for d in dtypes.ALL if d.np.kind in op.kinds]
        raise invalid(
            f"Value for attr 'T' of {got} is not in the list of allowed values: {', '.join(wanted)} "
            f"[Op:{op.label}]\nConvert it first, for example: tf.cast(x, tf.float32)."
        )


# Who knows the name of a tensor: the state floor adds one that knows variables.
names_of_tensors: list[Callable[[Any], str | None]] = []


def describe(x: Any) -> str:
    """`float32[2,3] 'weights'`: an operand in an error message."""
    spec = getattr(x, "_spec", None)
    if spec is None:
        return repr(x)
    shape = "[?]" if spec.shape is None else bracket(spec.shape)
    name = next((n for n in (name(x) for name in names_of_tensors) if n), None)
    return f"{dtypes.as_dtype(spec.dtype).name}{shape}" + (f" {name!r}" if name else "")


def with_report(
    error: Exception, op: Any, xs: tuple, place: source.Place | None, doing: str = ""
) -> Exception:
    """The same error, its text followed by the user's line and the operands."""
    lines = [f"  {doing}{op.name} at {source.describe(place)}"]
    lines += [f"  input {i}: {describe(x)}" for i, x in enumerate(xs[:8])]
    if isinstance(error, OpError):
        error._message += "\n" + "\n".join(lines)
        error.args = (error._message,)
    elif len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (error.args[0] + "\n" + "\n".join(lines),)
    error.__traceback__ = None
    return error


def size(n: float) -> str:
    """Bytes as people read them.

    >>> from nbtape.core.report import size
    >>> size(1536)
    '1.5 KB'
    """
    for unit in ("B", "KB", "MB"):
        if n < 1024:
            return f"{n:.3g} {unit}"
        n /= 1024
    return f"{n:.3g} GB"

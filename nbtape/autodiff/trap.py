"""The NaN microscope: stops at the first op, forward or backward, that makes a value that is not finite."""

from typing import Any

import numpy as np

from nbtape.core import context, source
from nbtape.core.dtype import FLOATS
from nbtape.core.engine import EagerTensor, Op
from nbtape.core.errors import InvalidArgumentError
from nbtape.core.memory import on_host
from nbtape.core.report import describe


class NonFiniteError(InvalidArgumentError):
    """An op made inf or nan; the message says which, where, and from what."""


class nan_trap(context.Recorder):
    """Raise NonFiniteError at the first op in this block whose result, or whose gradient, has inf or nan.

    The message names the op, the user's line, and each operand with its range; for a gradient the line of the
    forward op that it belongs to. What a zero cotangent absorbs does not count. Costs a pass over each
    result, so it is for looking, not for training.

    >>> with nt.debugging.nan_trap():
    ...     tf.math.log(tf.constant([1.0, 0.0]))
    Traceback (most recent call last):
    nbtape.autodiff.trap.NonFiniteError: log made 1 of 2 values inf or nan (-inf), ...
    """

    def __enter__(self) -> "nan_trap":
        context.push(self)
        return self

    def __exit__(self, *exc: object) -> None:
        context.pop(self)

    def record(self, op: Op, xs: tuple, attrs: dict, ys: tuple, place: source.Place | None) -> None:
        if not context.local.pulling:  # inside a rule, what counts is what comes out of it: see `pulled`
            for y in ys:
                self._look(op, y, xs, place, "")

    def pulled(self, op: Op, gx: Any, g: Any, xs: tuple, place: source.Place | None) -> None:
        """A rule of `op` gave the cotangent `gx` for `g`."""
        gs = g if isinstance(g, tuple) else (g,)
        if all(_finite(part) for part in gs):
            self._look(op, gx, xs, place, "the gradient of ")

    def _look(self, op: Op, y: Any, xs: tuple, place: source.Place | None, whose: str) -> None:
        if _finite(y):
            return
        values = np.asarray(y._value)
        bad = values[~np.isfinite(values)]
        lines = [
            f"{whose}{op.name} made {bad.size} of {values.size} values inf or nan ({bad.flat[0]}), "
            f"at {source.describe(place)}"
        ]
        lines += [f"  input {i}: {describe(x)}{_range(x)}" for i, x in enumerate(xs[:8])]
        with context.paused():
            raise NonFiniteError(None, None, "\n".join(lines))


_always = nan_trap()  # the trap of each thread that called `enable_check_numerics`


def enable_check_numerics(stack_height_limit: int = 30, path_length_limit: int = 50) -> None:
    """Let all that this thread runs from now on stop at the first op that makes inf or nan, as in `nan_trap`.

    The limits, TensorFlow's, are taken and change nothing: errors name the user's line alone.

    >>> tf.debugging.enable_check_numerics()
    >>> tf.math.log(tf.constant(0.0))
    Traceback (most recent call last):
    nbtape.autodiff.trap.NonFiniteError: log made 1 of 1 values inf or nan (-inf), ...
    >>> tf.debugging.disable_check_numerics()
    >>> float(tf.math.log(tf.constant(0.0)))
    -inf
    """
    if _always not in context.local.recorders:
        context.push(_always)


def disable_check_numerics() -> None:
    """Undo `enable_check_numerics`."""
    if _always in context.local.recorders:
        context.pop(_always)


def _finite(y: Any) -> bool:
    if not isinstance(y, EagerTensor) or y._value.dtype.kind not in FLOATS:
        return True
    return bool(np.all(np.isfinite(on_host(y._value))))


def _range(x: Any) -> str:
    if not isinstance(x, EagerTensor) or not x._value.size or x._value.dtype.kind not in "iufV":
        return ""
    values = np.asarray(x._value, dtype=np.float64)
    finite = values[np.isfinite(values)]
    lost = values.size - finite.size
    span = f", from {finite.min():.6g} to {finite.max():.6g}" if finite.size else ""
    return span + (f", {lost} not finite already" if lost else "")

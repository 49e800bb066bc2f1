"""GradientTape: records what happens to watched tensors while it is open, and differentiates it."""

import enum
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nbtape.autodiff import explain as explaining
from nbtape.autodiff.backward import SCALARS, differentiable, number, pull, wire
from nbtape.core import context, nest, source
from nbtape.core.dtype import FLOATS, as_dtype
from nbtape.core.engine import EagerTensor, Node, Operators, Tensor, apply, doors, o, tensor
from nbtape.core.errors import invalid
from nbtape.core.memory import CardArray
from nbtape.core.report import spec_of
from nbtape.core.shape import bracket
from nbtape.core.slices import IndexedSlices
from nbtape.core.switched import switched

_USED_UP = "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)"
_NOT_RECORDING = "Tape is not recording."
_FINISHED = (Tensor, IndexedSlices)
_ONES = {scalar: scalar(1) for scalar in SCALARS}
_REMEMBERED = 1000  # unrecorded events kept to explain a None


class UnconnectedGradients(enum.Enum):
    """What stands for the gradient of a source that the target does not depend on: None, or zeros."""

    NONE = "none"
    ZERO = "zero"


_NONE = UnconnectedGradients.NONE  # looked up in an enum it would cost as much as an op


class GradientTape(context.Recorder):
    """Records operations on watched tensors, for `gradient`, `jacobian` and `batch_jacobian`.

    Trainable variables are watched when they are read (unless `watch_accessed_variables` is False), tensors
    by `watch`. A tape that is not `persistent` gives one set of gradients and then lets go of everything it
    holds. Tapes nest: an outer tape that is open sees what an inner `gradient` computes, which gives higher
    derivatives.

    >>> x = tf.Variable(3.0)
    >>> with tf.GradientTape() as tape:
    ...     y = x * x
    >>> tape.gradient(y, x)
    <tf.Tensor: shape=(), dtype=float32, numpy=6.0>
    """

    each_op = False
    _recording = _entered = _spent = False
    _reasons: tuple[tuple[Any, Any, str], ...] = ()  # (target, source, why None), as weak references

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent, self._watches_variables = persistent, watch_accessed_variables
        self._variables: dict[int, Any] = {}  # by serial number; kept when the rest is let go of
        self._clear()

    def _clear(self) -> None:
        self._wired: list[tuple] = []  # what was recorded, see `backward`
        self._numbers: dict[int, int] = {}  # of the leaves and of all that was computed from them, by id
        self._leaves: dict[int, Tensor] = {}  # what was watched, and what was read from watched variables
        self._reads: dict[int, list[Tensor]] = {}
        self._unwatched: list = []
        self._events: list = []

    # Recording: called by core.engine for each op of this thread

    def record(self, op: Any, xs: tuple, attrs: dict, ys: tuple, place: source.Place | None) -> None:
        numbers = self._numbers
        if len(xs) == 2:
            a, b = xs
            i, j = numbers.get(id(a)), numbers.get(id(b))
            ins, watched = (i, j), i is not None or j is not None
        elif len(xs) == 1:
            i = numbers.get(id(xs[0]))
            ins, watched = (i,), i is not None
        else:
            ins = tuple([numbers.get(id(x)) for x in xs])
            watched = any([i is not None for i in ins])
        if watched:
            out = number(op, ys, numbers) if op.many else numbers.setdefault(id(ys[0]), len(numbers))
            self._wired.append((op, xs, attrs, ys, place, ins, out))
        elif len(self._unwatched) < _REMEMBERED:
            self._unwatched.append((op, [weakref.ref(x) for x in xs if isinstance(x, Tensor)], place))

    def _leaf(self, x: Tensor) -> None:
        """Watch `x`; what was computed from a watched tensor is watched anyway, and stays what it is."""
        self._leaves[id(x)] = x
        self._numbers.setdefault(id(x), len(self._numbers))

    def read(self, variable: Any, read: Tensor) -> None:
        """A variable was read; `read` is the tensor that the program goes on with."""
        serial = variable._serial
        if serial not in self._variables:
            if not (variable.trainable and self._watches_variables):
                self._event(explaining.Read(variable, source.here(3)))
                return
            self._variables[serial] = variable
        self._reads.setdefault(serial, []).append(read)
        self._leaf(read)

    def _event(self, event: Any) -> None:
        if len(self._events) < _REMEMBERED:
            self._events.append(event)

    def left(self, x: Tensor) -> None:
        """The value of `x` went to NumPy or Python, where no tape follows it."""
        if id(x) in self._numbers:
            self._event(explaining.Left(x, source.here(3), len(self._wired)))

    def assigned(self, variable: Any, value: Any) -> None:
        if id(value) in self._numbers:
            self._event(explaining.Assigned(value, variable, source.here(3)))

    def watches(self, xs: Any) -> bool:
        """Whether one of these tensors is watched, or was computed from one that is."""
        return any([id(x) in self._numbers for x in xs])

    def used_elsewhere(self, xs: tuple, y: Tensor) -> None:
        """A watched tensor was used in another thread, or in this one while recording was stopped."""
        if any(id(x) in self._numbers for x in xs):
            stopped = threading.get_ident() == self._thread
            self._event(explaining.Elsewhere(next(x for x in xs if id(x) in self._numbers), y, stopped,
                                                     source.here(4)))  # fmt: skip

    # What the user calls

    def __enter__(self) -> "GradientTape":
        if self._recording:
            raise ValueError(
                "Tape is still recording, This can happen if you try to re-enter an already-active tape."
            )
        if self._spent:
            self._spent = False
            self._variables = {}
        self._recording = self._entered = True
        self._thread = threading.get_ident()
        context.push(self)
        context.open_tapes[id(self)] = self
        return self

    def __exit__(self, *exc: object) -> None:
        if self._recording:
            self._recording = False
            context.pop(self)
            del context.open_tapes[id(self)]

    @property
    def nodes(self) -> list[Node]:
        """What was recorded, in order."""
        return [Node(*wired[:5]) for wired in self._wired]

    def watch(self, tensor: Any) -> None:
        """Record what happens to `tensor` (a Tensor, a Variable, or a nested structure of them) from now on.

        Raises ValueError for anything else; what was computed from it before is not recorded.
        """
        for x in tensor if type(tensor) is tuple or type(tensor) is list else (tensor,):
            if type(x) is EagerTensor and differentiable(x):
                self._leaf(x)
                continue
            if nest.is_nested(x):
                self.watch(nest.flatten(x))
                continue
            if not isinstance(x, Operators):
                raise ValueError(
                    f"Passed in object {x} of type '{type(x).__name__}', not tf.Tensor or tf.Variable or "
                    "ExtensionType."
                )
            if not x.dtype.is_floating and not x.dtype.is_complex:
                explaining.warn(
                    f"The dtype of the watched tensor must be floating (e.g. tf.float32), got {x.dtype!r}",
                )
            if isinstance(x, Tensor):
                self._leaf(x)
            else:
                self._variables[x._serial] = x

    def watched_variables(self) -> tuple:
        """The variables that the tape watches, in the order they were made."""
        return tuple(v for _, v in sorted(self._variables.items()))

    def watched_tensors(self) -> tuple:
        """The tensors that `watch` was given, in that order."""
        reads = {id(read) for reads in self._reads.values() for read in reads}
        return tuple(x for key, x in self._leaves.items() if key not in reads)

    def reset(self) -> None:
        """Forget everything recorded and watched so far, and go on recording; raises ValueError when not
        recording.
        """
        if not self._recording:
            raise ValueError(_NOT_RECORDING)
        self._variables = {}
        self._clear()

    @contextmanager
    def stop_recording(self):
        """Record nothing in this block; raises ValueError when not recording."""
        if not self._recording:
            raise ValueError(_NOT_RECORDING)
        context.pop(self)
        self._recording = False
        try:
            yield
        finally:
            context.push(self)
            self._recording = True

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
    ) -> Any:
        """The gradient of the sum of `target` with respect to each of `sources`, in their structure.

        `output_gradients` weigh the elements of the targets, one tensor a target, each of its target's shape.
        Where a source does not lead to a target the gradient is None (with a warning that says why; `explain`
        says more) or, with `unconnected_gradients="zero"`, zeros. The gradient of rows taken by `tf.gather`
        is an IndexedSlices. Raises RuntimeError on the second use of a tape that is not persistent.
        """
        unconnected = unconnected_gradients
        if unconnected is not _NONE:
            unconnected = _unconnected(unconnected)
        targets, flat, packed = self._prepare(target, sources)
        seeds = _seeds(target, targets, output_gradients)
        try:
            result = []
            for g in self._pull(seeds, flat):
                if g is None:
                    g = self._missing(flat[len(result)], targets, unconnected)
                elif type(g) in SCALARS or not isinstance(g, _FINISHED):
                    g = EagerTensor(g)
                result.append(g)
        finally:
            self._release()
        return packed(result)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivative of each element of `target` by each of `sources`: shape `target.shape +
        source.shape`.
        """
        unconnected = _unconnected(unconnected_gradients)
        if not experimental_use_pfor and not self._persistent:
            raise RuntimeError(
                "GradientTape must be created with persistent=True to compute the jacobian with eager "
                "execution enabled and with  experimental_use_pfor set to False."
            )
        if not isinstance(target, Operators):
            raise TypeError(
                f"jacobian wants one target, a Tensor, got {type(target).__name__}: call it once for each."
            )
        targets, flat, packed = self._prepare(target, sources)
        y = targets[0]
        try:
            rows = self._rows(y, _units(y, 0), flat)
            result = []
            for s, row in zip(flat, rows, strict=True):
                if row is None:
                    result.append(self._missing(s, targets, unconnected, tuple(y.shape)))
                else:
                    result.append(o.reshape(row, shape=(*y.shape, *s.shape)))
        finally:
            self._release()
        return packed(result)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: Any = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The jacobian of each `target[i]` by its own `source[i]`: shape `[batch, *target.shape[1:],
        *source.shape[1:]]`.

        For targets each of which depends on its own example only. Raises ValueError where the ranks are below
        2 or the leading sizes differ.
        """
        _unconnected(unconnected_gradients)
        for x in (target, source):
            if len(x.shape) < 2:
                raise ValueError(f"Shape {x.shape} must have rank at least 2")
        if target.shape[0] != source.shape[0]:
            raise ValueError(
                f"Need first dimension of target shape ({target.shape}) and source shape ({source.shape}) to "
                "match."
            )
        targets, flat, _ = self._prepare(target, source)
        y = targets[0]
        batch, inner = y.shape[0], tuple(y.shape[1:])
        try:
            row = self._rows(y, _units(y, 1), flat)[0]
            rest = tuple(source.shape[1:])
            if row is None:  # TensorFlow gives zeros, whatever it is asked for
                return tensor(np.zeros((batch, *inner, *rest), source.dtype.np))
            perm = (1, 0, *range(2, 2 + len(rest)))
            return o.reshape(o.transpose(row, perm=perm), shape=(batch, *inner, *rest))
        finally:
            self._release()

    def explain(self, target: Any, source: Any) -> str:
        """Why the gradient of `target` with respect to `source` is None, with the line where the path ends.

        >>> x = tf.constant(3.0)
        >>> with tf.GradientTape() as tape:
        ...     y = x * x
        >>> print(tape.explain(y, x).splitlines()[0])
        float32[] is not watched by this tape: it is a tensor, and tapes watch only trainable variables by
        themselves.
        """
        for t, s, reason in self._reasons:
            if t() is target and s() is source:
                return reason
        if self._spent:
            raise RuntimeError(f"{_USED_UP}: explain before it, or with GradientTape(persistent=True)")
        return explaining.reason(self, target, source)

    # Differentiating

    def _prepare(self, target: Any, sources: Any) -> tuple[list, list, Callable[[list], Any]]:
        """Targets and sources, flat and checked, and what gives a list the form of the sources."""
        if self._spent or not self._entered:
            never = "This GradientTape was never entered: write `with tf.GradientTape() as tape:`."
            raise RuntimeError(_USED_UP if self._spent else never)
        if target is None:
            raise TypeError(
                "Argument `target` should be a list or nested structure of Tensors, Variables or "
                "CompositeTensors to be differentiated, but received None."
            )
        flat, packed = nest.opened(sources)
        for s in flat:
            if type(s) is not EagerTensor:
                _check_source(s)
        if type(target) is EagerTensor:
            targets = [target]
        else:
            targets = [self._target(t) for t in nest.flatten(target)]
        if self._recording and not self._persistent:
            self.__exit__()
        return targets, flat, packed

    def _target(self, t: Any) -> Any:
        if isinstance(t, Operators) and not isinstance(t, Tensor) and t._serial in self._variables:
            read = EagerTensor(t._value) if context.local.graph is None else tensor(t)
            self._reads.setdefault(t._serial, []).append(read)
            self._leaf(read)
            return read
        return tensor(t)

    def _pull(self, seeds: list, flat: list) -> list:
        """The cotangent of each source, or None."""
        if self._reads:
            return self._pull_reads(seeds, flat)
        keys = []  # tensors alone: each stands for itself
        for s in flat:
            keys.append(id(s))
        found, numbers = self._found(seeds, keys)
        gs = []
        for key in keys:
            gs.append(found[numbers[key]] if key in numbers else None)
        return gs

    def _pull_reads(self, seeds: list, flat: list) -> list:
        """The same where there are variables, for each of which stand all tensors that were read from it."""
        each, keys = [], []
        for s in flat:
            reads = (s,) if isinstance(s, Tensor) else self._reads.get(s._serial, ())
            each.append(reads)
            for x in reads:
                keys.append(id(x))
        found, numbers = self._found(seeds, keys)
        return [_sum(reads, found, numbers) for reads in each]

    def _found(self, seeds: list, keys: list[int]) -> tuple[list, dict[int, int]]:
        """Cotangents by number, those of the ids `keys` among them, and the numbers by id."""
        wired, numbers, leaves = self._wired, self._numbers, self._leaves
        inner = []
        for key in keys:
            if key not in leaves:
                inner.append(key)
        if len(keys) - len(inner) < len(leaves):  # else all that is watched lies on a path from a source
            wired, numbers = wire(wired, dict.fromkeys([key for key in keys if key in numbers]))
        return pull(wired, numbers, seeds, {numbers.get(key) for key in inner} if inner else ()), numbers

    def _rows(self, y: Any, units: Any, flat: list) -> list:
        """For each source, one row for each of `units` (cotangents of y), stacked; None where nothing leads
        to y.
        """
        if context.local.graph is not None:  # all rows at the same time, or the trace holds each of them
            return doors["rows"](lambda unit: self._pull([(y, unit)], flat), units)
        rows: list[list] = [[] for _ in flat]
        for unit in _each(units):
            for collected, g in zip(rows, self._pull([(y, unit)], flat), strict=True):
                collected.append(g)
        return [_stacked(collected) for collected in rows]

    def _missing(self, s: Any, targets: list, unconnected: UnconnectedGradients, leading: tuple = ()) -> Any:
        if unconnected is UnconnectedGradients.ZERO:
            return tensor(np.zeros((*leading, *s.shape), s.dtype.np))
        for target in targets[:1]:
            reason = explaining.reason(self, target, s)
            self._reasons += ((weakref.ref(target), weakref.ref(s), reason),)
            if getattr(s, "_serial", None) not in switched.serials:  # who switched it off knows
                explaining.warn_once(reason, source.here(3))
        return None

    def _release(self) -> None:
        """Let go of everything that was recorded, unless the tape is persistent."""
        if not self._persistent:
            self._spent = True
            self._clear()


def _sum(xs: Any, found: list, numbers: dict[int, int]) -> Any:
    """The sum of the cotangents of `xs`, None where there is none."""
    total = None
    for x in xs:
        g = found[numbers[id(x)]] if id(x) in numbers else None
        if g is not None:
            total = g if total is None else total + g
    return total


def _check_source(s: Any) -> None:
    if s is None:
        as_dtype(None)  # raises TensorFlow's TypeError
    if not isinstance(s, Operators):
        raise AttributeError(
            f"'{type(s).__name__}' object has no attribute 'dtype': a source must be a Tensor or a Variable"
        )


def _unconnected(value: Any) -> UnconnectedGradients:
    if isinstance(value, UnconnectedGradients):
        return value
    try:
        return UnconnectedGradients(value)
    except ValueError:
        raise ValueError(f"Unknown value for unconnected_gradients: {value!r}") from None


def _seeds(target: Any, targets: list, output_gradients: Any) -> list[tuple[Any, Any]]:
    """Each differentiable target with its cotangent: ones, or what the user gave."""
    if output_gradients is None:
        seeds = []
        for t in targets:
            if differentiable(t):
                seeds.append((t, _ones(t)))
        return seeds
    given: list = [output_gradients]
    if nest.is_nested(target):
        given = nest.flatten(output_gradients)
    elif isinstance(output_gradients, list | tuple) and len(output_gradients) == 1:
        given = list(output_gradients)
    if len(given) != len(targets):
        raise ValueError(
            f"output_gradients has {len(given)} entries for {len(targets)} targets: give one for each."
        )
    return [(t, _seed(t, g)) for t, g in zip(targets, given) if differentiable(t)]


def _ones(target: Any) -> Any:
    """Ones of the target's shape and dtype: a bare array where `backward` runs on bare arrays."""
    if context.local.watch is not None:
        return o.ones_like(target)
    value = target._value
    one = _ONES.get(type(value))
    if one is not None:
        return one
    return o.ones_like(target) if type(value) is CardArray else np.ones(value.shape, value.dtype)


def _seed(target: Any, given: Any) -> Any:
    if given is None:
        return _ones(target)
    g = given if isinstance(given, Tensor) else tensor(given, target.dtype)
    if g.dtype is not target.dtype:
        raise invalid(
            f"cannot compute Mul as input #1(zero-based) was expected to be a {g.dtype.name} tensor but is a "
            f"{target.dtype.name} tensor: output_gradients must have the dtype of their target."
        )
    if g.shape is target.shape or g.shape.is_compatible_with(target.shape):
        return g
    if g.shape.rank == 0:
        return o.mul(g, o.ones_like(target))  # sizes may be unknown
    raise invalid(
        f"Incompatible shapes: {bracket(g.shape)} vs. {bracket(target.shape)}: output_gradients must have "
        "the shape of their target."
    )


def _units(y: Any, batch_dims: int) -> Tensor:
    """Cotangents of y, one for each element of an example, stacked: 1 there, in all examples, 0 elsewhere."""
    shape, spec = tuple(y.shape), spec_of(y)
    inner = shape[batch_dims:]
    n = int(np.prod(inner, dtype=np.int64))
    places = apply(o.iota, size=n, dtype=np.dtype(np.int32))
    unit = apply(o.equal, apply(o.expand_dims, places, axis=1), apply(o.expand_dims, places, axis=0))
    unit = apply(o.reshape, apply(o.cast, unit, dtype=spec.dtype), shape=(n, *[1] * batch_dims, *inner))
    return apply(o.broadcast_to, unit, shape=(n, *shape))


def _each(units: Tensor) -> Iterator[Tensor]:
    return (units[i] for i in range(units.shape[0]))


def _stacked(rows: list) -> Any:
    if all(g is None for g in rows):
        return None
    like = next(g for g in rows if g is not None)
    like = tensor(like.dense() if isinstance(like, IndexedSlices) else like)
    dense = [tensor(o.zeros_like(like) if g is None else g) for g in rows]
    return o.stack(*dense, axis=0)

"""py_function and numpy_function: Python functions as operations of a graph."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.autodiff.tape import GradientTape
from nbtape.core import context, errors, source
from nbtape.core.convert import array_of
from nbtape.core.dtype import FLOATS, as_dtype
from nbtape.core.engine import EagerTensor, Node, Tensor, apply, o, tensor
from nbtape.core.shape import Spec, TensorSpec
from nbtape.graph.regions import Once
from nbtape.graph.run import REPLAYS
from nbtape.ops.row import op

# What an error in a Python function becomes when a graph meets it.
_ERRORS: dict[type[Exception], type[errors.OpError]] = {
    StopIteration: errors.OutOfRangeError,
    ValueError: errors.InvalidArgumentError,
    TypeError: errors.InvalidArgumentError,
    MemoryError: errors.ResourceExhaustedError,
    NotImplementedError: errors.UnimplementedError,
}


def py_function(func: Any = None, inp: Any = None, Tout: Any = None, name: str | None = None) -> Any:
    """Call `func(*inp)` with eager Tensors each time that the program comes to this line; a tape sees what it
    does.

    `Tout` is the dtype of the result, a TensorSpec, or a list of them for a list of results. An error of
    `func` is raised as the OpError that stands for it.

    >>> tf.py_function(lambda x: x.numpy() + 1, [1], tf.int32).numpy()
    np.int32(2)
    """
    return _called(func, inp, Tout, as_arrays=False)


def numpy_function(
    func: Any = None, inp: Any = None, Tout: Any = None, stateful: bool = True, name: str | None = None
) -> Any:
    """Call `func(*inp)` with NumPy arrays each time that the program comes to this line; no gradient goes
    through.

    `Tout` is the dtype of the result, or a list of dtypes.

    >>> tf.numpy_function(lambda x: x[::-1].copy(), [[1.0, 2.0]], tf.float32).numpy()
    array([2., 1.], dtype=float32)
    """
    if context.local.graph is None:
        values = [np.asarray(tensor(x)) for x in inp]
        found = func(*values)
        if isinstance(found, list | tuple):
            return [tensor(y) for y in found]
        return None if found is None else tensor(found)
    return _called(func, inp, Tout, as_arrays=True)


def _called(func: Callable, inp: Any, Tout: Any, as_arrays: bool) -> Any:
    if not callable(func):
        raise ValueError(f"Expected func to be callable. Received func={func} of type {type(func)}.")
    several = isinstance(Tout, list | tuple)
    specs = tuple([_spec(t) for t in (Tout if several else [Tout])])
    xs = [tensor(x) for x in inp]
    attrs = {"func": func, "specs": specs, "as_arrays": as_arrays}
    ys = _run(xs, **attrs) if context.local.graph is None else apply(o.py_function, *xs, **attrs)
    return list(ys) if several else ys[0] if ys else None


def _spec(t: Any) -> Spec:
    if isinstance(t, TensorSpec):
        return Spec(None if t.shape.rank is None else tuple(t.shape), t.dtype.np)
    return Spec(None, as_dtype(t).np)


def _run(xs: list, func: Callable, specs: tuple, as_arrays: bool) -> tuple:
    """The results of `func` as Tensors of the promised dtypes."""
    outer, source.told.place = source.told.place, None
    try:
        found = func(*[np.asarray(x) if as_arrays else x for x in xs])
        results = [] if found is None else list(found) if isinstance(found, list | tuple) else [found]
        return tuple([_result(y, spec) for y, spec in zip(results, specs)])
    except errors.OpError:
        raise
    except Exception as error:
        raise as_op_error(error) from error
    finally:
        source.told.place = outer


def as_op_error(error: Exception) -> errors.OpError:
    """An error of a Python function as the one that TensorFlow makes of it."""
    kind = next((k for k in _ERRORS if isinstance(error, k)), None)
    return (_ERRORS[kind] if kind else errors.UnknownError)(None, None, f"{type(error).__name__}: {error}")


def _result(y: Any, spec: Spec) -> Tensor:
    dtype = as_dtype(spec.dtype)
    if isinstance(y, np.ndarray | np.generic):
        return EagerTensor(array_of(y, dtype))
    return tensor(y, dtype)


def _eager(*xs, **attrs):
    with context.recording(()):
        return tuple([y._value for y in _run([EagerTensor(x) for x in xs], **attrs)])


def _replay(node: Node, xs: list) -> tuple:
    if context.local.graph is not None:
        return apply(o.py_function, *xs, **node.attrs)
    return _run(xs, **node.attrs)


class _GradientOf:
    """The gradient of a Python function, as a Python function of its inputs and cotangents."""

    def __init__(self, func: Callable, n: int):
        self.func, self.n = func, n

    def __call__(self, *args: Any) -> list:
        xs, gs = list(args[: self.n]), list(args[self.n :])
        with GradientTape() as tape:
            tape.watch([x for x in xs if x._value.dtype.kind in FLOATS])
            ys = self.func(*xs)
        return tape.gradient(ys, xs, gs if isinstance(ys, list | tuple) else gs[0], "zero")


def _grad(i: int, g: tuple, y: tuple, *xs: Any, func: Callable, specs: tuple, as_arrays: bool) -> Any:
    kinds = [np.dtype(getattr(x.dtype, "np", x.dtype)) for x in xs]
    wanted = [k for k, dtype in enumerate(kinds) if dtype.kind in FLOATS]
    if as_arrays or i not in wanted:
        return None

    def compute() -> list:
        given = [Spec(None, dtype) for dtype in kinds]
        return list(
            o.py_function(*xs, *g, func=_GradientOf(func, len(xs)), specs=tuple(given), as_arrays=False)
        )

    return _once.get(i, g, compute)


_once = Once()
op("py_function", _eager, lambda *xs, func, specs, as_arrays: specs, variadic=_grad, many=True)
REPLAYS["py_function"] = _replay

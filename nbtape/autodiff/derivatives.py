"""Derivatives of Python functions of tensors: jvp, vjp, hvp, hessian."""

from collections.abc import Callable
from typing import Any

from nbtape.autodiff.forward import ForwardAccumulator
from nbtape.autodiff.tape import GradientTape
from nbtape.core.engine import Operators, tensor


def _input(x: Any) -> Any:
    return x if isinstance(x, Operators) else tensor(x)


def jvp(f: Callable, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """`f(*primals)` and its derivative in the direction of `tangents`; both arguments are lists or tuples.

    >>> y, dy = nt.autodiff.jvp(lambda x: x * x, [3.0], [1.0]); float(dy)
    6.0
    """
    primals, tangents = [_input(x) for x in primals], [_input(t) for t in tangents]
    with ForwardAccumulator(primals, tangents) as acc:
        y = f(*primals)
    return y, acc.jvp(y, "zero")


def vjp(f: Callable, primals: Any, cotangents: Any = None) -> tuple[Any, Any]:
    """`f(*primals)` and the gradient of its result, weighed by `cotangents` (ones), with respect to each
    primal.

    >>> y, (dx,) = nt.autodiff.vjp(lambda x: x * x, [3.0]); float(dx)
    6.0
    """
    primals = [_input(x) for x in primals]
    with GradientTape() as tape:
        tape.watch(primals)
        y = f(*primals)
    return y, tape.gradient(y, primals, cotangents, "zero")


def hvp(f: Callable, primals: Any, vectors: Any) -> Any:
    """The Hessian of the scalar `f(*primals)` times `vectors`, forward over reverse: one gradient's cost, no
    Hessian.

    >>> nt.autodiff.hvp(lambda x: tf.reduce_sum(x ** 3), [[1.0, 2.0]], [[1.0, 0.0]])[0].numpy().tolist()
    [6.0, 0.0]
    """
    primals, vectors = [_input(x) for x in primals], [_input(v) for v in vectors]
    with ForwardAccumulator(primals, vectors) as acc:
        with GradientTape() as tape:
            tape.watch(primals)
            y = f(*primals)
        g = tape.gradient(y, primals, unconnected_gradients="zero")
    return acc.jvp(g, "zero")


def hessian(f: Callable, x: Any) -> Any:
    """The second derivatives of the scalar `f(x)`: shape `x.shape + x.shape`.

    >>> nt.autodiff.hessian(lambda x: x[0] ** 2 * x[1], [3.0, 1.0]).numpy().tolist()
    [[2.0, 6.0], [6.0, 0.0]]
    """
    x = _input(x)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = f(x)
        g = inner.gradient(y, x, unconnected_gradients="zero")
    return outer.jacobian(g, x, "zero")

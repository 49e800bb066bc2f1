"""How rows are written: `row` for elementwise ops, `op` for the others; both put an Op in the table `o`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.dtype import FLOATS
from nbtape.core.engine import Op, apply, pair, register, tensor
from nbtape.core.kernel import Extern, Kernel, Scalar
from nbtape.core.shape import Spec, broadcast

NUMBER = "iufcV"  # NumPy kinds, see core.dtype
REAL = "iufV"
INTEGER = "iu"
ANY = ""
BOOL = np.dtype(np.bool_)


def elementwise_spec(*specs: Spec, dtype: Any = None) -> Spec:
    """The shape that broadcasting gives, the dtype of the inputs."""
    return Spec(broadcast(*[s.shape for s in specs]), np.dtype(dtype) if dtype is not None else specs[0].dtype)


def predicate_spec(*specs: Spec) -> Spec:
    return Spec(broadcast(*[s.shape for s in specs]), BOOL)


def op(
    name: str,
    eager: Callable,
    infer: Callable,
    *grad: Any,
    kernel: Kernel | None = None,
    kinds: str = ANY,
    absorbs: bool = False,
    many: bool = False,
    variadic: Callable | None = None,
) -> Op:
    """Put a row in the table. `grad`: a rule per input; or `variadic(i, g, y, *xs, **attrs)`; neither: constant."""
    rules = variadic or (grad if grad and any(grad) else None)
    return register(Op(name, eager, infer, rules, kernel or Extern(), kinds, absorbs, many))


def row(name: str, eager: Callable, text: str, *grad: Any, kinds: str = FLOATS, infer: Callable = elementwise_spec):
    """An elementwise row; returns nothing, the op is `o.name`."""
    return op(name, eager, infer, *grad, kernel=Scalar(text), kinds=kinds, absorbs=True)


def unary(row: Op, doc: str, example: str = "") -> Callable:
    """The public function of a row with one input."""

    def function(x: Any, name: str | None = None) -> Any:
        return apply(row, tensor(x))

    return dressed(function, row.name, doc, example)


def binary(row: Op, doc: str, example: str = "") -> Callable:
    """The public function of a row with two inputs that broadcast against each other."""

    def function(x: Any, y: Any, name: str | None = None) -> Any:
        x, y = pair(x, y)
        return apply(row, x, y)

    return dressed(function, row.name, doc, example)


def dressed(function: Callable, name: str, doc: str, example: str) -> Callable:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc + (f"\n\n    >>> {example}\n    " if example else "")
    return function

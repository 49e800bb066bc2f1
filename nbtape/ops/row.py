"""How rows are written: `row` for elementwise ops, `op` for the others; both put an Op in the table `o`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core.dtype import FLOATS
from nbtape.core.engine import Op, Tensor, applied, apply, pair, register, stands_for_tensor, tensor
from nbtape.core.kernel import Extern, Kernel, Scalar
from nbtape.core.shape import Spec, broadcast
from nbtape.ops.labels import LABELS

# NumPy kinds that rows take, see core.dtype
NUMBER = "iufcV"
SIGNED = "ifcV"
REAL = "iufV"
REAL_FLOATS = "fV"
INTEGER = "iu"
BITS = "biu"
BOOLS = "b"
ANY = "biufcVO"
UNCHECKED = ""
BOOL = np.dtype(np.bool_)


def elementwise_spec(*specs: Spec, dtype: Any = None) -> Spec:
    """The shape that broadcasting gives, the dtype of the inputs."""
    return Spec(broadcast(*[s.shape for s in specs]), specs[0].dtype if dtype is None else np.dtype(dtype))


def predicate_spec(*specs: Spec) -> Spec:
    return Spec(broadcast(*[s.shape for s in specs]), BOOL)


def op(
    name: str,
    eager: Callable,
    infer: Callable,
    *grad: Any,
    kernel: Kernel | None = None,
    kinds: str = UNCHECKED,
    absorbs: bool = False,
    many: bool = False,
    variadic: Callable | None = None,
) -> Op:
    """Put a row in the table.

    `grad` are rules, one an input; `variadic(i, g, y, *xs, **attrs)` is one for all inputs. Without either no
    gradient flows.
    """
    rules = variadic or (grad if grad and any(grad) else None)
    return register(
        Op(name, eager, infer, rules, kernel or Extern(), kinds, absorbs, many, LABELS.get(name, ""))
    )


def row(
    name: str, eager: Callable, text: str, *grad: Any, kinds: str = FLOATS, infer: Callable = elementwise_spec
) -> Op:
    """An elementwise row; returns nothing, the op is `o.name`."""
    return op(name, eager, infer, *grad, kernel=Scalar(text), kinds=kinds, absorbs=True)


def unary(row: Op, doc: str, example: str, shows: str, at: str = "") -> Callable:
    """The public function of a row with one input.

    Its docstring says what it takes, and calls it at `tf.<at>` with `example`, which `shows` its result.
    """

    def function(x: Any, name: str | None = None) -> Any:
        return applied(row, x)

    return dressed(function, row, doc, example, shows, at)


def binary(row: Op, doc: str, example: str, shows: str, at: str = "") -> Callable:
    """The public function of a row with two inputs that broadcast against each other."""

    def function(x: Any, y: Any, name: str | None = None) -> Any:
        x, y = pair(x, y)
        return apply(row, x, y)

    return dressed(function, row, doc, example, shows, at)


_TAKES = {
    NUMBER: "numbers",
    SIGNED: "signed numbers",
    REAL: "real numbers",
    REAL_FLOATS: "floats",
    FLOATS: "floats or complex numbers",
    INTEGER: "integers",
    BITS: "integers or bools",
    BOOLS: "bools",
}


def dressed(function: Callable, row: Op, doc: str, example: str, shows: str, at: str = "") -> Callable:
    """`function` with a name and a docstring."""
    path = at or f"math.{row.name}"
    function.__name__ = function.__qualname__ = path.rpartition(".")[2]
    takes = f"\n\n    Takes {_TAKES[row.kinds]}." if row.kinds in _TAKES else ""
    function.__doc__ = f"{doc}{takes}\n\n    >>> tf.{path}({example}).numpy()\n    {shows}\n    "
    return function


def alike(*xs: Any) -> tuple:
    """Operands as Tensors of one dtype, that of the first which is a tensor; Python numbers stay as they are.

    `pair` for any number of operands.
    """
    at = next((i for i, x in enumerate(xs) if stands_for_tensor(x)), 0)
    like = tensor(xs[at])
    return tuple([like if i == at else pair(like, x)[1] for i, x in enumerate(xs)])

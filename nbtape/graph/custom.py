"""custom_gradient in a trace: a node that passes on what the function computed, with the user's rule as a
region.

So the rule holds whoever differentiates the graph, and however often: a tape of the trace, or one around its
runs.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nbtape.autodiff.backward import differentiable
from nbtape.core import context
from nbtape.core.engine import EagerTensor, Tensor, apply, o, tensor
from nbtape.core.kernel import Region as Carries
from nbtape.core.report import spec_of
from nbtape.graph.regions import Once
from nbtape.graph.trace import Region
from nbtape.ops.row import op


class _Failed:
    """A rule that could not be traced; it says so when it is needed."""

    def __init__(self, error: Exception):
        self._error = error

    def run(self, inputs: Any) -> list:
        raise self._error


def custom_call(xs: Sequence[Tensor], ys: Sequence[Tensor], rule: Callable[..., list], name: str) -> tuple:
    """New tensors for `ys`, computed from `xs`, whose gradient is `rule(*cotangents)`: one, or None, for
    each of xs.
    """
    region = Region(f"{name}_gradient")
    present: list[int] = []
    try:
        with region.as_default():
            gs = [region.add_input(spec_of(y), "g") for y in ys]
            found = rule(*gs)
            present = [i for i, g in enumerate(found) if g is not None]
            results = [region.own(tensor(found[i])) for i in present]
        captured = [x for x, _ in region.captures.values()]
        variables = [v for v, _ in region.entries.values()]
        region.bind(captured, variables)
        region.close(results)
        grad: Any = region
    except Exception as error:  # whatever the user's function raises
        grad, captured, variables = _Failed(error), [], []
        present = [i for i, x in enumerate(xs) if differentiable(x)]
    reads = [v.__tensor__() for v in variables]
    return apply(o.custom_call, *ys, *xs, *captured, *reads, grad=grad, n=len(ys), present=tuple(present))


def _grad(i: int, g: tuple, y: tuple, *xs: Any, grad: Any, n: int, present: tuple) -> Any:
    if i - n not in present:
        return None
    return _once.get(present.index(i - n), g, lambda: _run(grad, [*g, *xs[n + _arguments(grad, xs, n) :]]))


def _arguments(grad: Any, xs: tuple, n: int) -> int:
    """How many of the inputs are arguments of the function: what is left when the rule's own are taken
    off.
    """
    return len(xs) - n - (len(grad.inputs) - n if isinstance(grad, Region) else 0)


def _run(grad: Any, inputs: list) -> list:
    if any(isinstance(x, Tensor) for x in inputs):
        return grad.run(inputs)
    with context.recording(()):
        return [y._value for y in grad.run([EagerTensor(x) for x in inputs])]


_once = Once()
op(
    "custom_call",
    lambda *xs, grad, n, present: tuple([np.asarray(x)[()] for x in xs[:n]]),
    lambda *specs, grad, n, present: specs[:n],
    variadic=_grad,
    many=True,
    kernel=Carries("custom_call"),
)

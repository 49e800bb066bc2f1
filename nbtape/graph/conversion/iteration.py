"""What converted code does for `while` and `for`.

A loop that tensors decide about becomes a `while_` node that carries the names its body changes; any other
runs as Python, once for each step, while the trace goes on.
"""

from collections.abc import Callable, Sized
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.engine import Tensor, apply, o, tensor
from nbtape.graph.conversion.carried import Loop, LoopOptions as LoopOptions
from nbtape.graph.conversion.operators import and_, choose, condition, located, not_, staged
from nbtape.graph.conversion.places import State
from nbtape.graph.run import acts, unrepeatable
from nbtape.graph.symbolic import SymbolicTensor
from nbtape.ops.measure import shape
from nbtape.ops.static import known

_ENDLESS = (
    "break and return statements which depend on a TF condition are not supported in Python for loops over "
    "what has no length. Did you intend to make it a TF loop?"
)


def while_(
    test: Callable, body: Callable, kept: tuple, others: tuple = (), options: Callable | None = None
) -> None:
    """The `while` statement; `kept` are the names that live from one step to the next, or longer.

    Steps run as Python until a tensor says whether to go on.
    """
    while True:
        made = _made()
        holds = test()
        if staged(holds):
            break
        if not holds:
            return
        body()
    loop = Loop(State(kept, others, test, body), _given(options))  # type: ignore[arg-type]
    if not any(acts(node) or unrepeatable(node) for node in context.local.graph.nodes[made:]):  # type: ignore[union-attr]
        return loop.run(lambda: condition(test(), "while loop"), body)
    going = loop.carry("<going>", condition(holds, "while loop"))  # it has been tested, which is done once

    def turn() -> None:
        body()
        going.value = condition(test(), "while loop")

    loop.run(lambda: going.value, turn)


def _made() -> int:
    """How many nodes the open graph has."""
    graph: Any = context.local.graph
    return 0 if graph is None else len(graph.nodes)


def for_(
    xs: Any,
    body: Callable,
    kept: tuple,
    others: tuple = (),
    options: Callable | None = None,
    stop: Callable | None = None,
) -> None:
    """The `for` statement: `body(x)` for each x of `xs`, until `stop()` where it may end early."""
    if context.local.graph is None:
        return _plain_for(xs, body, stop)
    state = State(kept, others, body)  # type: ignore[arg-type]
    if not staged(xs) and not hasattr(type(xs), "__graph_iter__"):
        return _unrolled(xs, body, state, stop)
    loop = Loop(state, _given(options))
    if not staged(xs):
        return _for_iterator(xs.__graph_iter__(), body, loop, stop)
    xs = tensor(xs)
    steps = _steps(xs, stop is not None)
    return _for_elements(xs, body, loop, stop) if steps is None else _for_range(steps, body, loop, stop)


def _given(options: Callable | None) -> LoopOptions:
    return LoopOptions() if options is None else options()


def _plain_for(xs: Any, body: Callable, stop: Callable | None) -> None:
    for x in xs:
        body(x)
        if stop is not None and stop():
            return


def _unrolled(xs: Any, body: Callable, state: State, stop: Callable | None) -> None:
    """A loop over Python objects. Where a tensor says that it has ended, the steps that follow are under a
    condition."""
    stopped: Any = False
    for x in xs:
        if staged(stopped):
            choose(not_(stopped), lambda x=x: body(x), lambda: None, state)
        else:
            body(x)
        stopped = stop is not None and stop()
        if staged(stopped):
            if not isinstance(xs, Sized):
                raise located(NotImplementedError(_ENDLESS))
        elif stopped:
            return


def _steps(xs: Tensor, jumps: bool) -> tuple | None:
    """Start, limit and step of a `tf.range`; where all is known, of numbers that a loop may leave early."""
    if isinstance(xs, SymbolicTensor) and xs.op.node.op is o.range and xs.graph is context.local.graph:
        return xs.op.node.inputs
    x = known(xs) if jumps else None
    if x is None or x.ndim != 1 or x.dtype.kind != "i" or len(x) < 2:
        return None
    step = int(x[1]) - int(x[0])
    limit, bounds = int(x[-1]) + step, np.iinfo(x.dtype)
    if not step or not bounds.min <= limit <= bounds.max or (np.diff(x) != step).any():
        return None
    return tuple([tensor(n, xs.dtype) for n in (int(x[0]), limit, step)])


def _for_range(steps: tuple, body: Callable, loop: Loop, stop: Callable | None) -> None:
    """A loop over numbers, which counts and needs no list of them."""
    start, limit, delta = steps
    i, step = loop.carry("<iterate>", start), known(delta)

    def more() -> Any:
        if step is None:
            up, down = apply(o.less, i.value, limit), apply(o.greater, i.value, limit)
            return apply(o.where, delta > 0, up, down)
        return i.value < limit if step > 0 else i.value > limit

    def turn() -> None:
        body(i.value)
        i.value = i.value + delta

    loop.run(_unless(stop, more), turn)


def _for_elements(xs: Any, body: Callable, loop: Loop, stop: Callable | None) -> None:
    """A loop over the first axis of a tensor."""
    if xs.shape.rank == 0:
        raise located(TypeError("Cannot iterate over a scalar tensor."))
    if stop is None and xs.shape.rank is not None and loop.options.maximum_iterations is None:
        return loop.run(None, body, xs)
    i, n = loop.carry("<index>", tensor(0)), shape(xs)[0]

    def turn() -> None:
        body(xs[i.value])
        i.value = i.value + 1

    return loop.run(_unless(stop, lambda: i.value < n), turn)


def _for_iterator(xs: Any, body: Callable, loop: Loop, stop: Callable | None) -> None:
    """A loop over what gives an element at a time: `xs.next(wanted)` is whether there was one, and it."""
    more, x = [loop.carry(name, value) for name, value in zip(("<more>", "<element>"), xs.next(True))]

    def turn() -> None:
        body(x.value)
        more.value, x.value = xs.next(True if stop is None else not_(stop()))

    loop.run(_unless(stop, lambda: more.value), turn)


def _unless(stop: Callable | None, more: Callable) -> Callable:
    return more if stop is None else lambda: condition(and_(more(), lambda: not_(stop())), "for loop")

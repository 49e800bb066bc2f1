"""What follows the gradient of a max pool is done before it, on the few elements that are not zeros anyway.

The gradient of `max_pool(x)` is put where the maxima are. A gate that lets some of it through, by what x is
there, may as well look at the maximum itself; and a sum over places is the same before they are taken.
"""

from nbtape.core.engine import o
from nbtape.graph.passes.rewrite import Builder, Found, Rules, rewrite
from nbtape.graph.program import Program, Step, Value

_rules = Rules()


def unpool_last(program: Program) -> Program:
    """`program` with gates and sums of gradients of max pools in front of them."""
    return rewrite(program, _rules)


@_rules("relu_grad", "relu6_grad")
def _gated(build: Builder, step: Step) -> Found:
    gradient, x = step.inputs
    unpool, pool = _behind(build, gradient)
    if unpool is None or pool is None or pool.inputs[0] is not x:
        return None
    gated = build(step.op, unpool.inputs[0], pool.outputs[0], **step.attrs)
    return build(o.unpool, gated, *unpool.inputs[1:], **unpool.attrs)


@_rules("sum")
def _summed(build: Builder, step: Step) -> Found:
    (x,), axis = step.inputs, step.attrs["axis"]
    unpool, pool = _behind(build, x)
    if unpool is None or pool is None or axis is None or set(axis) != set(range(len(x.shape or ()) - 1)):
        return None
    return build(o.sum, unpool.inputs[0], **step.attrs)


def _behind(build: Builder, x: Value) -> tuple[Step | None, Step | None]:
    """The `unpool` that gives `x`, and the pool whose maxima it takes; each window of that has one."""
    unpool = build.made_by(x, "unpool")
    pool = unpool and build.made_by(unpool.inputs[1], "max_pool")
    return unpool, pool if pool and isinstance(pool.attrs["padding"], str) else None

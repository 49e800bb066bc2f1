"""The row `cond`: one of two regions runs. Its gradient is a `cond` over their gradients."""

from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.engine import EagerTensor, Node, apply, o
from nbtape.core.errors import invalid
from nbtape.core.kernel import Region as Carries
from nbtape.core.shape import Spec, TensorShape
from nbtape.graph.regions import Once, floats, gradient_of, is_float, linked
from nbtape.graph.run import REPLAYS, constant
from nbtape.graph.trace import Region, fill
from nbtape.ops.row import op


def merged(a: Spec, b: Spec) -> Spec:
    """What is true of two tensors, one of which is taken."""
    shape = TensorShape(a.shape).most_specific_compatible_shape(b.shape)
    return Spec(None if shape.rank is None else tuple(shape), a.dtype)


def _cond_spec(pred: Spec, *xs: Spec, true: Region, false: Region) -> tuple:
    if pred.dtype.kind != "b":
        raise invalid(
            f"Input 'pred' passed {pred.dtype.name} expected bool. Compare it: x > 0, or tf.cast(x, tf.bool)."
        )
    outs = [merged(a._spec, b._spec) for a, b in zip(true.results, false.results)]
    return (*outs, *[Spec(None, x._spec.dtype) for x in (*true.kept, *false.kept)])


def _cond_run(pred: Any, xs: list, true: Region, false: Region) -> list:
    taken = true if pred else false
    ys = taken.run(xs)
    n = len(taken.results)
    kept = [[constant(np.zeros((), x._spec.dtype)[()]) for x in region.kept] for region in (true, false)]
    kept[0 if taken is true else 1] = ys[n:]
    return [*ys[:n], *kept[0], *kept[1]]


def _cond_eager(pred, *xs, true, false):
    with context.recording(()):
        return tuple([y._value for y in _cond_run(pred, [EagerTensor(x) for x in xs], true, false)])


def _cond_replay(node: Node, xs: list) -> tuple:
    if context.local.graph is not None:
        return apply(o.cond, *xs, **node.attrs)
    return linked(_cond_run(bool(xs[0]), xs[1:], **node.attrs), xs)


def _cond_grad(i: int, g: tuple, y: tuple, pred: Any, *xs: Any, true: Region, false: Region) -> Any:
    if i == 0 or not is_float(true.inputs[i - 1]):
        return None
    place = floats(true.inputs).index(i - 1)
    return _conds.get(place, g, lambda: _cond_gradients(g, y, pred, xs, true, false))


def _cond_gradients(g: tuple, y: tuple, pred: Any, xs: tuple, true: Region, false: Region) -> list:
    n = len(true.results)
    kept = y[n:]
    gs = [g[i] for i in floats(true.results)]
    if true.step is None or true.step[0] is not false:
        true.step = false, _branch_gradient(true, false, True), _branch_gradient(true, false, False)
    _, back, back_false = true.step
    return list(o.cond(pred, *xs, *kept, *gs, true=back, false=back_false))


def _branch_gradient(true: Region, false: Region, taken: bool) -> Region:
    """The gradient of one branch, with the inputs that both need."""
    branch = true if taken else false
    n, kept_true, kept_false = len(true.inputs), len(true.kept), len(false.kept)

    def gradient(*args: Any) -> list:
        kept = args[n : n + kept_true] if taken else args[n + kept_true : n + kept_true + kept_false]
        return gradient_of(branch).run([*args[:n], *kept, *args[n + kept_true + kept_false :]])

    inputs = [*branch.inputs, *true.kept, *false.kept, *[y for y in branch.results if is_float(y)]]
    return fill(Region(f"{branch.name}_gradient"), gradient, [x._spec for x in inputs])


_conds = Once()
row = op("cond", _cond_eager, _cond_spec, variadic=_cond_grad, many=True, kernel=Carries("cond"))
REPLAYS["cond"] = _cond_replay

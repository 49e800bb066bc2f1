"""Forward mode: tangents carried along with values.

No row has a rule of its own for it. An elementwise op's Jacobian is diagonal, so its gradient rule, applied
to a tangent, gives the output's tangent. For every other op the rule is linear in the cotangent, and the
transpose of a linear map is its derivative: the rule is run on a dummy cotangent under a recorder and pulled
back by the tangents.
"""

from typing import Any

from nbtape.autodiff.backward import backward
from nbtape.autodiff.tape import UnconnectedGradients
from nbtape.core import context, nest, source
from nbtape.core.dtype import as_dtype
from nbtape.core.engine import EagerTensor, Op, Operators, Tensor, o, tensor
from nbtape.core.kernel import Scalar
from nbtape.core.report import spec_of
from nbtape.core.slices import IndexedSlices


class _Recorder(context.Recorder):
    """The least that records: Nodes that depend on what was marked."""

    def __init__(self, marked: list):
        self.nodes: list[tuple] = []
        self.marked = {id(x) for x in marked}

    def record(self, op: Op, xs: tuple, attrs: dict, ys: tuple, place: Any) -> None:
        if any(id(x) in self.marked for x in xs):
            self.nodes.append((op, xs, attrs, ys, place))
            self.marked.update(map(id, ys))


class ForwardAccumulator(context.Recorder):
    """Computes Jacobian-vector products in the same pass as the values.

    `primals` are Tensors or Variables (nested structures too), `tangents` their directions, of the same
    structure, shapes and dtypes. `jvp(y)` is the derivative of `y` in that direction. Accumulators and tapes
    nest in any order; around a tape's gradient an accumulator gives Hessian-vector products. Raises
    ValueError where shapes, dtypes or structures differ.

    >>> x = tf.constant([2.0, 3.0])
    >>> with tf.autodiff.ForwardAccumulator(x, tf.constant([1.0, 0.0])) as acc:
    ...     y = x[0] ** 2 * x[1]
    >>> acc.jvp(y).numpy()
    np.float32(12.0)
    """

    def __init__(self, primals: Any, tangents: Any):
        self._recording = False
        self._tangents: dict[
            int, tuple[Any, Any]
        ] = {}  # id -> (tensor, its tangent): keeping it keeps the id
        self._variables: dict[int, Any] = {}
        nest.assert_same_structure(primals, tangents)
        for p, t in zip(nest.flatten(primals), nest.flatten(tangents), strict=True):
            self._add(p, t)

    def _add(self, primal: Any, tangent: Any) -> None:
        if not isinstance(primal, Operators):
            raise AttributeError(
                f"'{type(primal).__name__}' object has no attribute 'dtype': a primal is a Tensor or a "
                "Variable"
            )
        t = tensor(tangent, as_dtype(primal))
        if tuple(t.shape) != tuple(primal.shape):
            raise ValueError(
                f"a tangent of shape {t.shape} for a primal of shape {primal.shape}: they must be the same"
            )
        key, known = (
            (id(primal), self._tangents) if isinstance(primal, Tensor) else (primal._serial, self._variables)
        )
        if key in known:
            raise ValueError(
                f"Tensor {primal!r} was specified as a primal multiple times. This may indicate an error. If "
                "it was intended, please sum the corresponding tangents."
            )
        known[key] = (primal, t) if isinstance(primal, Tensor) else t

    def __enter__(self) -> "ForwardAccumulator":
        if self._recording:
            raise ValueError("Accumulator is already recording.")
        self._recording = True
        context.push(self)
        return self

    def __exit__(self, *exc: object) -> None:
        self._recording = False
        context.pop(self)

    def jvp(self, primals: Any, unconnected_gradients: Any = UnconnectedGradients.NONE) -> Any:
        """Tangents of `primals`, in their structure: None (or zeros) where they do not depend on the primals
        given.
        """
        zero = UnconnectedGradients(unconnected_gradients) is UnconnectedGradients.ZERO

        def tangent(x: Any) -> Any:
            if isinstance(x, Operators) and not isinstance(x, Tensor):
                found = self._variables.get(x._serial)
            else:
                found = self._tangents.get(id(x), (None, None))[1]
            return o.zeros_like(tensor(x)) if found is None and zero else found

        return nest.map_structure(tangent, primals)

    # Called by core.engine for each op of this thread

    def record(self, op: Op, xs: tuple, attrs: dict, ys: tuple, place: source.Place | None) -> None:
        known = self._tangents
        if op.grad is None or not any(id(x) in known for x in xs):
            return
        tangents = [known.get(id(x), (None, None))[1] for x in xs]
        recorders = context.local.recorders
        outer = recorders[: next((i for i, r in enumerate(recorders) if r is self), 0)]
        # Those outside see this computation, for higher derivatives; those inside would differentiate it in
        # vain.
        with context.recording(outer, context.local.graph):
            for y, t in zip(ys, _pushed(op, xs, attrs, ys, tangents), strict=True):
                if t is not None:
                    known[id(y)] = (y, t)

    def read(self, variable: Any, read: Tensor) -> None:
        t = self._variables.get(variable._serial)
        if t is not None:
            self._tangents[id(read)] = (read, t)


def _pushed(op: Op, xs: tuple, attrs: dict, ys: tuple, tangents: list) -> list:
    """Tangents of the outputs."""
    if isinstance(op.kernel, Scalar) and op.absorbs and all(spec_of(x).dtype.kind != "c" for x in (*xs, *ys)):
        return [_pushed_elementwise(op, xs, attrs, ys[0], tangents)]
    return _transposed(op, xs, attrs, ys, tangents)


def _pushed_elementwise(op: Op, xs: tuple, attrs: dict, y: Tensor, tangents: list) -> Any:
    total, rules = None, op.rules(len(xs))
    for i, t in enumerate(tangents):
        rule = rules[i] if t is not None else None
        part = rule(t, y, *xs, **attrs) if rule is not None else None
        if part is not None:
            part = part if part is t else o.absorb(t, part)
            total = part if total is None else total + part
    if total is None or spec_of(total).shape == spec_of(y).shape:
        return total
    return o.broadcast_to(total, shape=spec_of(y).shape)


def _transposed(op: Op, xs: tuple, attrs: dict, ys: tuple, tangents: list) -> list:
    dummies = [o.ones_like(y) for y in ys]
    recorder = _Recorder(dummies)
    with context.recording((*context.local.recorders, recorder), context.local.graph):
        g, y = (tuple(dummies), ys) if op.many else (dummies[0], ys[0])
        pulled, rules = [], op.rules(len(xs))
        for i, t in enumerate(tangents):
            rule = rules[i] if t is not None else None
            gx = rule(g, y, *xs, **attrs) if rule is not None else None
            if gx is not None:
                gx = tensor(gx) if isinstance(gx, IndexedSlices) else gx
                if spec_of(gx).shape != spec_of(xs[i]).shape:
                    gx = o.sum_to(gx, shape=spec_of(xs[i]).shape)
                pulled.append((gx, t))
    found = backward(recorder.nodes, pulled, {id(d) for d in dummies})
    return [_as_tensor(found.get(id(d))) for d in dummies]


def _as_tensor(t: Any) -> Any:
    if t is None or isinstance(t, Tensor):
        return t
    return tensor(t) if isinstance(t, IndexedSlices) else EagerTensor(t)

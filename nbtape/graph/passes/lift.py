"""Whole columns instead of rows: what a loop computes at each step, for all steps at once, outside of it."""

from nbtape.core.engine import Op, o
from nbtape.core.kernel import Reduce, Scalar
from nbtape.graph.passes.loop import Loop
from nbtape.graph.program import Step, Value


class Lifter:
    """Makes `steps`, which give for Values of a body what they are at all its steps, along a first axis."""

    def __init__(self, loop: Loop, before: bool = False):
        self.loop = loop
        self.steps: list[Step] = []
        self._made = loop.maker()
        self._outside = {capture.inside: capture.outside for capture in loop.captures}
        self._lifted: dict[Value, Value | None] = {stream.row: stream.whole for stream in loop.streams}
        if not before:  # what the loop stacks is there after it
            self._lifted = {row.each: row.stacked for row in loop.rows} | self._lifted

    def of(self, x: Value, stacking: bool = False) -> Value | None:
        """`x` at all steps: from what is streamed or stacked, or, if `stacking`, stacked for this."""
        if x not in self._lifted:
            step = self._made.get(x)
            self._lifted[x] = None if step is None or not x.static else self._of_step(step)
        found = self._lifted[x]
        if found is None and stacking and x.static and x.constant is None and x not in self._outside:
            found = self._lifted[x] = self.loop.stack(x)
        return found

    def outside(self, x: Value) -> Value | None:
        """What `x` is called outside of the loop, where it is the same at each step."""
        return x if x.constant is not None else self._outside.get(x)

    def _of_step(self, step: Step) -> Value | None:
        name, kernel = step.op.name, step.op.kernel
        if name == "matmul":
            return self.product(step)
        if isinstance(kernel, Scalar):
            return self._elementwise(step)
        x = self.of(step.inputs[0]) if name == "reshape" or isinstance(kernel, Reduce) else None
        if x is None:
            return None
        if name == "reshape":
            return self.reshaped(x, (self.trips, *self.shape(step.outputs[0])))
        axis = tuple([a + 1 for a in step.attrs["axis"]])
        return self(step.op, x, axis=axis, keepdims=step.attrs["keepdims"])

    def product(self, step: Step, stacking: bool = False) -> Value | None:
        """Rows of matrices by one matrix: one large product."""
        a, b = step.inputs
        w = self.outside(b)
        if w is None or step.attrs.get("transpose_a") or not (a.static and b.static):
            return None
        shape = self.shape(a)
        rows = self.of(a, stacking) if len(shape) == len(self.shape(b)) == 2 else None
        if rows is None:
            return None
        flat = self.reshaped(rows, (self.trips * shape[0], shape[1]))
        product = self(o.matmul, flat, w, **step.attrs)
        return self.reshaped(product, (self.trips, *self.shape(step.outputs[0])))

    def _elementwise(self, step: Step) -> Value | None:
        rank, xs = len(self.shape(step.outputs[0])), []
        for x in step.inputs:
            same = self.outside(x)
            whole = self.of(x) if same is None else None
            if whole is not None:
                shape = self.shape(x)
                whole = self.reshaped(whole, (self.trips, *(1,) * (rank - len(shape)), *shape))
            if same is None and whole is None:
                return None
            xs.append(same if same is not None else whole)
        return self(step.op, *xs, **step.attrs)

    def __call__(self, op: Op, *xs: Value, **attrs: object) -> Value:
        """The output of a step outside."""
        y = Value(op.infer(*[x.spec for x in xs], **attrs))
        self.steps.append(Step(op, xs, attrs, (y,), self.loop.step.place))
        return y

    def reshaped(self, x: Value, shape: tuple) -> Value:
        return x if x.shape == shape else self(o.reshape, x, shape=shape)

    @property
    def trips(self) -> int:
        assert self.loop.trips is not None
        return self.loop.trips

    @staticmethod
    def shape(x: Value) -> tuple[int, ...]:
        return x.shape  # type: ignore[return-value]


def flattened(lifter: Lifter, x: Value) -> Value:
    """Stacked matrices as one, of all their rows."""
    n, m, k = lifter.shape(x)
    return lifter.reshaped(x, (n * m, k))

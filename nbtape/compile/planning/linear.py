"""Bodies of loops that are linear in what they carry, as those of gradients are in their cotangents.

Written as a sum of factors times carries, a trip waits for one multiplication and one addition of the trip
before; the factors depend on nothing that the trip before made, and are worked out meanwhile.
"""

from nbtape.core.engine import Op, o
from nbtape.graph.program import Program, Step, Value

# A value as the sum of carries times factors (None: 1), and of what depends on no carry (key None).
Form = dict[Value | None, Value | None]


def shows(body: Program, carries: int) -> bool:
    """Whether an inf or nan that is to be absorbed would show in what a loop comes to if it were not: the
    rows that it goes through keep it, and the next trips of the loop are such rows too.
    """
    tainted: set[Value] = set()
    before = -1
    while len(tainted) > before:
        before = len(tainted)
        for step in body.steps:
            if step.op.name == "absorb":
                tainted.add(step.outputs[0])
            elif tainted.intersection(step.inputs):
                if step.op.name not in ("add", "identity", "mul", "neg", "square", "sub"):
                    return False
                tainted.update(step.outputs)
        tainted.update(x for x, y in zip(body.inputs[:carries], body.outputs) if y in tainted)
    return bool(tainted)


def collected(body: Program, carries: int) -> Program:
    """`body` with its outputs as sums of factors times carries, nothing being absorbed; itself where it is
    not linear.
    """
    return _Collector(body, carries).program()


class _Collector:
    def __init__(self, body: Program, carries: int):
        self.body, self.steps = body, []
        self.forms: dict[Value, Form] = {
            x: {x: None} for x in body.inputs[:carries] if x.dtype.kind == "f" and x.shape == ()
        }

    def program(self) -> Program:
        for step in self.body.steps:
            if not any(x in self.forms for x in step.inputs):
                self.steps.append(step)
                continue
            form = self._form(step)
            if form is None:
                return self.body
            self.forms[step.outputs[0]] = form
        outputs = [self._sum(y) for y in self.body.outputs]
        return Program(self.body.inputs, outputs, self.steps)

    def _form(self, step: Step) -> Form | None:
        """The form of what a step gives; None where it is not linear."""
        forms = [self.forms.get(x, {None: x}) for x in step.inputs]
        match step.op.name:
            case "add" | "sub":
                a, b = forms
                if step.op.name == "sub":
                    b = self._negated(b)
                return {x: self._plus(a, b, x) for x in {**a, **b}}
            case "neg":
                return self._negated(forms[0])
            case "identity":
                return forms[0]
            case "absorb":
                return forms[1]
            case "mul" if any(x not in self.forms for x in step.inputs):
                k = next(x for x in step.inputs if x not in self.forms)
                (form,) = [self.forms[x] for x in step.inputs if x in self.forms]
                return {x: k if f is None else self._made(o.mul, f, k) for x, f in form.items()}
        return None

    def _negated(self, form: Form) -> Form:
        return {x: self._negative(f, x) for x, f in form.items()}

    def _made(self, op: Op, *xs: Value) -> Value:
        y = Value(xs[0].spec)
        self.steps.append(Step(op, xs, {}, (y,)))
        return y

    def _negative(self, factor: Value | None, x: Value | None) -> Value:
        if factor is None:
            assert x is not None
            return Value(x.spec, x.dtype.type(-1))
        return self._made(o.neg, factor)

    def _plus(self, a: Form, b: Form, x: Value | None) -> Value | None:
        if x not in b:
            return a[x]
        if x not in a:
            return b[x]
        one = None if x is None else Value(x.spec, x.dtype.type(1))
        first, second = a[x] or one, b[x] or one
        assert first is not None and second is not None
        return self._made(o.add, first, second)

    def _sum(self, y: Value) -> Value:
        form = self.forms.get(y)
        if form is None or form == {y: None}:
            return y
        terms = []
        for x, factor in form.items():
            if x is None or factor is None:
                terms.append(x or factor)
            else:
                terms.append(self._made(o.mul, factor, x))
        total = terms[0]
        for term in terms[1:]:
            total = self._made(o.add, total, term)
        return total

"""A loop taken apart: what it carries, streams, takes from outside and stacks, as lists that passes edit."""

from dataclasses import dataclass

from nbtape.core.engine import o
from nbtape.core.shape import Spec
from nbtape.graph.passes.rewrite import number_of
from nbtape.graph.program import Program, Step, Value


@dataclass(eq=False)
class Carry:
    """What goes from step to step: at first `start`, in the body `now` and then `after`, at last `end`."""

    start: Value
    now: Value
    after: Value
    end: Value
    tested: Value | None


@dataclass(eq=False)
class Stream:
    """Rows of `whole`, of which the body has one, `row`, at a step."""

    whole: Value
    row: Value


@dataclass(eq=False)
class Capture:
    """A Value from outside, the same at each step; `tested` is what it is called in the test."""

    outside: Value
    inside: Value
    tested: Value | None


@dataclass(eq=False)
class Row:
    """What the body makes at each step, and all of it, stacked."""

    each: Value
    stacked: Value
    regular: bool = False


class Loop:
    """The parts of a `while_` step; `write` puts them back into it."""

    def __init__(self, step: Step, around: Program):
        self.step, self.body, self.test = step, step.attrs["body"], step.attrs["cond"]
        self._around = around
        carries, scanned = step.attrs["carries"], step.attrs["scanned"]
        first = carries + scanned
        tested = self.test.inputs if self.test is not None else [None] * len(step.inputs)
        ins, outs = self.body.inputs, self.body.outputs
        self.carries = [
            Carry(step.inputs[i], ins[i], outs[i], step.outputs[i], tested[i]) for i in range(carries)
        ]
        self.streams = [Stream(step.inputs[i], ins[i]) for i in range(carries, first)]
        self.captures = [
            Capture(step.inputs[i], ins[i], tested[i - scanned]) for i in range(first, len(step.inputs))
        ]
        regular = carries + step.attrs["regular"]
        self.rows = [Row(outs[i], step.outputs[i], i < regular) for i in range(carries, len(outs))]

    @property
    def trips(self) -> int | None:
        """How often the body runs, where that is known."""
        return self.step.attrs.get("trips")

    @property
    def reverse(self) -> bool:
        return self.step.attrs["reverse"]

    def write(self) -> None:
        self.rows.sort(key=lambda row: not row.regular)
        step, attrs = self.step, self.step.attrs
        taken = [*self.carries, *self.captures]
        starts = [carry.start for carry in self.carries]
        wholes, outside = [s.whole for s in self.streams], [c.outside for c in self.captures]
        step.inputs = (*starts, *wholes, *outside)
        step.outputs = (*[carry.end for carry in self.carries], *[row.stacked for row in self.rows])
        now, inside = [carry.now for carry in self.carries], [c.inside for c in self.captures]
        self.body.inputs = [*now, *[s.row for s in self.streams], *inside]
        self.body.outputs = [*[carry.after for carry in self.carries], *[row.each for row in self.rows]]
        if self.test is not None:
            self.test.inputs = [_told(part.tested) for part in taken]
        attrs.update(cond=self.test, carries=len(self.carries), scanned=len(self.streams))
        attrs["regular"] = sum([row.regular for row in self.rows])

    def capture(self, x: Value) -> Value:
        """`x`, from outside, as the body knows it."""
        if x.constant is not None:
            return x
        for known in self.captures:
            if known.outside is x:
                return known.inside
        tested = None if self.test is None else Value(x.spec)
        self.captures.append(Capture(x, Value(x.spec), tested))
        return self.captures[-1].inside

    def stream(self, whole: Value) -> Value:
        """A row of `whole` at each step, as the body knows it."""
        for known in self.streams:
            if known.whole is whole:
                return known.row
        assert whole.shape is not None
        self.streams.append(Stream(whole, Value(Spec(whole.shape[1:], whole.dtype))))
        return self.streams[-1].row

    def stack(self, each: Value) -> Value:
        """What the body has for `each` at all the steps, outside."""
        for known in self.streams:
            if known.row is each:
                return known.whole
        for row in self.rows:
            if row.each is each:
                return row.stacked
        shape = None if each.shape is None else (self.trips, *each.shape)
        self.rows.append(Row(each, Value(Spec(shape, each.dtype))))
        return self.rows[-1].stacked

    def uses(self, x: Value) -> int:
        """How often the body uses `x`, in a step or as what it gives."""
        given = [*[carry.after for carry in self.carries], *[row.each for row in self.rows]]
        return sum([step.inputs.count(x) for step in self.body.steps]) + given.count(x)

    def is_zero(self, x: Value) -> bool:
        """Whether `x`, from outside, is nothing but zeros."""
        makers = [step for step in self._around.steps if step.op is o.broadcast_to and x in step.outputs]
        return number_of(makers[0].inputs[0] if makers else x) == 0

    def drop(self, carry: Carry) -> None:
        """Carry it no more; nothing else uses what it was and what it becomes."""
        self.carries.remove(carry)
        self.body.steps.remove(self.maker()[carry.after])

    def substitute(self, now: dict[Value, Value]) -> None:
        """Put other Values in the place of some, wherever the body uses them."""
        replaced(self.body, now)
        for carry in self.carries:
            carry.after = now.get(carry.after, carry.after)
        for row in self.rows:
            row.each = now.get(row.each, row.each)

    def maker(self) -> dict[Value, Step]:
        """The step of the body that gives each Value."""
        return {y: step for step in self.body.steps for y in step.outputs}


def _told(x: Value | None) -> Value:
    assert x is not None
    return x


@dataclass(frozen=True)
class Counter:
    """A number that a loop counts up: `start`, then `by` more at each step."""

    start: int
    by: int

    def at(self, k: int) -> int:
        return self.start + self.by * k


def counter_of(loop: Loop, carry: Carry, made: dict[Value, Step]) -> Counter | None:
    """What a carry counts, if it counts."""
    start, step = number_of(carry.start), made.get(carry.after)
    if start is None or carry.now.dtype.kind not in "iu" or carry.now.shape != () or step is None:
        return None
    if step.op is not o.add or carry.now not in step.inputs:
        return None
    a, b = step.inputs
    by = number_of(b if a is carry.now else a)
    return None if by is None else Counter(int(start), int(by))


def loops(program: Program) -> list[Loop]:
    return [Loop(step, program) for step in program.steps if step.op is o.while_]


def replaced(program: Program, now: dict[Value, Value]) -> None:
    """Put other Values in the place of some, wherever `program` uses them."""

    def latest(x: Value) -> Value:
        while x in now:
            x = now[x]
        return x

    if now:
        for step in program.steps:
            step.inputs = tuple([latest(x) for x in step.inputs])
        program.outputs = [latest(y) for y in program.outputs]

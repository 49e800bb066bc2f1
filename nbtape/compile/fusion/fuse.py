"""Fusion: which steps of a program run together, as one nest of loops.

Pointwise steps, broadcasts and reductions join the group that computes what they read, forward and backward
steps alike, as long as no path leads out of the group and back in. Reads at computed places, as of a gather
or of padding, wait for the step that needs them and are done where it is.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from nbtape.compile.fusion import access, draws
from nbtape.compile.fusion.access import CHECK
from nbtape.compile.fusion.group import NATIVE as NATIVE, Group as Group, accepts, fusable, started
from nbtape.compile.fusion.positions import Positions
from nbtape.compile.fusion.settle import settled
from nbtape.core.engine import o
from nbtape.core.kernel import View
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.run import acts

Unit = Group | Step


def units_of(program: Program, native: frozenset = NATIVE) -> list[Unit]:
    """The steps of `program` in groups, over arrays of the dtypes in `native`, and those that no group takes,
    in an order in which they can run.
    """
    return _Fuser(program, native).units()


class _Fuser:
    """Puts each step into the best group there is, or makes one of it."""

    def __init__(self, program: Program, native: frozenset):
        self.program, self.native = program, native
        self.found: list[Unit] = []
        self.before: list[int] = []  # for each unit the set of units that it needs, as bits
        self.needed = 0  # the units that others need
        self.maker: dict[Value, int] = {}
        self.readers: dict[Value, list[int]] = {}
        self.barrier = 0  # units from here on may still grow: effects keep their order
        self.steps = settled(program.steps, native)
        self.uses = Counter([x for step in self.steps for x in step.inputs] + program.outputs)
        self.now = 0
        self.joined: dict[int, list[tuple[int, Step, list[Step]]]] = {}  # what each group took, and when
        self.merged: set[int] = set()  # groups that are part of another one
        self.waiting: dict[Value, Step] = {}  # reads that are done where they are needed
        self.positions = Positions()
        self.held: dict[Value, int] = {}  # the variable (its serial number) whose array a value is
        self.written: dict[int, list[int]] = {}  # the units that changed each variable
        self.drawn: list[int] = []  # the units that moved streams of random numbers on

    def units(self) -> list[Unit]:
        for step in self.steps:
            self.now += 1
            self.uses.subtract(step.inputs)
            if self._native(step) and (self.positions.take(step) or access.is_read(step)):
                values = [x for x in access.values(step) if x in self.positions.weights]
                self._make(*[x for x in step.inputs if x not in values])
                self.waiting[step.outputs[0]] = step
            elif fusable(step, self.native):
                if access.is_scatter(step):
                    self._make(*step.inputs[2:])  # what the rows go to has to be there
                self._join(step)
            else:
                self._alone(step)
        self._make(*self.program.outputs)
        return self._ordered()

    def _native(self, step: Step) -> bool:
        return all(v.dtype in self.native and v.static for v in (*step.inputs, *step.outputs))

    def _make(self, *xs: Value) -> None:
        """Do those reads that wait, by themselves."""
        for x in xs:
            step = self.waiting.pop(x, None)
            if step is not None:
                self._join(step)

    def _alone(self, step: Step) -> None:
        self._make(*step.inputs)
        i = self._append(step, step.inputs, step.outputs)
        if (reference := step.attrs.get("variable")) is not None:
            self._of_variable(i, step, reference.deref()._serial)
        elif isinstance(step.op.kernel, View) and step.inputs[0] in self.held:
            self.held.update(dict.fromkeys(step.outputs, self.held[step.inputs[0]]))
        if draws.moves(step):
            self._after(i, self.drawn)
            self.drawn = [i]
        if _has_effects(step):
            self.barrier = len(self.found)

    def _of_variable(self, i: int, step: Step, serial: int) -> None:
        """Unit i reads a variable or changes it: what changed it before comes before."""
        self._after(i, self.written.get(serial, ()))
        self.held.update(dict.fromkeys(step.outputs, serial))
        if step.op is o.assign_variable:
            self.held[step.inputs[0]] = serial
        if step.op is not o.read_variable:
            self.written.setdefault(serial, []).append(i)

    def _append(self, unit: Unit, inputs: Iterable[Value], outputs: Iterable[Value]) -> int:
        i = len(self.found)
        self.found.append(unit)
        self.before.append(0)
        self._note(i, inputs, outputs)
        return i

    def _note(self, i: int, inputs: Iterable[Value], outputs: Iterable[Value]) -> None:
        """Unit i reads `inputs` and makes `outputs`: it, and what needs it, comes after what it needs."""
        for x in inputs:
            self.readers.setdefault(x, []).append(i)
        self._after(i, [self.maker[x] for x in inputs if x in self.maker])
        for y in outputs:
            self.maker[y] = i

    def _after(self, i: int, units: Iterable[int]) -> None:
        """Unit i, and what needs it, comes after `units`."""
        new = 0
        for j in units:
            if j != i:
                new |= 1 << j | self.before[j]
        if new & ~self.before[i]:
            self.before[i] |= new
            self.needed |= new
            if self.needed & (here := 1 << i):
                for k, needs in enumerate(self.before):
                    if needs & here:
                        self.before[k] |= self.before[i]

    def _join(self, step: Step) -> None:
        late = self._late(step)
        for i, copies in self._candidates(step):
            group = self.found[i]
            assert isinstance(group, Group)
            here, reads, copied = self._with_reads(step, copies)
            inputs = [x for s in (*reads, here) for x in s.inputs]
            if not self._cycle(i, inputs, late) and accepts(group, here, reads):
                break
        else:
            here, reads, copied = self._with_reads(step, {})
            group = started(here, reads)
            if group is None:  # a value is needed on two axes: one of the reads has to be done before
                self._make(*step.inputs)
                return self._join(step)
            i = self._append(group, (), ())
        group.copies.update(copied)
        inputs = [x for s in (*reads, here) for x in s.inputs if x not in group.made]
        self._note(i, inputs, step.outputs)
        self._after(i, late)
        self.joined.setdefault(i, []).append((self.now, here, reads))
        for j in sorted({self.maker[x] for x in inputs if x in self.maker} - {i}, reverse=True):
            self._merge(i, j)
        if access.is_scatter(step) and step.attrs["variable"] is not None:
            self._of_variable(i, step, step.attrs["variable"].deref()._serial)

    def _merge(self, i: int, j: int) -> None:
        """Make group j, which makes something that group i reads, a part of it, if the two can run as one."""
        group, other = self.found[i], self.found[j]
        if j < self.barrier or not isinstance(other, Group) or not isinstance(group, Group):
            return
        between = any(self.before[i] >> k & 1 and self.before[k] >> j & 1 for k in range(len(self.found)))
        if between or group.domain != other.domain or group.scatters or other.scatters:
            return
        steps = sorted(self.joined[i] + self.joined[j], key=lambda taken: taken[0])
        (_, first, reads), *rest = steps
        whole = started(first, reads)
        if whole is None or not all(accepts(whole, step, reads) for _, step, reads in rest):
            return
        whole.copies = {**other.copies, **group.copies}
        self.found[i], self.joined[i] = whole, steps
        self.merged.add(j)
        self._after(i, [k for k in range(len(self.found)) if self.before[j] >> k & 1])
        for k, needs in enumerate(self.before):
            if needs >> j & 1 and k != i:
                self._after(k, [i])
        self.before[i] &= ~(1 << i | 1 << j)
        self.maker.update({y: i for y in other.made})
        for units in self.readers.values():
            units[:] = [i if k == j else k for k in units]

    def _with_reads(self, step: Step, copies: dict) -> tuple[Step, list[Step], dict[Value, Value]]:
        """`step` with copies of the reads that wait, its own but for those in `copies`; these reads; and for
        which value each copy stands.
        """
        now, reads = dict(copies), []
        for x in step.inputs:
            if x in self.waiting and x not in now:
                read, inner, _ = self._with_reads(self.waiting[x], {})
                now[x] = Value(x.spec)
                reads += [*inner, Step(read.op, read.inputs, read.attrs, (now[x],), read.place)]
        inputs = tuple([now.get(x, x) for x in step.inputs])
        copied = {x: now[x] for x in step.inputs if x in now}
        return Step(step.op, inputs, step.attrs, step.outputs, step.place), reads, copied

    def _late(self, step: Step) -> list[int]:
        """The units that a scatter into a variable comes after: what reads it as it was, and what assigns."""
        if not access.is_scatter(step) or step.attrs["variable"] is None:
            return []
        serial = step.attrs["variable"].deref()._serial
        old = [x for x, s in self.held.items() if s == serial]
        wanted = [y for y in self.waiting if self.uses[y] > 0]
        self._make(*[y for y in wanted if access.source(self.waiting[y]) in old])
        found = [*self.written.get(serial, ()), *[i for x in old for i in self.readers.get(x, ())]]
        return [*found, *[self.maker[x] for x in old if x in self.maker]]

    def _candidates(self, step: Step) -> Iterator[tuple[int, dict[Value, Value]]]:
        """Groups that make what the step reads, the latest first; then those that read the same. And the
        copies that they have: the step may want one on other axes, and takes another.
        """
        inputs = [x for x in step.inputs if x not in self.waiting]
        for x in step.inputs:
            if x in self.waiting:
                inputs += self.waiting[x].inputs
        makers = {self.maker[x] for x in inputs if x in self.maker}
        siblings = {i for x in inputs if x.constant is None for i in self.readers.get(x, ())}
        found = [*sorted(makers, reverse=True), *sorted(siblings - makers, reverse=True)]
        for i in found:
            group = self.found[i]
            if i >= self.barrier and isinstance(group, Group):
                yield i, group.copies
                if any(x in group.copies for x in step.inputs):
                    yield i, {}

    def _cycle(self, i: int, inputs: Sequence[Value], late: Sequence[int]) -> bool:
        """Whether something outside unit i that `inputs` need, or that comes before, needs unit i; or unit i
        itself has to be over first.
        """
        needed = [self.maker[x] for x in inputs if x in self.maker]
        return i in late or any(j != i and self.before[j] >> i & 1 for j in (*needed, *late))

    def _ordered(self) -> list[Unit]:
        """The units, each after those that it needs, otherwise in the order of their first steps; checks come
        as soon as they can, before anything is written that they might have prevented.
        """
        done, order = sum(1 << j for j in self.merged), []
        left = [i for i in range(len(self.found)) if i not in self.merged]
        checks = [i for i in left if getattr(self.found[i], "op", None) is CHECK]
        effects = [i for i in left if _has_effects(self.found[i])]
        while left:
            # a check stays after the effects that the user wrote before it
            early = [i for i in checks if not effects or i < effects[0]]
            i = next(i for i in (*early, *left) if not self.before[i] & ~done)
            for units in (left, checks, effects):
                if i in units:
                    units.remove(i)
            done |= 1 << i
            order.append(self.found[i])
        return order


def _has_effects(unit: Unit) -> bool:
    """Whether a unit does what others can see, beside assigning to variables."""
    return isinstance(unit, Step) and acts(unit) and unit.op is not o.assign_variable  # type: ignore[arg-type]

"""Text of kernels: a Group of steps as one nest of loops in Python, which Numba compiles for CPU and GPU.

Sizes and strides are arguments, never literals, so that the text, and what was compiled from it, serves any
size. Only what decides the shape of the code is written into it: which axes each array has, and where
neighbours in memory are neighbours in the loop.
"""

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from nbtape.compile.emission import (
    fold,
    place,
)
from nbtape.compile.emission.expression import (
    expression as expression,
    is_cheap,
    literal as literal,
    parameter as parameter,
)
from nbtape.compile.emission.kernel import BLOCK, Kernel as Kernel, Word as Word
from nbtape.compile.fusion import access
from nbtape.compile.fusion.group import RELABELS, Group
from nbtape.compile.planning.layout import Layout, dense_strides
from nbtape.graph.program import Step, Value

_CHEAP = 4  # steps worth doing again rather than keeping what they gave
_LONE = frozenset({"cos", "sin"})  # functions of `kernels/lone.py`
_PHILOX = frozenset({"fill", "fraction", "half_at", "word_at"})  # and of `kernels/philox.py`
_INDENT = "    "


def emit(group: Group, layouts: dict[Value, Layout], spill: Callable[[Value, int], Layout]) -> Kernel:
    """The kernel of a group; `layouts` says where what it reads and gives lies.

    `spill(value, size)` gives a place for one row of a value, which a later stage needs again.
    """
    return Emitter(group, layouts, spill).kernel()


class Emitter:
    """Writes one kernel. Lines are kept by stage and by depth, how many loops stand around them, and put
    together in the end.
    """

    alone = True  # whether one thread makes all trips of a loop
    lanes = 1  # threads that share one of the loops
    shared = 0  # which one
    most_again = _CHEAP
    crowded = False  # whether several threads may change one element of a scatter

    def __init__(self, group: Group, layouts: dict[Value, Layout], spill: Callable[[Value, int], Layout]):
        self.group, self.layouts, self.spill = group, layouts, spill
        self.strides = {v: self.over_domain(group.axes[v], layouts[v]) for v in group.axes if v in layouts}
        self.sources = {s: self._of_source(s) for s in group.steps if access.source(s) is not None}
        self.maker = {step.outputs[0]: step for step in group.steps}
        self.nest = self._collapsed()
        self.sizes = [prod([group.domain[a] for a in run]) for run in self.nest]
        self.words: list[Word] = []
        self.pointers: dict[tuple, str] = {}
        self.lines: dict[tuple[int, float, bool], list[str]] = {}  # by stage, depth, whether after the loop
        self.names: dict[Any, str] = {}  # of values in their stages, and of conditions
        self.stages = self._stages()
        self.count = 0
        self.imports: set[str] = set()
        self.partial: list[Value] = []
        self.scratch: list[Layout] = []
        self.flops = 0

    # The nest

    def over_domain(self, axes: access.Axes, layout: Layout) -> tuple[int, ...]:
        """The stride along each axis of the domain, from that along each axis of a layout."""
        strides = [0] * len(self.group.domain)
        for a, stride in zip(axes, layout.strides, strict=True):
            if a is not None:
                strides[a] += stride
        return tuple(strides)

    def _of_source(self, step: Step) -> tuple[int, ...]:
        (y,), x = step.outputs, step.inputs[0]
        layout = replace(self.layouts[x], shape=y.shape, strides=dense_strides(y.shape or ()))
        layout = layout if access.is_fractions(step) else self.layouts[x]
        return self.over_domain(access.source_axes(step, self.group.axes[y]), layout)

    def _collapsed(self) -> list[list[int]]:
        """The axes of the domain in runs that one loop can walk."""
        domain, nest = self.group.domain, [[a] for a in range(len(self.group.domain))]
        ends = {len(self.group.level(v)) for v in self.group.made} | {self.group.split}
        for step in self.group.steps:
            pinned = access.pinned(step, self.group.axes[step.outputs[0]])
            ends |= pinned | {a + 1 for a in pinned}
        a = len(nest) - 2
        while a >= 0:
            first, second = nest[a][-1], nest[a + 1][0]
            if second not in ends and self._joined(first, second, domain[second]):
                nest[a : a + 2] = [nest[a] + nest[a + 1]]
            a -= 1
        return nest

    def _joined(self, first: int, second: int, size: int) -> bool:
        if any((first in axes) != (second in axes) for axes in self.group.folded.values()):
            return False
        every = (*self.strides.values(), *self.sources.values())
        return all(strides[first] == strides[second] * size for strides in every)

    def depth(self, v: Value) -> int:
        """How many loops stand around what makes (or loads) a value."""
        axes = self.group.level(v)
        return max([k + 1 for k, run in enumerate(self.nest) if axes & set(run)], default=0)

    def loop_of(self, axis: int) -> int:
        """The loop that walks an axis of the domain."""
        return next(k for k, run in enumerate(self.nest) if axis in run)

    @property
    def split(self) -> int:
        """The loop from which on the stages run apart; 0 where there is one stage."""
        if self.group.split is None:
            return 0
        return next(k for k, run in enumerate(self.nest) if run[0] >= self.group.split)

    def _stages(self) -> dict[Value, int]:
        """The stage in which each value is there: a result folded in one stage is there in the next."""
        stages: dict[Value, int] = {}
        for step in self.group.steps:
            y = step.outputs[0]
            stage = max([stages.get(x, 0) for x in step.inputs], default=0)
            inner = range(self.group.split or 0, len(self.group.domain))
            staged = self.group.split is not None and self.group.folded.get(y) == frozenset(inner)
            stages[y] = stage + staged
        return stages

    # The text

    def kernel(self) -> Kernel:
        for step in self.group.steps:
            self._step(step, max([self.stages.get(x, 0) for x in step.inputs], default=0))
        body, sizes = self._loops(), self.sizes
        words = [Word("begin", "int64", value=0), Word("end", "int64", value=sizes[0] if sizes else 1)]
        words += [Word(f"n{k}", "int64", value=n) for k, n in enumerate(sizes) if k]
        words = [*(words if sizes else ()), *self.words]  # a kernel of scalars has no loop
        together = self.crowded or not self.group.scatters  # whether threads may share the outermost loop
        extent = sizes[0] if sizes and together else 1
        folds = {y: self.maker[y].op for y in self.group.folded}
        text = self._text(body, words)
        return Kernel(text, words, extent, self.partial, folds, self.scratch, self._moved(), self.flops)

    def _moved(self) -> int:
        """The bytes that are read and written."""
        counts = {v: prod(v.shape or ()) for v in self.strides}
        counts |= {s.outputs[0]: 2 * prod(s.inputs[1].shape or ()) for s in self.group.scatters}
        counts |= {s.outputs[0]: prod(s.outputs[0].shape or ()) for s in self.sources}
        return sum(count * v.dtype.itemsize for v, count in counts.items())

    def _text(self, body: list[str], words: list[Word]) -> str:
        signature = ", ".join(f'{w.name}: "{w.kind}"' for w in words)
        head = [f'"""{self._title()}"""', "import math", "", "import numpy as np"]
        if self.imports:
            head += ["", *self._imports()]
        lines = [*head, "", "", f"def kernel({signature}):", *[_INDENT + line for line in body or ["pass"]]]
        return "\n".join(lines) + "\n"

    def _imports(self) -> list[str]:
        """Where there are no loops, some functions have a shorter way."""
        lone = _LONE & self.imports if not self.sizes else frozenset()
        drawn = _PHILOX & self.imports
        atomic = {name for name in self.imports if name.startswith("atomic_")}
        others = self.imports - lone - drawn - atomic
        modules = {"atomic": atomic, "lone": lone, "math": others, "philox": drawn}
        return [
            f"from nbtape.kernels.{m} import {', '.join(sorted(names))}"
            for m, names in modules.items()
            if names
        ]

    def _title(self) -> str:
        names = [step.op.name for step in self.group.steps]
        told = " ".join(names[:12])
        return told + (f" and {len(names) - 12} more" if len(names) > 12 else "")

    def _loops(self) -> list[str]:
        k, m = self.split, len(self.nest)
        last = max([stage for stage, _, _ in self.lines], default=0)

        def inside(stage: int, d: int) -> list[str]:
            found = [*self.lines.get((stage, d, False), ())]
            if d < m:
                inner = staged() if stage < 0 and d + 1 == k else inside(stage, d + 1)
                if inner:
                    found += self._loop(stage, d, inner)
            return [*found, *self.lines.get((stage, d, True), ())]

        def staged() -> list[str]:
            return [line for stage in range(last + 1) for line in inside(stage, k)]

        return inside(-1, 0) if k else staged()

    def _loop(self, stage: int, d: int, inner: list[str]) -> list[str]:
        """Loop d around `inner`; in blocks, where something is to be done for each of them."""
        first, last = ("begin", "end") if d == 0 else ("0", f"n{d}")
        before, after = [self.lines.get((stage, d + 0.5, late), []) for late in (False, True)]
        inner = [_INDENT + line for line in inner]
        if not before and not after:
            return [f"for i{d} in {self.trips(d)}:", *inner]
        block = [*before, f"for i{d} in range(b{d}, min(b{d} + {BLOCK}, {last})):", *inner, *after]
        return [f"for b{d} in range({first}, {last}, {BLOCK}):", *[_INDENT + line for line in block]]

    def put(self, line: str, stage: int, depth: float, after: bool = False) -> None:
        """Add a line at a depth, before the next inner loop or after it; d + 0.5 is for blocks of loop d."""
        self.lines.setdefault((stage if depth >= self.split else -1, depth, after), []).append(line)

    # Steps

    def _step(self, step: Step, stage: int) -> None:
        y = step.outputs[0]
        if y in self.group.folded:
            fold.write(self, step, stage)
        elif access.is_scatter(step):
            place.scatter(self, step, stage)
        else:
            name, depth = self.name(y, stage), self.depth(y)
            if y in self.layouts:
                self.put(f"{self.element(y, depth)} = {name}", stage, depth)

    def name(self, v: Value, stage: int) -> str:
        """A name that holds `v` in this stage, worked out or loaded there if need be."""
        if shared := self.depth(v) <= self.split:
            stage = self.stages.get(v, 0)  # the first that can: an earlier one than this may yet ask for it
        key = v, -1 if shared else stage
        if key not in self.names:
            self.names[key] = self._found(v, stage)
        return self.names[key]

    def _found(self, v: Value, stage: int) -> str:
        if (constant := self._literal(v)) is not None:
            return constant
        step = self.maker.get(v)
        depth = self.depth(v)
        if step is None or self.stages[v] < stage and depth > self.split and not self._again(v):
            return self._loaded(v, stage, depth)
        if step.op.name in RELABELS:
            return self.name(step.inputs[0], stage)
        name = self.new("t")
        self.put(f"{name} = {self._expression(step, stage)}", stage, depth)
        return name

    def _again(self, v: Value) -> bool:
        """Whether working `v` out once more in a later stage costs less than keeping it."""
        todo, count = [v], 0
        while todo:
            x = todo.pop()
            step = self.maker.get(x)
            if step is None or self.depth(x) <= self.split:
                continue
            count += 1
            if count > self.most_again or not self.is_cheap(step) or access.is_fractions(step):
                return False
            todo += access.values(step)
        return True

    def is_cheap(self, step: Step) -> bool:
        """Whether to do a step again costs little."""
        return is_cheap(step)

    def _loaded(self, v: Value, stage: int, depth: int) -> str:
        if v not in self.layouts:
            self._spilled(v)
        name = self.new("t")
        self.put(f"{name} = {self.element(v, depth)}", stage, depth)
        return name

    def _spilled(self, v: Value) -> None:
        """Keep one row of `v` for the stages after the one that made it."""
        inner = self.group.domain[self.group.split :]
        layout = self.spill(v, prod(inner))
        self.scratch.append(layout)
        self.layouts = {**self.layouts, v: layout}
        self.strides[v] = (*[0] * (self.group.split or 0), *dense_strides(tuple(inner)))
        stage, depth = self.stages[v], self.depth(v)
        self.put(f"{self.element(v, depth)} = {self.names[v, stage]}", stage, depth)

    def _literal(self, v: Value) -> str | None:
        """A constant of one number, as it stands in the text; others that are loaded become arguments."""
        if v.constant is None or v in self.layouts:
            return None
        text = literal(v)
        if text is None:
            text = self.new("c")
            self.words.append(parameter(v, text))
        return text

    def new(self, kind: str) -> str:
        """A name that there is not yet."""
        self.count += 1
        return f"{kind}{self.count}"

    def number(self, kind: str, value: int) -> str:
        """A number that is an argument, since it follows from sizes."""
        name = self.new(kind)
        self.words.append(Word(name, "int64", value=value))
        return name

    def _expression(self, step: Step, stage: int) -> str:
        self.flops += prod(step.outputs[0].shape or ())
        if access.is_read(step):
            return place.read(self, step, stage)
        text, called = expression(step, [self.name(x, stage) for x in step.inputs])
        self.imports |= called
        return text

    # Arrays

    def element(self, v: Value, depth: int, *more: str) -> str:
        """`v` as an element of an array: `x0[i0 * x0_0 + i1]`; `more` are further parts of its index."""
        name = self.argument("y" if v in self.maker else "x", self.layouts[v], self.strides[v])
        terms = [self.term(name, f"i{k}", k, self.strides[v]) for k in range(depth)]
        return f"{name}[{' + '.join([*more, *filter(None, terms)]) or 0}]"

    def argument(self, kind: str, layout: Layout, strides: tuple[int, ...]) -> str:
        """The name of the argument that says where a layout begins."""
        key = id(layout.buffer), layout.offset, strides
        if key not in self.pointers:
            name = self.pointers[key] = f"{kind}{len(self.pointers)}"
            self.words.append(Word(name, f"{layout.buffer.dtype}*", layout))
        return self.pointers[key]

    def term(self, pointer: str, position: str, k: int, strides: tuple[int, ...]) -> str:
        """The part of an index that follows from the position in loop k; empty if none does."""
        stride = strides[self.nest[k][-1]]
        if stride == 1 and k == len(self.nest) - 1 or not stride:
            return position if stride else ""
        return f"{position} * {self.stride(pointer, k, stride)}"

    def stride(self, pointer: str, along: int | str, value: int) -> str:
        """The name of the argument that is a stride of an array."""
        name = f"{pointer}_{along}"
        if all(w.name != name for w in self.words):
            self.words.append(Word(name, "int64", value=value))
        return name

    # Threads, of which there is one

    def trips(self, d: int) -> str:
        """The trips of loop d that a thread does."""
        return f"range({f'n{d}' if d else 'begin, end'})"

    def gather(self, total: str, step: str, dtype: Any, stage: int, first: int, depth: int) -> None:
        """Bring together what each thread folded into `total` in the loops from `first` to `depth`."""

    def once(self, lines: list[str], depth: int) -> list[str]:
        """Lines in so many loops that change what others read, which one thread is to do."""
        return lines

"""Text of kernels: a Group of steps as one nest of loops in Python, which Numba compiles for CPU and GPU.

Sizes and strides are arguments, never literals, so that the text, and what was compiled from it, serves any
size. Only what decides the shape of the code is written into it: which axes each array has, and where
neighbours in memory are neighbours in the loop.
"""

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import inf, prod
from typing import Any

import numpy as np

from nbtape.compile.fuse import Group
from nbtape.compile.layout import Layout
from nbtape.core.engine import Op
from nbtape.core.kernel import Reduce
from nbtape.graph.program import Step, Value

# Numbers that are part of the text; others are arguments, since many follow from sizes.
_LITERALS = (0, 1, -1, 2, 0.5)
_CHEAP = 4  # steps worth doing again rather than keeping what they gave
_CALL = re.compile(r"[A-Za-z_]\w*\(|/")


@dataclass(slots=True)
class Word:
    """One argument of a kernel: an address in a buffer (`layout`), or a number (`value`)."""

    name: str
    kind: str
    layout: Layout | None = None
    value: Any = None


@dataclass(slots=True)
class Kernel:
    """A kernel's text, its arguments, and what it moves and computes."""

    text: str
    words: list[Word]
    extent: int  # of the outermost loop, words 0 and 1
    partial: list[Value]  # results that are folded over the outermost loop
    folds: dict[Value, Op]  # the row of each reduction
    scratch: list[Layout]  # where rows are kept from one stage to the next
    bytes: int = 0
    flops: int = 0


def emit(group: Group, layouts: dict[Value, Layout], spill: Callable[[Value, int], Layout]) -> Kernel:
    """The kernel of a group; `layouts` says where what it reads and gives lies.

    `spill(value, size)` gives a place for one row of a value, which a later stage needs again.
    """
    return _Emitter(group, layouts, spill).kernel()


class _Emitter:
    def __init__(self, group: Group, layouts: dict[Value, Layout], spill: Callable[[Value, int], Layout]):
        self.group, self.layouts, self.spill = group, layouts, spill
        self.strides = {v: self._over_domain(v) for v in group.axes if v in layouts}
        self.maker = {step.outputs[0]: step for step in group.steps}
        self.nest = self._collapsed()
        self.words: list[Word] = []
        self.pointers: dict[tuple, str] = {}
        self.lines: dict[tuple[int, int, bool], list[str]] = {}  # by stage, depth, and whether after the loop
        self.names: dict[tuple[Value, int], str] = {}
        self.stages = self._stages()
        self.count = 0
        self.imports: set[str] = set()
        self.partial: list[Value] = []
        self.scratch: list[Layout] = []
        self.flops = 0

    # The nest

    def _over_domain(self, v: Value) -> tuple[int, ...]:
        """The stride of a value along each axis of the domain."""
        strides = [0] * len(self.group.domain)
        for a, stride in zip(self.group.axes[v], self.layouts[v].strides, strict=True):
            if a is not None:
                strides[a] += stride
        return tuple(strides)

    def _collapsed(self) -> list[list[int]]:
        """The axes of the domain in runs that one loop can walk."""
        domain, nest = self.group.domain, [[a] for a in range(len(self.group.domain))]
        ends = {len(self.group.level(v)) for v in self.group.made} | {self.group.split}
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
        return all(s[first] == s[second] * size for s in self.strides.values())

    def _sizes(self) -> list[int]:
        return [prod([self.group.domain[a] for a in run]) for run in self.nest]

    def _stride(self, v: Value, loop: int) -> int:
        return self.strides[v][self.nest[loop][-1]]

    def depth(self, v: Value) -> int:
        """How many loops stand around what makes (or loads) a value."""
        axes = self.group.level(v)
        return max([k + 1 for k, run in enumerate(self.nest) if axes & set(run)], default=0)

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
            staged = y in self.group.folded and self.group.split is not None
            if staged and self.group.folded[y] == frozenset(range(self.group.split, len(self.group.domain))):
                stage += 1
            stages[y] = stage
        return stages

    # The text

    def kernel(self) -> Kernel:
        group = self.group
        sizes = self._sizes()
        for step in group.steps:
            self._step(step, self._stage_of(step))
        body = self._loops(sizes)
        arguments = [Word("begin", "int64", value=0), Word("end", "int64", value=sizes[0] if sizes else 1)]
        arguments += [Word(f"n{k}", "int64", value=n) for k, n in enumerate(sizes) if k]
        self.words = arguments + self.words
        if not sizes:  # a kernel of scalars has no loop
            self.words = self.words[2:]
        text = self._text(body)
        read = sum(self.layouts[v].buffer.dtype.itemsize * prod(v.shape or ()) for v in self.strides)
        extent = sizes[0] if sizes else 1
        folds = {y: self.maker[y].op for y in group.folded}
        return Kernel(text, self.words, extent, self.partial, folds, self.scratch, read, self.flops)

    def _stage_of(self, step: Step) -> int:
        return max([self.stages.get(x, 0) for x in step.inputs], default=0)

    def _text(self, body: list[str]) -> str:
        signature = ", ".join(f'{w.name}: "{w.kind}"' for w in self.words)
        head = [f'"""{self._title()}"""', "import math", "", "import numpy as np"]
        if self.imports:
            head += ["", f"from nbtape.kernels.math import {', '.join(sorted(self.imports))}"]
        lines = [*head, "", "", f"def kernel({signature}):", *["    " + line for line in body or ["pass"]]]
        return "\n".join(lines) + "\n"

    def _title(self) -> str:
        names = [step.op.name for step in self.group.steps]
        told = " ".join(names[:12])
        return told + (f" and {len(names) - 12} more" if len(names) > 12 else "")

    def _loops(self, sizes: list[int]) -> list[str]:
        k, m = self.split, len(sizes)
        last = max([stage for stage, _, _ in self.lines], default=0)

        def inside(stage: int, d: int) -> list[str]:
            found = [*self.lines.get((stage, d, False), ())]
            if d < m:
                inner = staged() if stage < 0 and d + 1 == k else inside(stage, d + 1)
                if inner:
                    bounds = "begin, end" if d == 0 else f"n{d}"
                    found += [f"for i{d} in range({bounds}):", *["    " + line for line in inner]]
            return [*found, *self.lines.get((stage, d, True), ())]

        def staged() -> list[str]:
            return [line for stage in range(last + 1) for line in inside(stage, k)]

        return inside(-1, 0) if k else staged()

    def _put(self, line: str, stage: int, depth: int, after: bool = False) -> None:
        self.lines.setdefault((stage if depth >= self.split else -1, depth, after), []).append(line)

    # Steps

    def _step(self, step: Step, stage: int) -> None:
        y = step.outputs[0]
        if y in self.group.folded:
            self._fold(step, stage)
            return
        depth = self.depth(y)
        self._name(y, stage)
        if y in self.layouts:
            self._put(f"{self._element(y, depth)} = {self._name(y, stage)}", stage, depth)

    def _name(self, v: Value, stage: int) -> str:
        """A name that holds `v` in this stage, worked out or loaded there if need be."""
        key = v, stage if self.depth(v) > self.split else -1
        if key not in self.names:
            self.names[key] = self._found(v, stage)
        return self.names[key]

    def _found(self, v: Value, stage: int) -> str:
        if (literal := self._literal(v)) is not None:
            return literal
        step = self.maker.get(v)
        depth = self.depth(v)
        if step is None or self.stages[v] < stage and depth > self.split and not self._again(v):
            return self._loaded(v, stage, depth)
        name = self._new("t")
        self._put(f"{name} = {self._expression(step, stage)}", stage, depth)
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
            kernel = step.op.kernel
            if count > _CHEAP or _CALL.search(getattr(kernel, "text", "")) is not None:
                return False
            todo += step.inputs
        return True

    def _loaded(self, v: Value, stage: int, depth: int) -> str:
        if v not in self.layouts:
            self._spilled(v)
        name = self._new("t")
        self._put(f"{name} = {self._element(v, depth)}", stage, depth)
        return name

    def _spilled(self, v: Value) -> None:
        """Keep one row of `v` for the stages after the one that made it."""
        inner = self.group.domain[self.group.split :]
        layout = self.spill(v, prod(inner))
        self.scratch.append(layout)
        strides = [0] * (self.group.split or 0) + list(_dense(inner))
        self.layouts = {**self.layouts, v: layout}
        self.strides[v] = tuple(strides)
        stage, depth = self.stages[v], self.depth(v)
        self._put(f"{self._element(v, depth)} = {self.names[v, stage]}", stage, depth)

    def _literal(self, v: Value) -> str | None:
        """A constant of one number, as it stands in the text; others that are loaded become arguments."""
        if v.constant is None or v in self.layouts:
            return None
        text = literal(v)
        if text is None:
            text = self._new("c")
            self.words.append(parameter(v, text))
        return text

    def _new(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def _expression(self, step: Step, stage: int) -> str:
        text, called = expression(step, [self._name(x, stage) for x in step.inputs])
        self.imports |= called
        self.flops += prod(step.outputs[0].shape or ())
        return text

    def _element(self, v: Value, depth: int) -> str:
        """`v` as an element of an array: `x0[i0 * x0_0 + i1]`."""
        name = self._pointer(v)
        terms = []
        for k in range(depth):
            stride = self._stride(v, k)
            if stride == 1 and k == len(self.nest) - 1:
                terms.append(f"i{k}")
            elif stride:
                terms.append(f"i{k} * {self._stride_name(name, k, stride)}")
        return f"{name}[{' + '.join(terms) or 0}]"

    def _pointer(self, v: Value) -> str:
        layout = self.layouts[v]
        key = id(layout.buffer), layout.offset, self.strides[v]
        if key not in self.pointers:
            kind = "y" if v in self.maker else "x"
            name = self.pointers[key] = f"{kind}{len(self.pointers)}"
            self.words.append(Word(name, f"{layout.buffer.dtype}*", layout))
        return self.pointers[key]

    def _stride_name(self, pointer: str, k: int, stride: int) -> str:
        name = f"{pointer}_{k}"
        if all(w.name != name for w in self.words):
            self.words.append(Word(name, "int64", value=stride))
        return name

    # Reductions

    def _fold(self, step: Step, stage: int) -> None:
        kernel, y, (x,) = step.op.kernel, step.outputs[0], step.inputs
        assert isinstance(kernel, Reduce)
        value, depth = self._name(x, stage), self.depth(x)
        loops = [k for k in range(depth) if set(self.nest[k]) & self.group.folded[y]]
        first = depth
        while first and first - 1 in loops:
            first -= 1
        if first == depth and loops:  # over outer loops alone: in memory, an element for each inner one
            self._clear(y, kernel)
            target = self._element(y, depth)
            self._put(f"{target} = {self._folded(kernel, target, value, y)}", stage, depth)
        else:
            total = self._new("s")
            self._put(f"{total} = {_start(kernel, y.dtype)}", stage, first)
            self._put(f"{total} = {self._folded(kernel, total, value, y)}", stage, depth)
            self._close(y, kernel, total, stage, first, any(k < first for k in loops))
        if 0 in loops:
            self.partial.append(y)

    def _close(self, y: Value, kernel: Reduce, total: str, stage: int, first: int, further: bool) -> None:
        """After the loops over which `total` was folded: store it, or go on folding it in memory."""
        self.names[y, -1] = total
        if y not in self.layouts:
            return
        target = self._element(y, first)
        if further:
            self._clear(y, kernel)
            self._put(f"{target} = {self._folded(kernel, target, total, y)}", stage, first, after=True)
        else:
            self._put(f"{target} = {total}", stage, first, after=True)

    def _clear(self, y: Value, kernel: Reduce) -> None:
        name = self._pointer(y)
        count = f"{name}_size"
        self.words.append(Word(count, "int64", value=prod(y.shape or ())))
        index = self._new("j")
        self._put(f"for {index} in range({count}):", 0 if not self.split else -1, 0)
        self._put(f"    {name}[{index}] = {_start(kernel, y.dtype)}", 0 if not self.split else -1, 0)

    def _folded(self, kernel: Reduce, acc: str, x: str, y: Value) -> str:
        written, called = _typed(kernel.step, str(y.dtype))
        self.imports |= called
        self.flops += 1
        return _cast(written.format(acc=acc, x=x), kernel.step, [y.dtype], y.dtype)


def literal(v: Value) -> str | None:
    """A constant as it stands in a text; None where it has to be an argument."""
    number = np.asarray(v.constant).reshape(-1)[0]
    if v.dtype.kind == "b":
        return str(bool(number))
    if number in _LITERALS and not (number == 0 and np.signbit(number)):
        return f"np.{v.dtype}({int(number) if number == int(number) else number})"
    return None


def parameter(v: Value, name: str) -> Word:
    """A constant as an argument."""
    return Word(name, str(v.dtype), value=np.asarray(v.constant).reshape(-1)[0])


def expression(step: Step, names: list[str]) -> tuple[str, frozenset[str]]:
    """What a pointwise step computes from the values of these names, and the functions that it calls."""
    y = step.outputs[0]
    text = getattr(step.op.kernel, "text", "{0}")
    like = next((x.dtype for x in step.inputs if x.dtype.kind == "f"), y.dtype)
    written, called = _typed(text, str(like))
    return _cast(written.format(*names), text, [x.dtype for x in step.inputs], y.dtype), called


def _dense(shape: Iterable[int]) -> tuple[int, ...]:
    strides, step = [], 1
    for n in reversed(list(shape)):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def _start(kernel: Reduce, dtype: np.dtype) -> str:
    """What a reduction starts from."""
    number = {"-math.inf": -inf, "math.inf": inf, "False": False, "True": True}.get(kernel.init, kernel.init)
    if dtype.kind == "b":
        return str(bool(number))
    if dtype.kind in "iu" and number in (inf, -inf):
        number = np.iinfo(dtype).max if number == inf else np.iinfo(dtype).min
    return f"np.{dtype}({kernel.init if number in (inf, -inf) else number})"


@lru_cache(4096)
def _typed(text: str, dtype: str) -> tuple[str, frozenset[str]]:
    """`text` with its numbers written as numbers of `dtype`, or Numba would compute with doubles; and the
    functions it calls.
    """
    holes = re.sub(r"\{(\w+)\}", r"_hole_\1", text)
    tree = ast.parse(holes, mode="eval")
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    tree = ast.fix_missing_locations(_Numbers(dtype).visit(tree))
    written = ast.unparse(tree).replace("{", "{{").replace("}", "}}")
    return re.sub(r"_hole_(\w+)", r"{\1}", f"{written}"), frozenset(called - _BUILTINS)


_BUILTINS = frozenset({"abs", "min", "max", "round", "int", "float", "bool", "complex"})


class _Numbers(ast.NodeTransformer):
    def __init__(self, dtype: str):
        self.dtype = dtype

    def visit_Constant(self, node: ast.Constant) -> Any:
        if type(node.value) is float:
            return ast.parse(f"np.{self.dtype}({node.value!r})", mode="eval").body
        return node

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        if ast.unparse(node) in ("math.inf", "math.pi", "math.e", "math.nan"):
            return ast.parse(f"np.{self.dtype}({ast.unparse(node)})", mode="eval").body
        return node


_ARITHMETIC = re.compile(r"^[\s(){}0-9+*/-]*$")


def _cast(written: str, text: str, given: list[np.dtype], dtype: np.dtype) -> str:
    """`written`, of `dtype`: Numba's rules for numbers are not those of the table."""
    plain = all(d == dtype for d in given)
    if dtype.kind == "f" and plain and (_ARITHMETIC.match(text) and "1" not in re.sub(r"\{\d\}", "", text)):
        return written
    if dtype.kind == "b":
        return (
            written
            if given and all(d.kind == "b" for d in given) or re.search(r"[<>=!]", text)
            else f"{written} != 0"
        )
    return f"np.{dtype}({written})"

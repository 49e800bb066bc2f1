"""Loops of scalars, emitted whole: one kernel in which every step of the loop runs on registers.

A call of anything for each step would cost more than the step. Branches and loops inside are Python's own
`if` and `while`. What the loop captures are scalars, and arrays from which it takes elements.
"""

from collections.abc import Callable
from typing import Any

from nbtape.compile.emission.expression import expression, literal, parameter
from nbtape.compile.emission.kernel import Kernel, Word
from nbtape.compile.fusion import access
from nbtape.compile.fusion.group import NATIVE
from nbtape.compile.planning.check import Trap
from nbtape.compile.planning.layout import Layout
from nbtape.compile.planning.linear import collected, shows
from nbtape.core.kernel import Scalar, View
from nbtape.graph.program import Program, Step, Value

_INDENT = "    "


def is_scalar(step: Step) -> bool:
    """Whether a `while_` or `cond` can be a kernel of its own: scalars, and nothing but pointwise steps."""
    if step.op.name == "while_":
        body, cond = step.attrs["body"], step.attrs["cond"]
        return _scalars(body) and (cond is None or _scalars(cond))
    return all(_scalars(program) for program in step.programs)


def trips_of(step: Step) -> int | None:
    """How often a loop runs, where that is known."""
    attrs = step.attrs
    if attrs.get("trips") is not None:
        return attrs["trips"]
    if attrs["cond"] is not None or not attrs["scanned"]:
        return None
    shape = step.inputs[attrs["carries"]].shape
    return shape[0] if shape else None


def _scalars(program: Program) -> bool:
    made = {y for step in program.steps for y in step.outputs}
    if any(not _is_scalar(y) for y in (*program.outputs, *made)):
        return False
    return all(_simple(step) for step in program.steps)


def _is_scalar(v: Value) -> bool:
    return v.shape == () and v.dtype in NATIVE


def _simple(step: Step) -> bool:
    if step.op.name in ("while_", "cond"):
        inner = step.op.name == "cond" or (
            not step.attrs["scanned"] and len(step.outputs) == step.attrs["carries"]
        )
        return inner and is_scalar(step)
    if step.op.name == "dynamic_index":
        return step.inputs[0].static and len(step.inputs[0].shape or ()) == 1
    if not all(_is_scalar(x) for x in step.inputs):
        return False
    return isinstance(step.op.kernel, Scalar) or isinstance(step.op.kernel, View) and len(step.inputs) == 1


def emit_loop(
    step: Step, layouts: dict[Value, Layout], wrong: Layout, count: Layout | None = None, stops: bool = True
) -> tuple[Kernel, Trap | None]:
    """The kernel of a `while_` of scalars; `layouts` says where its inputs are and its outputs go. And what
    it checks, if it takes elements by indices: of the first that is out of range it tells in `wrong`.

    With `count`, where it counts its trips, it stops its program when there is no more room for rows, and
    goes on from there when it is run again. Kernels that cannot stop their program (`stops`), as those of
    cards, return nothing.
    """
    whole = _Whole(layouts, wrong, count, stops)
    kernel = whole.loop(step)
    word = next((k for k, w in enumerate(kernel.words) if w.layout is wrong), 0)
    return kernel, Trap(whole.checked, word) if whole.checked else None


class _Whole:
    def __init__(self, layouts: dict[Value, Layout], wrong: Layout, count: Layout | None, stops: bool):
        self.layouts, self.wrong, self.trips, self.stops = layouts, wrong, count, stops
        self.checked: list[Step] = []
        self.words: list[Word] = []
        self.pointers: dict[Value, str] = {}
        self.names: dict[Value, str] = {}
        self.imports: set[str] = set()
        self.lines: list[str] = []
        self.sum = ""  # of all floats that a loop gives, while zero cotangents absorb nothing
        self.count = 0
        self.depth = 0

    def loop(self, step: Step) -> Kernel:
        attrs, inputs = step.attrs, step.inputs
        body, carries, scanned = attrs["body"], attrs["carries"], attrs["scanned"]
        streams = inputs[carries : carries + scanned]
        starts = [self._captured(x) for x in inputs[:carries]]
        carried = [self._assigned(start) for start in starts]
        captured = [self._captured(x) for x in inputs[carries + scanned :]]
        if self.trips is not None:
            self._resumable(step, carried, captured)
            return self._kernel(len(body.steps))
        if step.attrs["cond"] is None or trips_of(step) is not None:
            self.words.append(Word("n", "int64", value=trips_of(step) or 0))
            self._counted_out(step, starts, carried, captured, streams)
        else:
            self._put("while True:")
            self._inside(lambda: self._tested(step, carried, captured, streams))
        for name, y in zip(carried, step.outputs[:carries]):
            if y in self.layouts:
                self._put(f"{self._pointer(y)}[0] = {name}")
        return self._kernel(len(body.steps))

    def _counted_out(
        self, step: Step, starts: list[str], carried: list[str], captured: list[str], streams: tuple
    ) -> None:
        """A loop of n trips: run as if no inf or nan had to be absorbed, and once more if one shows at the
        end. So what each trip waits for is arithmetic alone, which can be rearranged.
        """
        head = "for k in range(n - 1, -1, -1):" if step.attrs["reverse"] else "for k in range(n):"
        body = step.attrs["body"]
        if shows(body, len(carried)):
            self.sum = self._assigned("0.0")
            self._put(head)
            self._inside(lambda: self._turn(step, carried, captured, streams, collected(body, len(carried))))
            floats = [name for x, name in zip(step.inputs, carried) if x.dtype.kind == "f"]
            self._put(f"{self.sum} += {' + '.join(floats or ['0.0'])}")
            self._put(f"if not {self.sum} - {self.sum} == 0:")
            self.sum = ""
            self.depth += 1
            if carried:
                self._put(f"{', '.join(carried)} = {', '.join(starts)}")
        self._put(head)
        self._inside(lambda: self._turn(step, carried, captured, streams))
        self.depth = 0

    def _resumable(self, step: Step, carried: list[str], captured: list[str]) -> None:
        """A loop that saves its carries and stops where there is no more room for rows."""
        saved = [f"{self._pointer(y)}[0]" for y in step.outputs[: len(carried)]]
        self.words += [Word("room", "int64", value=0), Word("count", "int64*", self.trips)]
        self._put("k = count[0]")
        self._put("if k > 0:")
        self._put(_INDENT + f"{', '.join(carried)} = {', '.join(saved)}")
        self._put("more = True")
        self._put("while k < room:")
        self._inside(lambda: self._counted(step, carried, captured))
        self._put(f"{', '.join(saved)} = {', '.join(carried)}")
        self._put("count[0] = k")
        self._put("return more")

    def _counted(self, step: Step, carried: list[str], captured: list[str]) -> None:
        (holds,) = self._program(step.attrs["cond"], [*carried, *captured])
        self._put(f"if not {holds}:")
        self._put(_INDENT + "more = False")
        self._put(_INDENT + "break")
        self._turn(step, carried, captured, ())
        self._put("k += 1")

    def _tested(self, step: Step, carried: list[str], captured: list[str], streams: tuple) -> None:
        (holds,) = self._program(step.attrs["cond"], [*carried, *captured])
        self._put(f"if not {holds}:")
        self._put(_INDENT + "break")
        self._turn(step, carried, captured, streams)

    def _turn(
        self,
        step: Step,
        carried: list[str],
        captured: list[str],
        streams: tuple,
        body: Program | None = None,
    ) -> None:
        """One step of the loop: elements of the streams in, rows and the next carries out."""
        carries = step.attrs["carries"]
        elements = [self._assigned(f"{self._pointer(x)}[k * {self._stride(x)}]") for x in streams]
        found = self._program(body or step.attrs["body"], [*carried, *elements, *captured])
        for y, name in zip(step.outputs[carries:], found[carries:]):
            if y in self.layouts:
                self._put(f"{self._pointer(y)}[k] = {name}")
                if self.sum and y.dtype.kind == "f":
                    self._put(f"{self.sum} += {name}")
        if carried:
            self._put(f"{', '.join(carried)} = {', '.join(found[:carries])}")

    def _kernel(self, flops: int) -> Kernel:
        signature = ", ".join(f'{w.name}: "{w.kind}"' for w in self.words)
        head = ['"""A loop of scalars."""', "import math", "", "import numpy as np"]
        if self.imports:
            head += ["", f"from nbtape.kernels.math import {', '.join(sorted(self.imports))}"]
        body = [*self.lines]
        if self.checked:
            body = ["wrong[0] = 0", *body, *(["return False"] if self.trips is None and self.stops else ())]
        returns = ' -> "bool"' if self.stops and (self.trips is not None or self.checked) else ""
        lines = [*head, "", "", f"def kernel({signature}){returns}:", *[_INDENT + line for line in body]]
        return Kernel("\n".join(lines) + "\n", self.words, 1, [], {}, [], 0, flops)

    # Names

    def _put(self, line: str) -> None:
        self.lines.append(_INDENT * self.depth + line)

    def _inside(self, write: Callable[[], None]) -> None:
        self.depth += 1
        before = len(self.lines)
        write()
        if len(self.lines) == before:
            self._put("pass")
        self.depth -= 1

    def _new(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def _assigned(self, text: str) -> str:
        name = self._new()
        self._put(f"{name} = {text}")
        return name

    def _pointer(self, v: Value) -> str:
        if v not in self.pointers:
            layout = self.layouts[v]
            name = self.pointers[v] = f"x{len(self.pointers)}"
            self.words.append(Word(name, f"{layout.buffer.dtype}*", layout))
        return self.pointers[v]

    def _stride(self, v: Value) -> str:
        name = f"{self._pointer(v)}_0"
        if all(w.name != name for w in self.words):
            self.words.append(Word(name, "int64", value=self.layouts[v].strides[0]))
        return name

    def _captured(self, x: Value) -> str:
        if x.shape != ():
            return self._pointer(x) if x in self.layouts else ""
        if x.constant is not None and x not in self.layouts:
            return self._literal(x)
        return self._assigned(f"{self._pointer(x)}[0]")

    def _literal(self, x: Value) -> str:
        text = literal(x)
        if text is None:
            text = self._new()
            self.words.append(parameter(x, text))
        return text

    # Programs inside

    def _program(self, program: Program, given: list[str]) -> list[str]:
        """Write out the steps of `program` on the names `given`; the names of its outputs."""
        outer = self.names
        self.names = {**outer, **dict(zip(program.inputs, given))}
        for step in program.steps:
            self._step(step)
        found = [self._name(y) for y in program.outputs]
        self.names = outer
        return found

    def _name(self, x: Value) -> str:
        if x in self.layouts and x.shape != ():
            return self._pointer(x)
        if x not in self.names:
            assert x.constant is not None, x
            self.names[x] = self._literal(x)
        return self.names[x]

    def _step(self, step: Step) -> None:
        name = step.op.name
        if name == "while_":
            self._while(step)
            return
        if name == "cond":
            self._cond(step)
            return
        y = step.outputs[0]
        if name == "dynamic_index":
            self.names[y] = self._element(step)
        elif isinstance(step.op.kernel, View):
            self.names[y] = self._name(step.inputs[0])
        elif name == "absorb":
            self.names[y] = self._absorbed(step)
        else:
            self.names[y] = self._assigned(self._expression(step))

    def _expression(self, step: Step) -> str:
        if test := access.undefined(step):
            number = self._name(step.inputs[1])
            self._stop(step, test.format(number), number)
        text, called = expression(step, [self._name(x) for x in step.inputs])
        self.imports |= called
        return text

    def _absorbed(self, step: Step) -> str:
        """A branch, which is foreseen, and not a choice, which the next step of the loop would wait for."""
        if self.sum:
            return self._name(step.inputs[1])
        value = self._assigned(self._name(step.inputs[1]))
        self._put(f"if not {value} - {value} == 0:")
        text, called = expression(step, [self._name(step.inputs[0]), value])
        self.imports |= called
        self._put(_INDENT + f"{value} = {text}")
        return value

    def _element(self, step: Step) -> str:
        """An element of a captured array; from the end where the index is negative."""
        x, i = step.inputs
        index = self._assigned(f"np.int64({self._name(i)})")
        size = self._new()
        self.words.append(Word(size, "int64", value=(x.shape or (0,))[0]))
        self._stop(step, f"{index} < -{size} or {index} >= {size}", index)
        pointer = self._name(x)
        outside = next(v for v, name in self.pointers.items() if name == pointer)
        return self._assigned(
            f"{pointer}[({index} + {size} if {index} < 0 else {index}) * {self._stride(outside)}]"
        )

    def _stop(self, step: Step, wrong: str, number: str) -> None:
        """Stop where a number is `wrong`, an index or one to divide by."""
        if not self.checked:
            self.words.append(Word("wrong", "int64*", self.wrong))
        self.checked.append(step)
        self._put(f"if {wrong}:")
        stop = "return True" if self.stops else "return"
        for line in (f"wrong[0] = {len(self.checked)}", f"wrong[1] = {number}", stop):
            self._put(_INDENT + line)

    def _while(self, step: Step) -> None:
        carries = step.attrs["carries"]
        carried = [self._assigned(self._name(x)) for x in step.inputs[:carries]]
        captured = [self._name(x) for x in step.inputs[carries:]]
        trips = trips_of(step)
        if trips is None:
            self._put("while True:")
            self._inside(lambda: self._tested(step, carried, captured, ()))
        else:
            count = self._new()
            self.words.append(Word(count, "int64", value=trips))
            self._put(f"for {self._new()} in range({count}):")
            self._inside(lambda: self._turn(step, carried, captured, ()))
        self.names.update(zip(step.outputs, carried))

    def _cond(self, step: Step) -> None:
        pred, *given = [self._name(x) for x in step.inputs]
        results = [self._new() for _ in step.outputs]
        for word, key in ("if", "true"), ("else", "false"):
            self._put(f"{word} {pred}:" if word == "if" else "else:")
            self._inside(lambda key=key: self._branch(step.attrs[key], given, results))
        self.names.update(zip(step.outputs, results))

    def _branch(self, program: Program, given: list[str], results: list[str]) -> None:
        for result, name in zip(results, self._program(program, given)):
            self._put(f"{result} = {name}")


def layouts_of(step: Step, known: Any) -> dict[Value, Layout]:
    """Where the inputs of a loop lie, but for the numbers that stand in its text."""
    return {x: known(x) for x in step.inputs if x.constant is None or x.shape != ()}

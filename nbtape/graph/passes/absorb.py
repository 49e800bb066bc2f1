"""`absorb(g, gx)` is gx, but 0 where g is 0, or inf, and gx, a multiple of g, is NaN because of that.

It guards each gradient of an elementwise op. It goes where it is proven that it changes no element, for any
input: where gx = g * f, that f is finite where g is 0 and neither 0 nor NaN where g is inf. A NaN in both is
none of its business. Where g is never inf it is `mul_no_nan`, which costs half as much and may differ in the
sign of a zero.
"""

from nbtape.core.engine import o
from nbtape.graph.passes.ranges import Facts, Ranges
from nbtape.graph.passes.rewrite import Builder, Found, Rules, rewrite, scalar_of
from nbtape.graph.program import Program, Step, Value

_KEEPS = {"neg", "cast", "reshape", "identity"}  # what these give for 0 and inf is no NaN
_GATES = {"relu_grad", "relu6_grad", "masked"}  # the first input, or 0


def absorb(program: Program) -> Program:
    """`program` without the guards that guard nothing."""
    rules = Rules()
    state: dict[int, Ranges] = {}

    @rules("absorb")
    def guard(build: Builder, step: Step) -> Found:
        return _guard(build, step, state.setdefault(id(build), Ranges(build)))

    return rewrite(program, rules)


def _guard(build: Builder, step: Step, ranges: Ranges) -> Found:
    g, gx = step.inputs
    if gx.spec != step.outputs[0].spec or not gx.static:
        return None
    if gx is g:
        return gx
    of_g, made = ranges.of(g), build.maker(gx)
    if of_g.nonzero and (of_g.finite or not ranges.of(gx).causes):
        return gx
    if made is None or g not in made.inputs:
        return None
    name = made.op.name
    if name in _KEEPS or name in _GATES and made.inputs[0] is g:
        return gx
    if name == "where":
        return gx if _selects(build, made, g) else None
    if name == "div" and made.inputs[0] is g:
        f = ranges.of(made.inputs[1])
        return gx if f.nonzero and f.finite and f.causes <= of_g.taints else None
    if name == "mul" and g.dtype.kind == "f":
        f = made.inputs[1] if made.inputs[0] is g else made.inputs[0]
        return _product(build, g, f, gx, of_g, ranges.of(f))
    return None


def _product(build: Builder, g: Value, f: Value, gx: Value, of_g: Facts, of_f: Facts) -> Found:
    number = of_f.causes <= of_g.taints
    if number and of_f.finite and (of_g.finite or of_f.nonzero):
        return gx
    return build(o.mul_no_nan, f, g) if of_g.finite else None


def _selects(build: Builder, made: Step, g: Value) -> bool:
    """Whether each branch of a `where` is `g` or 0."""
    return all(x is g or scalar_of(build, x) == 0 for x in made.inputs[1:])

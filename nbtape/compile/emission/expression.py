"""Expressions in the text of kernels: those of the rows, with numbers and results of the right type.

Numba has rules of its own for what type an expression has: an int32 plus an int32 is an int64, and a float32
times 2.0 a float64. A cast is written wherever the rules of the table say otherwise.
"""

import ast
import re
from functools import lru_cache
from math import inf
from typing import Any

import numpy as np

from nbtape.compile.emission.kernel import Word
from nbtape.core.kernel import Reduce
from nbtape.graph.program import Step, Value

# Numbers that are part of the text; others are arguments, since many follow from sizes: a mean over two rows
# is to need no other kernel than one over three. To integers a 2 is a shift, and not a division.
_LITERALS = {"f": (0, 1, -1), "i": (0, 1, -1, 2), "u": (0, 1, 2)}
_DEAR = re.compile(r"[A-Za-z_]\w*\(|/")
_BUILTINS = frozenset({"abs", "min", "max", "round", "int", "float", "bool", "complex"})
_ROUNDED = {"float16": "half", "bfloat16": "brain"}  # what is computed in float32, and how it is rounded
_TESTS = frozenset({"isfinite", "isinf", "isnan"})


def computed(dtype: Any) -> str:
    """The dtype that kernels compute in with numbers of `dtype`.

    >>> computed(np.dtype(np.float16)), computed(np.dtype(np.int8))
    ('float32', 'int8')
    """
    return "float32" if str(dtype) in _ROUNDED else str(dtype)


def literal(v: Value) -> str | None:
    """A constant as it stands in a text; None where it has to be an argument."""
    number = np.asarray(v.constant).reshape(-1)[0]
    if v.dtype.kind == "b":
        return str(bool(number))
    if number in _LITERALS.get(v.dtype.kind, ()) and not (number == 0 and np.signbit(number)):
        return f"np.{computed(v.dtype)}({int(number)})"
    return None


def parameter(v: Value, name: str) -> Word:
    """A constant as an argument."""
    return Word(name, computed(v.dtype), value=np.asarray(v.constant).reshape(-1)[0])


def expression(step: Step, names: list[str]) -> tuple[str, frozenset[str]]:
    """What a pointwise step computes from the values of these names, and the functions that it calls."""
    text = getattr(step.op.kernel, "text", "{0}")
    kinds = {str(k): computed(x.dtype) for k, x in enumerate(step.inputs)}
    dtype = step.outputs[0].dtype
    found, called = _written(text, kinds, computed(dtype), {str(k): name for k, name in enumerate(names)})
    if (rounded := _ROUNDED.get(str(dtype))) is None:
        return found, called
    return f"{rounded}({found})", called | {rounded}


def combined(text: str, dtype: np.dtype, **names: str) -> tuple[str, frozenset[str]]:
    """What `text` computes from values of `dtype` by these names, as a number of `dtype`."""
    return _written(text, dict.fromkeys(names, computed(dtype)), computed(dtype), names)


def is_cheap(step: Step) -> bool:
    """Whether a step calls no function and does not divide."""
    return not _DEAR.search(getattr(step.op.kernel, "text", ""))


def start(kernel: Reduce, dtype: np.dtype) -> str:
    """What a reduction starts from."""
    number = {"-math.inf": -inf, "math.inf": inf, "False": False, "True": True}.get(kernel.init, kernel.init)
    if dtype.kind == "b":
        return str(bool(number))
    if dtype.kind in "iu" and number in (inf, -inf):
        number = np.iinfo(dtype).max if number == inf else np.iinfo(dtype).min
    return f"np.{computed(dtype)}({kernel.init if number in (inf, -inf) else number})"


def _written(text: str, kinds: dict, dtype: str, names: dict[str, str]) -> tuple[str, frozenset[str]]:
    written, called, found = _typed(text, tuple(kinds.items()), dtype)
    written = re.sub(r"_hole_(\w+)", lambda hole: names[hole[1]], written)
    if found == dtype:
        return written, called
    return (f"({written}) != 0" if dtype == "bool" else f"np.{dtype}({written})"), called


@lru_cache(4096)
def _typed(text: str, given: tuple, dtype: str) -> tuple[str, frozenset[str], str]:
    """`text` with its numbers written as numbers of its floats' dtype, or Numba would compute with doubles;
    the functions that it calls; and the dtype that Numba finds for it, if that is sure.
    """
    kinds = {f"_hole_{name}": kind for name, kind in given}
    like = next((kind for kind in kinds.values() if kind.startswith("float")), dtype)
    tree = ast.parse(re.sub(r"\{(\w+)\}", r"_hole_\1", text), mode="eval")
    calls = [n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    tree = ast.fix_missing_locations(_Numbers(like).visit(tree))
    return ast.unparse(tree), frozenset(calls) - _BUILTINS, _kind(tree.body, kinds)


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


def _kind(node: ast.expr, kinds: dict[str, str]) -> str:
    """The dtype of an expression, as far as it is sure; else an empty text."""
    match node:
        case ast.Name(id=name):
            return kinds.get(name, "")
        case ast.Compare():
            return "bool"
        case ast.BoolOp(values=values):
            return _common([_kind(x, kinds) for x in values], {"bool"})
        case ast.IfExp(body=a, orelse=b):
            return _common([_kind(a, kinds), _kind(b, kinds)])
        case ast.UnaryOp(op=ast.Not()):
            return "bool"
        case ast.UnaryOp(op=ast.USub(), operand=x):
            return _common([_kind(x, kinds)], {"float32", "float64", "int64"})
        case ast.BinOp(left=a, op=ast.Add() | ast.Sub() | ast.Mult(), right=b):
            return _common([_kind(a, kinds), _kind(b, kinds)], {"float32", "float64", "int64"})
        case ast.BinOp(left=a, op=ast.BitAnd() | ast.BitOr(), right=b):
            return _common([_kind(a, kinds), _kind(b, kinds)], {"bool"})
        case ast.BinOp(left=a, op=ast.Div(), right=b):
            return _common([_kind(a, kinds), _kind(b, kinds)], {"float32", "float64"})
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=dtype)):
            return dtype
        case ast.Call(func=ast.Name(id=name), args=args):
            if name in _TESTS:
                return "bool"
            chosen = [x for x in args[name == "where" :] if not isinstance(x, ast.Constant)]
            return _common([_kind(x, kinds) for x in chosen], {"float32", "float64"})
    return ""


def _common(kinds: list[str], allowed: set[str] | None = None) -> str:
    kind = kinds[0] if len(set(kinds)) == 1 else ""
    return kind if allowed is None or kind in allowed else ""

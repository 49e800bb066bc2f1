"""What users write on a magic's line: expressions, evaluated where their names live."""

import ast
from typing import Any

from IPython.core.error import UsageError

from nbtape.autodiff.tape import GradientTape
from nbtape.core import nest
from nbtape.core.engine import Tensor
from nbtape.core.report import describe


def value(shell: Any, text: str) -> Any:
    """The value of an expression in the user's namespace."""
    __tracebackhide__ = True  # what is wrong with the expression is the user's business, not this file's
    _parsed(text)
    return shell.ev(text)


def named(shell: Any, texts: list[str]) -> list[tuple[str, Any]]:
    """Each source with its name; a list of sources, or another structure of them, is taken apart."""
    __tracebackhide__ = True
    found: list[tuple[str, Any]] = []
    for text in [element for given in texts for element in _elements(given)]:
        x = value(shell, text)
        if nest.is_nested(x):
            found += [(f"{text}[{i}]" + _own_name(part), part) for i, part in enumerate(nest.flatten(x))]
        else:
            found.append((text, x))
    return found


def watched(shell: Any, tape: GradientTape) -> list[tuple[str, Any]]:
    """All that `tape` watches, under the names that the user has for it."""
    names = {id(x): name for name, x in shell.user_ns.items() if not name.startswith("_")}
    sources = [*tape.watched_variables(), *tape.watched_tensors()]
    return [(names.get(id(x)) or _own_name(x).strip() or describe(x), x) for x in sources]


def _parsed(text: str) -> ast.expr:
    __tracebackhide__ = True
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        message = f"{text!r} is no expression: one that has blanks stands in brackets, (a + b)"
    raise UsageError(message)


def _elements(text: str) -> list[str]:
    """`[a, b]` -> `a`, `b`: the elements of a list that is written out, else the expression itself."""
    __tracebackhide__ = True
    tree = _parsed(text)
    if not isinstance(tree, ast.List | ast.Tuple):
        return [text]
    return [ast.get_source_segment(text, element) or "" for element in tree.elts]


def _own_name(x: Any) -> str:
    """What a variable was named, if it was."""
    name = "" if isinstance(x, Tensor) else str(getattr(x, "name", "")).removesuffix(":0")
    return f" {name}" if name not in ("", "Variable") else ""

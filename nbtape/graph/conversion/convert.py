"""Python functions converted from their source, so that `if`, `while` and `for` on tensors become a graph.

The converted function shares the cells, globals and defaults of the original, and keeps its file and lines.
What it calls is converted when it is called; libraries, and functions whose source cannot be found, run as
they are. Conversions are kept by code object.
"""

import __future__

import ast
import copy
import functools
import inspect
import linecache
import sys
from collections.abc import Callable, Iterator
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

from nbtape.core import context
from nbtape.graph.conversion.iteration import LoopOptions as LoopOptions, for_ as for_, while_ as while_
from nbtape.graph.conversion.operators import (
    MISSING as MISSING,
    PENDING as PENDING,
    and_ as and_,
    checked as checked,
    compare as compare,
    if_ as if_,
    if_exp as if_exp,
    not_ as not_,
    or_ as or_,
    result as result,
)
from nbtape.graph.conversion.overloads import OVERLOADS
from nbtape.graph.conversion.places import Attribute as Attribute, Item as Item
from nbtape.graph.conversion.rewrite import converted, is_generator
from nbtape.graph.conversion.syntax import RUNTIME, Unconvertible, at, function as enclosing
from nbtape.graph.symbolic import unconverted

_LIBRARIES = {
    *sys.stdlib_module_names, "nbtape", "numpy", "scipy", "pandas", "matplotlib", "PIL", "IPython", "pytest"
}  # fmt: skip
_FUTURES = __future__.annotations.compiler_flag
_CODES: dict[tuple[str, CodeType], CodeType | None] = {}  # by file as well, since equal codes differ there
_MISSING_SOURCE = "its source is not available"


def call(function: Any) -> Any:
    """What converted code calls in place of `function`."""
    if context.local.graph is None:
        return function
    kind = type(function)
    if kind is FunctionType:
        return function if _is_library(function) else _converted(function)
    if kind is MethodType or kind is functools.partial:
        return _around(function, call)
    try:
        return OVERLOADS.get(function) or _converted_object(function, call)
    except TypeError:  # it cannot be hashed
        return _converted_object(function, call)


def convert(function: Callable) -> Callable:
    """`function` with its control flow on tensors as a graph's, and of what it calls.

    Of a library too, since it was asked for by name.

    >>> def positive(x):
    ...     if x > 0:
    ...         return x
    ...     return -x
    >>> tf.function(positive, autograph=True)(tf.constant(-3)).numpy()
    np.int32(3)
    """
    if type(function) is FunctionType:
        return _converted(function)
    if isinstance(function, MethodType | functools.partial):
        return _around(function, convert)
    return _converted_object(function, convert)


def converting(function: Any) -> Any:
    """A function of the user's that a library is about to call, converted where the trace around it is."""
    return convert(function) if getattr(context.local.graph, "converts", False) else function


def _around(function: Any, converting: Callable) -> Any:
    """A bound method or a partial, of a converted function."""
    if isinstance(function, functools.partial):
        return functools.partial(converting(function.func), *function.args, **function.keywords)
    inner = converting(function.__func__)
    return function if inner is function.__func__ else MethodType(inner, function.__self__)


def _converted_object(function: Any, converting: Callable) -> Any:
    """An object that can be called, with its `__call__` converted."""
    method = None if isinstance(function, type) else getattr(type(function), "__call__", None)  # noqa: B004
    if type(method) is not FunctionType or _is_library(method):
        return function
    return MethodType(converting(method), function)


def _is_library(function: FunctionType) -> bool:
    return str(function.__globals__.get("__name__")).split(".")[0] in _LIBRARIES


def _converted(function: FunctionType) -> FunctionType:
    code = function.__code__
    if RUNTIME in code.co_freevars:
        return function  # it stands in a function that was converted
    key = code.co_filename, code
    if key not in _CODES:
        _CODES[key] = _compiled(function)
    new = _CODES[key]
    if new is None:
        return function
    cells = dict(zip(code.co_freevars, function.__closure__ or ()))
    cells[RUNTIME] = CellType(sys.modules[__name__])
    closure = tuple([cells[name] for name in new.co_freevars])
    made = FunctionType(new, function.__globals__, function.__name__, function.__defaults__, closure)
    made.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(made, function)
    return made


def _compiled(function: FunctionType) -> CodeType | None:
    """The code of the converted function; None if it stays as it is."""
    code = function.__code__
    try:
        node, owner = _found(function)
        if is_generator(node):
            return None
        tree = _enclosed(converted(copy.deepcopy(node), owner), [*code.co_freevars, RUNTIME], owner)
        made = compile(tree, code.co_filename, "exec", code.co_flags & _FUTURES, True)
        for _ in range(2 if owner is None else 3):
            made = next(inside for inside in made.co_consts if isinstance(inside, CodeType))
        return made.replace(co_qualname=code.co_qualname)
    except Unconvertible as reason:
        unconverted[code] = str(reason)
        return None


# The source


def _found(function: FunctionType) -> tuple[Any, str | None]:
    """The node of a function in the tree of its file, and the class that it stands in."""
    code = function.__code__
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    if not text:
        raise Unconvertible(_MISSING_SOURCE)
    try:
        nodes = _functions(text).get((code.co_firstlineno, code.co_name), [])
    except SyntaxError:
        raise Unconvertible(_MISSING_SOURCE) from None
    nodes = [pair for pair in nodes if _takes(pair[0], code)]
    if code.co_name == "<lambda>" and len(nodes) > 1:
        nodes = [pair for pair in nodes if _holds(pair[0], code)][-1:]  # the innermost
    if len(nodes) != 1:
        raise Unconvertible(
            "its line holds several functions" if nodes else "its source has changed since it was run"
        )
    return nodes[0]


@functools.lru_cache(maxsize=32)
def _functions(text: str) -> dict[tuple[int, str], list[tuple[Any, str | None]]]:
    """The functions of a file by first line and name, each with the class that it stands in."""
    found: dict[tuple[int, str], list] = {}
    for node, owner in _walk(ast.parse(text), None):
        name = getattr(node, "name", "<lambda>")
        lines = [node.lineno, *[d.lineno for d in getattr(node, "decorator_list", [])]]
        found.setdefault((min(lines), name), []).append((node, owner))
    return found


def _walk(node: ast.AST, owner: str | None) -> Iterator[tuple[Any, str | None]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child, owner
        yield from _walk(child, child.name if isinstance(child, ast.ClassDef) else owner)


def _takes(node: Any, code: CodeType) -> bool:
    """Whether a function has the parameters that a code object has."""
    args = node.args
    names = [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    return names == list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


def _holds(node: ast.Lambda, code: CodeType) -> bool:
    """Whether a lambda's body holds all that a code object was made of."""
    body = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    places = [place for place in code.co_positions() if None not in place and place[2:] != (0, 0)]
    return all(start <= (place[0], place[2]) and (place[1], place[3]) <= end for place in places)


def _enclosed(made: Any, free: list[str], owner: str | None) -> ast.Module:
    """A module with the function in it, where a function around it has the names that it takes from there."""
    body, name = [made], getattr(made, "name", None)
    if owner is not None:  # names that start with __ belong to the class
        class_: Any = ast.parse(f"class {owner}: pass").body[0]
        class_.body, body, name = body, [class_], owner
    if name is not None and name not in free:  # what calls itself by name finds what the module has
        body.insert(0, ast.Global([name]))
    given = ast.Assign([ast.Name(name, ast.Store()) for name in free], ast.Constant(None))
    around = at(enclosing("around", (), [given, *body]), made)
    return ast.fix_missing_locations(ast.Module([around], []))


# What users say


def to_code(entity: Any, recursive: bool = True, experimental_optional_features: Any = None) -> str:
    """The source of what `entity`, a function, is converted into.

    >>> def f(x):
    ...     return x if x > 0 else -x
    >>> print(tf.autograph.to_code(f))
    def f(x):
        return ag__.if_exp(x > 0, lambda: x, lambda: -x, 'x > 0')
    """
    function = inspect.unwrap(getattr(entity, "python_function", entity))
    node, owner = _found(getattr(function, "__func__", function))
    return ast.unparse(converted(copy.deepcopy(node), owner))


def to_graph(entity: Any, recursive: bool = True, experimental_optional_features: Any = None) -> Any:
    """`entity`, a function, with its control flow on tensors converted: what a `tf.function` calls.

    >>> f = tf.autograph.to_graph(lambda x: 1 if x else 2)
    >>> f(True), f(False)
    (1, 2)
    """
    return convert(getattr(entity, "python_function", entity))


def do_not_convert(func: Callable | None = None) -> Any:
    """Leave a function's Python control flow as it is when a `tf.function` calls it.

    >>> @tf.autograph.experimental.do_not_convert
    ... def f(x):
    ...     return "yes" if x is None else "no"
    >>> f(None)
    'yes'
    """
    if func is None:
        return do_not_convert

    @functools.wraps(func)
    def as_it_is(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    if hasattr(func, "__code__"):
        unconverted[func.__code__] = "it is marked do_not_convert"
    code = as_it_is.__code__  # type: ignore[attr-defined]
    _CODES[code.co_filename, code] = None
    return as_it_is


def set_loop_options(
    parallel_iterations: Any = None,
    swap_memory: Any = None,
    maximum_iterations: Any = None,
    shape_invariants: Any = None,
) -> None:
    """Options for the loop around it: how often it may run, and which sizes may change from step to step.

    It stands first in the loop's body, and does nothing where the loop runs as Python.

    >>> @tf.function
    ... def f(n):
    ...     x = tf.zeros([0])
    ...     for i in tf.range(n):
    ...         tf.autograph.experimental.set_loop_options(shape_invariants=[(x, tf.TensorShape([None]))])
    ...         x = tf.concat([x, [1.0]], 0)
    ...     return x
    >>> f(3).numpy().tolist()
    [1.0, 1.0, 1.0]
    """

"""Pieces of Python's syntax trees, for those that rewrite them.

A new node takes its place in the file from the one that it stands for.
"""

import ast
from typing import Any

RUNTIME = "ag__"  # what converted code calls the module that it needs when it runs


class Unconvertible(Exception):
    """Why a function stays as it is."""


def at(node: Any, place: ast.AST) -> Any:
    """A new node, where `place` stands."""
    return ast.copy_location(node, place)


def starting(node: Any, place: Any, end: Any) -> Any:
    """A new node, on the line on which `place` starts: Python says of a call over several lines that it
    stands on the last one."""
    node = at(node, place)
    node.end_lineno = place.lineno
    node.end_col_offset = end.end_col_offset if end.end_lineno == place.lineno else place.col_offset
    return node


def constant(value: Any) -> ast.expr:
    return ast.Constant(value)


def load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def assign(name: str, value: ast.expr, place: ast.AST) -> ast.stmt:
    return at(ast.Assign([ast.Name(name, ast.Store())], value), place)


def variable(name: str, place: ast.AST) -> ast.stmt:
    """`name: None`, which does nothing but make a name a variable of its function."""
    return at(ast.AnnAssign(ast.Name(name, ast.Store()), constant(None), None, 1), place)


def any_of(names: list[str]) -> ast.expr:
    return load(names[0]) if len(names) == 1 else ast.BoolOp(ast.Or(), [load(name) for name in names])


def none_of(names: list[str]) -> ast.expr:
    return ast.UnaryOp(ast.Not(), any_of(names))


def thunk(value: ast.expr) -> ast.expr:
    """`lambda: value`."""
    return ast.Lambda(ast.arguments([], [], None, [], [], None, []), value)


def function(name: str, parameters: tuple, body: list[ast.stmt]) -> Any:
    """`def name(*parameters): body`."""
    made: Any = ast.parse(f"def {name}({', '.join(parameters)}): pass").body[0]
    made.body = body
    return made


def runtime(name: str) -> ast.expr:
    """Something that converted code needs when it runs."""
    return ast.Attribute(load(RUNTIME), name, ast.Load())


def called(name: str, *args: ast.expr, **keywords: ast.expr) -> ast.Call:
    """A call of something that converted code needs when it runs."""
    return ast.Call(runtime(name), list(args), [ast.keyword(key, x) for key, x in keywords.items()])


def is_runtime(call: ast.Call) -> bool:
    function = call.func
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) == RUNTIME

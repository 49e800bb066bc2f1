"""Which names a piece of a Python function reads and binds, and which are alive: read later on.

The branches of an `if` give back what is alive after it, and a loop carries what is alive when a step begins.
Jumps have been taken out before (see `jumps`), so that statements are walked backwards, one by one.
"""

import ast
from collections.abc import Iterable
from typing import NamedTuple

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Captured(NamedTuple):
    """What a function within the function does with names of the function around it."""

    reads: set[str]
    binds: set[str]


class Names(ast.NodeVisitor):
    """The names that a piece of code reads, binds for certain, and may bind; and the places it stores to.

    A place is an attribute or an item, `self.x` or `d["k"]`, by its text. A mention of a function within the
    function counts as a call of it.
    """

    def __init__(self, helpers: dict[str, Captured]):
        self.reads: set[str] = set()
        self.binds: set[str] = set()
        self.may_bind: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.places: dict[str, ast.Attribute | ast.Subscript] = {}
        self._helpers = helpers

    @property
    def modified(self) -> set[str]:
        return self.binds | self.may_bind

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            self.binds.add(node.id)
            return
        self.reads.add(node.id)
        if node.id in self._helpers:
            self.reads |= self._helpers[node.id].reads
            self.may_bind |= self._helpers[node.id].binds

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.may_bind.add(node.target.id)
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.reads.add(node.target.id)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.target)
            self.visit(node.value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._place(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._place(node)

    def _place(self, node: ast.Attribute | ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load) and _is_chain(node):
            self.places[ast.unparse(node)] = node
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.globals.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.nonlocals.update(node.names)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.binds.update([alias.asname or alias.name.split(".")[0] for alias in node.names])

    visit_ImportFrom = visit_Import

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.may_bind.add(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self.may_bind.add(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.may_bind.add(node.rest)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.binds.add(node.name)
        self._all([*node.decorator_list, node.args])

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.binds.add(node.name)
        self._all([*node.decorator_list, *node.bases, *node.keywords])
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                self.reads.add(part.id)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._all([node.args])
        self.reads |= captured(node, self._helpers).reads

    def visit_arg(self, node: ast.arg) -> None:
        """A parameter is no name of the function around."""

    def visit_comprehension_of(self, node: ast.expr) -> None:
        inner = Names(self._helpers)
        inner.generic_visit(node)
        self.reads |= inner.reads - inner.binds
        self.may_bind |= inner.may_bind

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_comprehension_of

    def _all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)


def _is_chain(node: ast.expr) -> bool:
    """Whether a place can be named again without computing anything: names, attributes, plain keys."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant | ast.Name):
            return False
        node = node.value
    return isinstance(node, ast.Name)


def roots(node: ast.expr) -> set[str]:
    """The names that a place is found by."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def parameters(args: ast.arguments) -> list[str]:
    """The names of a function's parameters, in order."""
    every = [*args.posonlyargs, *args.args, args.vararg, *args.kwonlyargs, args.kwarg]
    return [arg.arg for arg in every if arg is not None]


def captured(node: ast.AST, helpers: dict[str, Captured]) -> Captured:
    """What a function or lambda does with names of the function around it."""
    inner, binds = Names(helpers), set()
    for part in [node.body] if isinstance(node, ast.Lambda) else node.body:  # type: ignore[attr-defined]
        inner.visit(part)
    for part in own(node):
        if isinstance(part, FUNCTIONS):
            within = captured(part, helpers)
            inner.reads |= within.reads - {part.name}
            binds |= within.binds
    local = (inner.modified | set(parameters(node.args))) - inner.nonlocals  # type: ignore[attr-defined]
    reads = (inner.reads | inner.nonlocals) - local - inner.globals
    return Captured(reads, inner.modified & inner.nonlocals | binds - local)


def own(node: ast.AST) -> Iterable[ast.AST]:
    """All that stands in a function, but not in the functions and classes within it."""
    body = node.body if isinstance(node.body, list) else [node.body]  # type: ignore[attr-defined]
    left = list(body)
    while left:
        part = left.pop()
        yield part
        if not isinstance(part, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            left += ast.iter_child_nodes(part)


class Scope:
    """The names of one function: what its statements read and bind, and what is alive before each."""

    def __init__(self, node: ast.AST):
        body = list(own(node))
        direct = Names({})
        for part in node.body if isinstance(node.body, list) else []:  # type: ignore[attr-defined]
            direct.visit(part)
        self.globals, self.nonlocals = direct.globals, direct.nonlocals
        self.bound = direct.modified - direct.globals - direct.nonlocals  # its own variables
        self._seen_outside = self.globals | self.nonlocals  # alive when the function returns
        self._helpers: dict[str, Captured] = {}
        inside: list[tuple[str, ast.AST]] = [(p.name, p) for p in body if isinstance(p, FUNCTIONS)]
        for part in body:
            match part:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as function):
                    inside.append((name, function))
        for _ in inside:  # functions may mention each other
            self._helpers |= {name: captured(function, self._helpers) for name, function in inside}

    def names(self, *nodes: ast.AST) -> Names:
        found = Names(self._helpers)
        for node in nodes:
            found.visit(node)
        return found

    def reads(self, *nodes: ast.AST | None) -> set[str]:
        return self.names(*[node for node in nodes if node is not None]).reads

    def at_end(self) -> set[str]:
        return set(self._seen_outside)

    def before(self, stmts: Iterable[ast.stmt], after: set[str]) -> set[str]:
        """What is alive before `stmts`, where `after` is alive after them."""
        for stmt in reversed(list(stmts)):
            after = self._before(stmt, after)
        return after

    def _before(self, stmt: ast.stmt, after: set[str]) -> set[str]:
        match stmt:
            case ast.If():
                return self.reads(stmt.test) | self.before(stmt.body, after) | self.before(stmt.orelse, after)
            case ast.While():
                return self.header(stmt, after)
            case ast.For() | ast.AsyncFor():
                return self.reads(stmt.iter) | self.header(stmt, after)
            case ast.With() | ast.AsyncWith():
                bound = self.names(*stmt.items)
                return bound.reads | self.before(stmt.body, after) - bound.binds
            case ast.Try() | ast.TryStar():
                return self.before(stmt.body, self.in_try(stmt, after)) | self.in_try(stmt, after)
            case ast.Match():
                cases = [self.before(case.body, after) | self.reads(case.guard) for case in stmt.cases]
                return set().union(self.reads(stmt.subject), after, *cases)
            case ast.Return() | ast.Raise():
                return self.reads(stmt) | self._seen_outside
        found = self.names(stmt)
        return found.reads | after - found.binds

    def header(self, loop: ast.While | ast.For | ast.AsyncFor, after: set[str]) -> set[str]:
        """What is alive each time that a loop decides whether to go on."""
        alive = after | self.before(loop.orelse, after)
        entered = set()
        if isinstance(loop, ast.While):
            alive |= self.reads(loop.test)
        else:
            alive |= self.reads(stop_of(loop))
            entered = self.names(loop.target).binds
        while True:
            more = alive | self.before(loop.body, alive) - entered
            if more == alive:
                return alive
            alive = more

    def in_try(self, stmt: ast.Try | ast.TryStar, after: set[str]) -> set[str]:
        """What is alive throughout the body of a `try`, since it may be left at any point."""
        last = self.before(stmt.finalbody, after)
        alive = last | self.before(stmt.orelse, last)
        for handler in stmt.handlers:
            alive |= self.reads(handler.type) | self.before(handler.body, last)
        return alive


def stop_of(loop: ast.AST) -> ast.expr | None:
    """What ends a `for` loop early, where `jumps` has put that in place of a jump."""
    return getattr(loop, "stop", None)

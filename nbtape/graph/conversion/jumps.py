"""`break`, `continue` and early `return` taken out of a function: what they skip is put under conditions.

    for x in xs:              stopped = False
        if x < 0:             for x in xs:                   until `stopped`
            break       ->        if x < 0:
        y = y + x                     stopped = True
                                  else:
                                      y = y + x

Then a branch or a loop's body can become a function, and a graph. A `for` that ends early gets an attribute
`stop`, the expression that ends it.
"""

import ast
import copy
from collections.abc import Callable

from nbtape.graph.conversion.names import FUNCTIONS, own, stop_of
from nbtape.graph.conversion.syntax import (
    Unconvertible,
    any_of,
    assign,
    at,
    called,
    constant,
    load,
    none_of,
    runtime,
)

_JUMPS = {ast.Return: "return", ast.Break: "break", ast.Continue: "continue"}
_BLOCKS = (ast.If, ast.While, ast.For, ast.AsyncFor, ast.Match, ast.Try, ast.TryStar, ast.With)


def without_jumps(function: ast.FunctionDef, fresh: Callable[[str], str]) -> list[ast.stmt]:
    """The body of `function` without jumps, but for a `return` at its end; `fresh` makes names."""
    returns = any(isinstance(part, ast.Return) for stmt in function.body for part in _inner(stmt))
    lowering = _Lowering(fresh, returns)
    body = list(function.body)
    if not returns:
        lowered = lowering.block(body, {})
        return _without(lowering.flags - _read(lowered), lowered)
    if not _ends(body):
        body.append(at(ast.Return(runtime("MISSING")), function))
    flags = {"return": lowering.returned}
    lowered = lowering.block(body, flags)
    end = at(ast.Return(called("result", load(lowering.result))), function)
    unread = lowering.flags - _read([*lowered, end])
    # Where later statements ask whether the function returned, a branch may leave the result open.
    open_ = "MISSING" if lowering.returned in unread else "PENDING"
    start = [
        assign(lowering.returned, constant(False), function),
        assign(lowering.result, runtime(open_), function),
    ]
    return _without(unread, [*start, *lowered, end])


def _without(names: set[str], stmts: list[ast.stmt]) -> list[ast.stmt]:
    """Statements without assignments to names that nobody reads."""
    return ast.fix_missing_locations(_Without(names).visit(ast.Module(stmts, []))).body


def _inner(stmt: ast.stmt) -> list[ast.AST]:
    """What stands within a statement, functions and classes within it aside."""
    if isinstance(stmt, (*FUNCTIONS, ast.ClassDef)):
        return []
    return [part for child in ast.iter_child_nodes(stmt) for part in _with_own(child)]


def _with_own(node: ast.AST) -> list[ast.AST]:
    return list(own(ast.Module([node], [])))  # type: ignore[list-item]


def _escaping(stmts: list[ast.stmt]) -> set[str]:
    """The kinds of jumps that lead out of statements."""
    kinds = set()
    for stmt in stmts:
        match stmt:
            case ast.Return() | ast.Break() | ast.Continue():
                kinds.add(_JUMPS[type(stmt)])
            case ast.While() | ast.For() | ast.AsyncFor():
                kinds |= _escaping(stmt.body) & {"return"} | _escaping(stmt.orelse)
            case _:
                for block in _blocks(stmt):
                    kinds |= _escaping(block)
    return kinds


def _blocks(stmt: ast.stmt) -> list[list[ast.stmt]]:
    """The lists of statements within one."""
    if not isinstance(stmt, _BLOCKS):
        return []
    parts = [getattr(stmt, name, []) for name in ("body", "orelse", "finalbody")]
    parts += [handler.body for handler in getattr(stmt, "handlers", [])]
    return parts + [case.body for case in getattr(stmt, "cases", [])]


def _ends(stmts: list[ast.stmt]) -> bool:
    """Whether what follows these statements is never reached."""
    for stmt in stmts:
        match stmt:
            case ast.Return() | ast.Break() | ast.Continue() | ast.Raise():
                return True
            case ast.If() if _ends(stmt.body) and _ends(stmt.orelse):
                return True
            case ast.With() if _ends(stmt.body):
                return True
            case ast.While(test=ast.Constant(value=True)) if "break" not in _escaping(stmt.body):
                return True
            case ast.Try() if _ends(stmt.finalbody) or _ends([*stmt.body, *stmt.orelse]):
                if all(_ends(handler.body) for handler in stmt.handlers):
                    return True
    return False


class _Lowering:
    def __init__(self, fresh: Callable[[str], str], returns: bool):
        self._fresh = fresh
        self.returned, self.result = (fresh("returned"), fresh("return_value")) if returns else ("", "")
        self.flags = {self.returned}

    def block(self, stmts: list[ast.stmt], flags: dict[str, str]) -> list[ast.stmt]:
        """Statements without jumps; `flags` names what each kind of jump sets instead."""
        out: list[ast.stmt] = []
        for i, stmt in enumerate(stmts):
            kinds, rest = _escaping([stmt]), stmts[i + 1 :]
            if isinstance(stmt, ast.Return) and "return" not in flags:
                return [*out, stmt]
            if kinds and isinstance(stmt, ast.If) and (_ends(stmt.body) or _ends(stmt.orelse)):
                # What follows belongs to the branch that goes on.
                on, rest = (stmt.orelse if _ends(stmt.body) else stmt.body), [*rest]
                on += rest
                return [*out, *self._lowered(stmt, flags)]
            out += self._lowered(stmt, flags)
            if isinstance(stmt, ast.Return | ast.Break | ast.Continue | ast.Raise):
                return out
            if rest and (set_ := [flags[kind] for kind in sorted(kinds) if kind in flags]):
                return [*out, at(ast.If(none_of(set_), self.block(rest, flags), []), rest[0])]
        return out

    def _lowered(self, stmt: ast.stmt, flags: dict[str, str]) -> list[ast.stmt]:
        match stmt:
            case ast.Return():
                value = stmt.value or constant(None)
                return [assign(self.result, value, stmt), assign(self.returned, constant(True), stmt)]
            case ast.Break() | ast.Continue():
                return [assign(flags[_JUMPS[type(stmt)]], constant(True), stmt)]
            case ast.While() | ast.For():
                return self._loop(stmt, flags)
            case ast.Try() | ast.TryStar():
                return [self._try(stmt, flags)]
            case ast.If():
                stmt.body, stmt.orelse = self._filled(stmt.body, flags, stmt), self.block(stmt.orelse, flags)
            case ast.With() | ast.AsyncWith():
                stmt.body = self._filled(stmt.body, flags, stmt)
            case ast.Match():
                for case in stmt.cases:
                    case.body = self._filled(case.body, flags, stmt)
        return [stmt]

    def _filled(self, stmts: list[ast.stmt], flags: dict[str, str], place: ast.stmt) -> list[ast.stmt]:
        return self.block(stmts, flags) or [at(ast.Pass(), place)]

    def _loop(self, loop: ast.While | ast.For, flags: dict[str, str]) -> list[ast.stmt]:
        kinds = _escaping(loop.body)
        inside = {kind: name for kind, name in flags.items() if kind == "return"}
        before: list[ast.stmt] = []
        for kind, name in ("break", "stopped"), ("continue", "skipped"):
            if kind in kinds:
                inside[kind] = self._fresh(name)
                self.flags.add(inside[kind])
        orelse, loop.orelse = loop.orelse, []
        loop.body = self._filled(loop.body, inside, loop)
        if "continue" in kinds:
            loop.body.insert(0, assign(inside["continue"], constant(False), loop))
        if "break" in kinds:
            before.append(assign(inside["break"], constant(False), loop))
        stops = [inside[kind] for kind in ("return", "break") if kind in kinds]
        if isinstance(loop, ast.While) and any(isinstance(p, ast.NamedExpr) for p in ast.walk(loop.test)):
            before.append(self._tested_by_steps(loop, stops))
        if stops and isinstance(loop, ast.While):
            loop.test = at(ast.BoolOp(ast.And(), [none_of(stops), loop.test]), loop.test)
        elif stops:
            loop.stop = ast.fix_missing_locations(at(any_of(stops), loop))  # type: ignore[union-attr]
        after = self.block(orelse, flags)
        if after and stops:
            after = [at(ast.If(none_of(stops), after, []), after[0])]
        return [*before, loop, *after]

    def _tested_by_steps(self, loop: ast.While, stops: list[str]) -> ast.stmt:
        """Let the loop's steps find out whether it goes on, since that binds names; the first test."""
        going, test = self._fresh("going"), loop.test
        again = assign(going, copy.deepcopy(test), test)
        loop.body.append(at(ast.If(none_of(stops), [again], []), test) if stops else again)
        loop.test = at(load(going), test)
        return assign(going, test, test)

    def _try(self, stmt: ast.Try | ast.TryStar, flags: dict[str, str]) -> ast.stmt:
        if _escaping(stmt.finalbody):
            raise Unconvertible("a jump leaves a `finally` clause")
        kinds = _escaping(stmt.body)
        stmt.body = self._filled(stmt.body, flags, stmt)
        stmt.orelse, stmt.finalbody = self.block(stmt.orelse, flags), self.block(stmt.finalbody, flags)
        if kinds and stmt.orelse:
            unset = none_of([flags[kind] for kind in sorted(kinds)])
            stmt.orelse = [at(ast.If(unset, stmt.orelse, []), stmt.orelse[0])]
        for handler in stmt.handlers:
            handler.body = self._filled(handler.body, flags, stmt)
        return stmt


def _read(stmts: list[ast.stmt]) -> set[str]:
    """The names that statements read, in what ends loops too."""
    parts = list(ast.walk(ast.Module(stmts, [])))
    parts += [part for loop in parts if (stop := stop_of(loop)) for part in ast.walk(stop)]
    return {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


class _Without(ast.NodeTransformer):
    """Takes assignments to names out."""

    def __init__(self, names: set[str]):
        self._names = names

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign | None:
        target = node.targets[0]
        return None if isinstance(target, ast.Name) and target.id in self._names else node

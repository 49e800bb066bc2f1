"""Python's control flow rewritten as calls: each block becomes a function, which a trace can call or not.

    if x > 0:                 def if_body():
        y = x                     nonlocal y
    else:                ->       y = x
        y = -x                def else_body():
                                  nonlocal y
                                  y = -x
                              ag__.if_(x > 0, if_body, else_body, ("y",))

Names keep their meaning, since blocks share the function's own variables; new statements stand on the lines
of the old ones, so that errors point to what the user wrote.
"""

import ast
import copy
import re

from nbtape.graph.conversion.jumps import without_jumps
from nbtape.graph.conversion.names import Scope, own, parameters, roots, stop_of
from nbtape.graph.conversion.syntax import (
    at,
    called,
    constant,
    function,
    is_runtime,
    load,
    runtime,
    starting,
    thunk,
    variable,
)

_OPERATORS = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_DIRECTIVE = "set_loop_options"
_LEFT_ALONE = re.compile(r"\bdo_not_convert\b|\bautograph=False\b")  # in a decorator


def converted(node: ast.FunctionDef | ast.Lambda, owner: str | None) -> ast.stmt:
    """A statement that makes the function anew, with its control flow as calls; without its defaults.

    `owner` is the class in whose body the function stands: names that start with __ belong to it.
    """
    rewriter = _Rewriter(node, owner)
    node.args.defaults, node.args.kw_defaults = [], [None] * len(node.args.kwonlyargs)
    if isinstance(node, ast.Lambda):
        return ast.fix_missing_locations(at(ast.Expr(rewriter.visit_Lambda(node)), node))
    node.decorator_list, node.returns, node.type_params = [], None, []  # type: ignore[attr-defined]
    return ast.fix_missing_locations(rewriter.function(node))


def is_generator(function: ast.AST) -> bool:
    """Whether a function is called to be gone through or awaited: such functions stay as they are."""
    if isinstance(function, ast.AsyncFunctionDef):
        return True
    return any(isinstance(part, ast.Yield | ast.YieldFrom | ast.Await) for part in own(function))


class _Rewriter(ast.NodeTransformer):
    """Rewrites one function and those within it; `_scope` is that of the innermost one."""

    def __init__(self, function: ast.AST, owner: str | None):
        parts = list(ast.walk(function))
        self._taken = {getattr(part, field, "") for part in parts for field in ("id", "arg", "name")}
        self._owner = owner
        self._scope = Scope(function)
        self._shared: set[str] = set()  # the names that blocks of the function bind
        self._first: str | None = None  # the function's first parameter: `self`

    def _fresh(self, name: str) -> str:
        found, n = name, 1
        while found in self._taken:
            found, n = f"{name}_{n}", n + 1
        self._taken.add(found)
        return found

    # Functions

    def function(self, node: ast.FunctionDef) -> ast.FunctionDef:
        saved = self._scope, self._shared, self._first
        doc = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
        node.body = node.body[len(doc) :]
        body = without_jumps(node, self._fresh)
        self._scope, self._shared = Scope(ast.Module(body, [])), set()
        self._first = next((arg.arg for arg in (*node.args.posonlyargs, *node.args.args)), None)
        declared = _declared(body, node)
        new = self.block(body, self._scope.at_end())
        local = (self._shared & self._scope.bound) - set(parameters(node.args))
        self._scope, self._shared, self._first = saved
        variables = [variable(name, node) for name in sorted(local)]  # which blocks can bind then
        node.body = [*doc, *declared, *variables, *new] or [at(ast.Pass(), node)]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        if is_generator(node) or _LEFT_ALONE.search("\n".join(map(ast.unparse, node.decorator_list))):
            return node
        return self.function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AsyncFunctionDef:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node  # its methods are converted when they are called

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        if is_generator(node):
            return node
        first, self._first = self._first, next(iter(parameters(node.args)), None)
        node.body = self.visit(node.body)
        self._first = first
        return node

    # Statements

    def block(self, stmts: list[ast.stmt], after: set[str]) -> list[ast.stmt]:
        """Statements rewritten, where `after` is alive behind them."""
        blocks = []
        for stmt in reversed(stmts):
            before = self._scope.before([stmt], after)
            blocks.append(self._statement(stmt, after))
            after = before
        return [stmt for block in reversed(blocks) for stmt in block]

    def _statement(self, stmt: ast.stmt, after: set[str]) -> list[ast.stmt]:
        match stmt:
            case ast.Global() | ast.Nonlocal():
                return [at(ast.Pass(), stmt)]  # they stand at the top now
            case ast.AnnAssign(target=ast.Name()):  # no block can bind a name that it annotates
                value = stmt.value and self.visit(stmt.value)
                return [at(ast.Assign([stmt.target], value) if value else ast.Pass(), stmt)]
            case ast.If() if not _is_plain(stmt.test):
                return self._if(stmt, after)
            case ast.While():
                return self._while(stmt, after)
            case ast.For():
                return self._for(stmt, after)
            case ast.Assert():
                return [self._assert(stmt)]
            case ast.If():
                stmt.test = self.visit(stmt.test)
                stmt.body, stmt.orelse = self.block(stmt.body, after), self.block(stmt.orelse, after)
            case ast.With():
                stmt.items = [self.visit(item) for item in stmt.items]
                stmt.body = self.block(stmt.body, after)
            case ast.Try() | ast.TryStar():
                self._try(stmt, after)
            case ast.Match():
                stmt.subject = self.visit(stmt.subject)
                for case in stmt.cases:
                    case.guard = case.guard and self.visit(case.guard)
                    case.body = self.block(case.body, after)
            case _:
                return [self.visit(stmt)]
        return [stmt]

    def _try(self, stmt: ast.Try | ast.TryStar, after: set[str]) -> None:
        alive, last = self._scope.in_try(stmt, after), self._scope.before(stmt.finalbody, after)
        stmt.body, stmt.orelse = self.block(stmt.body, alive), self.block(stmt.orelse, last)
        for handler in stmt.handlers:
            handler.type = handler.type and self.visit(handler.type)
            handler.body = self.block(handler.body, last)
        stmt.finalbody = self.block(stmt.finalbody, after)

    def _if(self, stmt: ast.If, after: set[str]) -> list[ast.stmt]:
        state = self._state(stmt, after, stmt.body, stmt.orelse)
        body = self._function_of("if_body", stmt, stmt.body, after)
        orelse = self._function_of("else_body", stmt, stmt.orelse, after)
        test, blocks = self.visit(stmt.test), [load(body.name), load(orelse.name)]
        return [body, orelse, _statement("if_", stmt, test, *blocks, *state)]

    def _while(self, stmt: ast.While, after: set[str]) -> list[ast.stmt]:
        header = self._scope.header(stmt, after)
        options = self._options(stmt)
        tested: list[ast.stmt] = [at(ast.Return(stmt.test), stmt.test)]
        state = self._state(stmt, header, tested, stmt.body)
        test = self._function_of("loop_test", stmt, tested, header)
        body = self._function_of("loop_body", stmt, stmt.body, header)
        called = _statement("while_", stmt, load(test.name), load(body.name), *state, **options)
        return [test, body, called]

    def _for(self, stmt: ast.For, after: set[str]) -> list[ast.stmt]:
        header = self._scope.header(stmt, after)
        options = self._options(stmt)
        item = self._fresh("item")
        stmts = [at(ast.Assign([stmt.target], load(item)), stmt.target), *stmt.body]
        state = self._state(stmt, header, stmts)
        body = self._function_of("loop_body", stmt, stmts, header, item)
        stop = stop_of(stmt)
        if stop is not None:
            options["stop"] = thunk(self.visit(stop))
        iterated = self.visit(stmt.iter)
        return [body, _statement("for_", stmt, iterated, load(body.name), *state, **options)]

    def _options(self, loop: ast.While | ast.For) -> dict[str, ast.expr]:
        """What `set_loop_options` asks for at the start of a loop's body, which it is taken out of."""
        for stmt in loop.body:
            match stmt:
                case ast.Expr(ast.Call() as call) if _last_name(call.func) == _DIRECTIVE:
                    loop.body = [s for s in loop.body if s is not stmt] or [at(ast.Pass(), stmt)]
                    call.func = runtime("LoopOptions")
                    return {"options": thunk(call)}
        return {}

    def _assert(self, stmt: ast.Assert) -> ast.stmt:
        message = [thunk(self.visit(stmt.msg))] if stmt.msg is not None else []
        stmt.test = _call("checked", stmt.test, self.visit(stmt.test), *message)
        return stmt

    def _function_of(
        self, name: str, place: ast.stmt, stmts: list[ast.stmt], after: set[str], *given: str
    ) -> ast.FunctionDef:
        """A block as a function that binds the names of the function around it."""
        bound = self._scope.names(*stmts).modified
        shared, global_ = sorted(bound - self._scope.globals), sorted(bound & self._scope.globals)
        self._shared.update(shared)
        body: list[ast.stmt] = [at(ast.Nonlocal(shared), place)] if shared else []
        body += [at(ast.Global(global_), place)] if global_ else []
        body += self.block(stmts, after) or [at(ast.Pass(), place)]
        return at(function(self._fresh(name), given, body), place)

    def _state(self, place: ast.stmt, alive: set[str], *blocks: list[ast.stmt]) -> list[ast.expr]:
        """Two tuples for the runtime: what blocks modify that is alive, and what else they bind."""
        found = self._scope.names(*[stmt for block in blocks for stmt in block])
        kept, rest = found.modified & alive, found.modified - alive
        places = [node for node in found.places.values() if not roots(node) & found.modified]
        slots = [self._slot(name) for name in sorted(kept)] + [self._place(node) for node in places]
        others = [self._slot(name) for name in sorted(rest)]
        tuples = [ast.Tuple(slots, ast.Load())] + [ast.Tuple(others, ast.Load())] * bool(others)
        return [at(t, place) for t in tuples]

    def _slot(self, name: str) -> ast.expr:
        """A name as something to read and set."""
        if name in self._scope.globals:
            globals_ = thunk(ast.Call(load("globals"), [], []))
            return called("Item", constant(name), globals_, thunk(constant(name)))
        if self._owner and name.startswith("__") and not name.endswith("__"):
            return constant(f"_{self._owner.lstrip('_')}{name}")
        return constant(name)

    def _place(self, node: ast.Attribute | ast.Subscript) -> ast.expr:
        """An attribute or item as something to read and set."""
        text, owner = constant(ast.unparse(node)), thunk(copy.deepcopy(node.value))
        if isinstance(node, ast.Attribute):
            return called("Attribute", text, owner, constant(node.attr))
        return called("Item", text, owner, thunk(copy.deepcopy(node.slice)))

    # Expressions

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        plain = all(_is_plain(value) for value in node.values) or _binds(*node.values[1:])
        first, *rest = [self.visit(value) for value in node.values]
        if plain:
            node.values = [first, *rest]
            return node
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        return _call(name, node, first, *[thunk(value) for value in rest])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        plain = not isinstance(node.op, ast.Not) or _is_plain(node.operand)
        node.operand = self.visit(node.operand)
        return node if plain else _call("not_", node, node.operand)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        plain, text = _is_plain(node.test) or _binds(node.body, node.orelse), ast.unparse(node.test)
        self.generic_visit(node)
        if plain:
            return node
        return _call("if_exp", node, node.test, thunk(node.body), thunk(node.orelse), constant(text))

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        plain = len(node.ops) == 1 or _binds(*node.comparators)
        self.generic_visit(node)
        if plain:
            return node
        links = [
            ast.Tuple([constant(_OPERATORS[type(op)]), thunk(right)], ast.Load())
            for op, right in zip(node.ops, node.comparators)
        ]
        return _call("compare", node, node.left, *links)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if is_runtime(node):
            return node
        if isinstance(node.func, ast.Name) and node.func.id == "super" and not node.args:
            # It looks for its arguments in the frame that calls it, which may be that of a block now.
            node.args = [load("__class__"), load(self._first)] if self._first else []
            return node
        if isinstance(node.func, ast.Attribute) and node.func.lineno != node.func.end_lineno:
            # In a chain over several lines a call stands where its name does.
            node.lineno = node.func.end_lineno or node.lineno
            node.col_offset = (node.func.end_col_offset or 0) - len(node.func.attr)
        node.func = _call("call", node.func, node.func)
        return node


def _is_plain(test: ast.expr) -> bool:
    """Whether a condition is a Python value, whatever is asked about."""
    match test:
        case ast.Constant():
            return True
        case ast.Compare(ops=[op]):
            return isinstance(op, ast.Is | ast.IsNot | ast.In | ast.NotIn)
        case ast.UnaryOp(op=ast.Not()):
            return _is_plain(test.operand)
        case ast.BoolOp():
            return all(_is_plain(value) for value in test.values)
    return False


def _binds(*nodes: ast.expr) -> bool:
    """Whether expressions bind names, so that they cannot become functions."""
    return any(isinstance(part, ast.NamedExpr) for node in nodes for part in ast.walk(node))


def _declared(stmts: list[ast.stmt], place: ast.AST) -> list[ast.stmt]:
    """The `global` and `nonlocal` statements among `stmts`, wherever they stand."""
    found = [part for part in own(ast.Module(stmts, [])) if isinstance(part, ast.Global | ast.Nonlocal)]
    return [at(type(part)(part.names), place) for part in found]


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _call(name: str, place: ast.expr, *args: ast.expr) -> ast.expr:
    return starting(called(name, *args), place, place)


def _statement(name: str, place: ast.stmt, *args: ast.expr, **keywords: ast.expr) -> ast.stmt:
    head = getattr(place, "test", None) or place.iter  # type: ignore[attr-defined]
    return starting(ast.Expr(starting(called(name, *args, **keywords), place, head)), place, head)

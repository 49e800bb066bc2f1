"""How operations get the names that TensorFlow gives them: from the call that made them.

What one call of a function of `ops` puts in a graph belongs together: the last operation takes the name that
the user asked for, or that of the op, and what it needed stands under it: `add`, and `add/y` for the 1 of
`x + 1`. So a name is settled when the next call begins, or when somebody asks for it. A call is known by its
frame, which costs nothing where operations run at once.
"""

import os
import re
import sys
from contextlib import contextmanager
from types import FrameType
from typing import Any

from nbtape.core import context
from nbtape.core.engine import Op
from nbtape.ops.labels import CALLS, INPUTS, NAMES, OPERATORS

_PACKAGE = os.path.dirname(os.path.abspath(__file__)).removesuffix(os.path.join("graph", "v1"))
_OF_OPS = ("core", "ops", "state/reads.py", "graph/effects.py", "graph/control.py", "graph/python.py",
           "graph/functional.py")  # fmt: skip
# What stands between a function of ops and the graph.
_PASSED = ("graph/graph.py", "graph/v1/naming.py", "graph/emit.py", "state/graph_variable.py")
_KINDS: dict[str, int] = {}  # file name -> whether calls in it are of ops (1), passed over (0) or others (-1)
_ROOT = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$")
_INNER = re.compile(r"^[A-Za-z0-9_.\\/>-]*$")


def default_name(op: Op) -> str:
    """The name of an operation where the user gives none."""
    return NAMES.get(op.name, op.label)


def check_name(name: str, scope: str) -> str:
    """`name`, to be used in `scope`; raises ValueError where TensorFlow allows no such name."""
    if not (_INNER if scope else _ROOT).match(name):
        kind, pattern = ("scope", _INNER) if scope else ("root scope", _ROOT)
        raise ValueError(
            f"'{name}' is not a valid {kind} name. A {kind} name has to match the following pattern: "
            f"{pattern.pattern}"
        )
    return name


class Names:
    """The names of one graph."""

    def __init__(self):
        self._taken: dict[str, int] = {}
        self._call: Any = None  # whose operations wait for their names: a frame, or what `together` was told
        self._scope = self._wanted = ""
        self._waiting: list = []
        self._told: Any = None

    def add(self, operation: Any, name: str | None) -> None:
        """Name an operation: `name`, or by the call that makes it, once that is over."""
        scope = context.local.scope
        if name is not None and self._told is None:
            self.settle()
            operation._name = self._free(scope, check_name(name, scope))
            return
        call = self._told or _call()
        if call is None or call is not self._call or scope != self._scope:
            self.settle()
            wanted = call[0] if isinstance(call, tuple) else _asked(call)
            self._wanted = check_name(wanted, scope) if wanted else ""
            self._call, self._scope = call, scope
        self._waiting.append((operation, name))

    @contextmanager
    def together(self, name: str):
        """Let all that this block adds be one call, called `name`."""
        outer, self._told = self._told, (name,)
        try:
            yield
        finally:
            self.settle()
            self._told = outer

    def settle(self) -> None:
        """Give names to the operations that wait for them."""
        waiting, call, self._waiting, self._call = self._waiting, self._call, [], None
        if not waiting:
            return
        head, own = waiting[-1]
        if waiting[0][0] is not head and _is_operand(waiting[0][0], call):
            first, *waiting = waiting
            first[0]._name = self.unique(self._scope + default_name(first[0].node.op))
        scope, _, rest = _usual(head, call).partition("/")
        above = self._free(self._scope, self._wanted or own or scope)
        head._name = self.unique(f"{above}/{rest}") if rest else above
        roles = dict(zip(map(id, head.node.inputs), _roles(head)))
        for operation, own in waiting[:-1]:
            base = own or default_name(operation.node.op)
            if operation.node.op.name == "const":
                base = roles.get(id(operation.node.outputs[0]), base)
            operation._name = self.unique(f"{above}/{base}")

    def _free(self, scope: str, name: str) -> str:
        """A name for an operation; one that ends in "/" is the name of a scope, and taken as it is."""
        return name[:-1] if name.endswith("/") else self.unique(scope + name)

    def unique(self, name: str, mark_as_used: bool = True) -> str:
        """`name`, or `name_1`, ...: the first that is free, upper and lower case being alike."""
        key = name.lower()
        n = self._taken.get(key, 0)
        if mark_as_used:
            self._taken[key] = n + 1
        if not n:
            return name
        while f"{key}_{n}" in self._taken:
            n += 1
        if mark_as_used:
            self._taken[key], self._taken[f"{key}_{n}"] = n + 1, 1
        return f"{name}_{n}"


def _usual(head: Any, call: Any) -> str:
    """What the result of a call is called, "scope/name" where all of the call stands in a scope."""
    op = head.node.op
    function = call.f_code.co_name if isinstance(call, FrameType) else ""
    if function.startswith("__"):
        return OPERATORS.get(op.name) or op.label
    return CALLS.get(function) or default_name(op)


def _is_operand(operation: Any, call: Any) -> bool:
    """Whether an operation reads the variable that an operator was called on: that comes before the
    operator.
    """
    if operation.node.op.name != "read_variable" or not isinstance(call, FrameType):
        return False
    return call.f_code.co_name.startswith("__")


def _roles(operation: Any) -> list[str]:
    """What TensorFlow calls the inputs of an operation."""
    count = len(operation.node.inputs)
    roles = INPUTS.get(operation.type, ("x", "y"))
    if count > len(roles):
        return [f"{roles[0]}_{i}" for i in range(count)]
    return list(roles)


def _call() -> FrameType | None:
    """The outermost frame of the call that puts an operation in a graph, None where there is none."""
    frame, found = sys._getframe(2), None
    while frame is not None:
        kind = _KINDS.get(frame.f_code.co_filename)
        if kind is None:
            kind = _kind(frame.f_code.co_filename)
        if kind < 0:
            break
        if kind:
            found = frame
        frame = frame.f_back
    return found


def _kind(filename: str) -> int:
    within = filename.removeprefix(_PACKAGE).replace(os.sep, "/")
    kind = -1
    if within != filename:
        kind = 0 if within in _PASSED else 1 if within.startswith(_OF_OPS) else -1
    _KINDS[filename] = kind
    return kind


def _asked(call: FrameType | None) -> str:
    """The `name` that a function was called with."""
    if call is None:
        return ""
    code = call.f_code
    if "name" not in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return ""
    name = call.f_locals["name"]
    return name if isinstance(name, str) else ""

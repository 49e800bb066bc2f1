"""What Python values a trace uses: a look at each function of the user's that runs while it is made.

The interpreter reports each call; where the code is the user's, and not a library's, the names that it reads
become guards. What the trace itself changes, as a counter of its traces, is none.
"""

import functools
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from nbtape.core.engine import Operators
from nbtape.program import guards
from nbtape.program.guards import Guard, Guards
from nbtape.program.paths import Path, arguments_of, paths_of

_OUR_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARIES = tuple(
    {
        os.path.join(folder, "")
        for folder in (_OUR_FOLDER, *map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")))
    }
)


_MODULES = {__name__.partition(".")[0], *sys.stdlib_module_names} - {"__main__"}
_IS_LIBRARY: dict[str, bool] = {}  # by file name: what is asked at each call while a trace is made


def is_library(filename: str | None, module: str) -> bool:
    """Whether code is of this package, of Python or of an installed package, and not the user's.

    It is told by its file, where it has one, else by its module: a dataclass's methods are generated.
    """
    if filename is None or filename == "<string>":
        root = module.partition(".")[0]
        return root in _MODULES or root.startswith("namedtuple_")
    found = _IS_LIBRARY.get(filename)
    if found is None:
        found = filename.startswith(_LIBRARIES) or filename.startswith("<frozen")
        _IS_LIBRARY[filename] = found
    return found


class _Local(threading.local):
    watch: "Watch | None" = None


_local = _Local()


class Watch:
    """Notes, while it is open, what the user's functions that run read: `guards`, once it is closed."""

    def __init__(self, function: Callable):
        self._found: dict[tuple, Guard] = {}
        self._functions: dict[Any, FunctionType] = {}
        self._seen: set[tuple] = set()
        self.guards = Guards()
        for plain in _functions_in(function):
            self._know(plain)
            if not is_library(plain.__code__.co_filename, plain.__module__ or ""):
                self._look(plain.__code__, plain.__globals__, {})

    def __enter__(self) -> "Watch":
        self._outer, _local.watch = _local.watch, self
        self._profile = sys.getprofile()
        if self._profile is None or self._outer is not None and self._profile == self._outer._called:
            sys.setprofile(self._called)  # one that the user set stays
        return self

    def __exit__(self, *exc: object) -> None:
        if sys.getprofile() == self._called:
            sys.setprofile(self._profile)
        _local.watch = self._outer
        self.guards = Guards([guard for guard in self._found.values() if _alive(guard) and guard.holds()])
        if self._outer is not None:
            self._outer.add(self.guards)

    def add(self, found: Iterable[Guard]) -> None:
        """Take over the guards of a trace that this one uses."""
        for guard in found:
            self._found.setdefault(guard.key, guard)

    def _called(self, frame: FrameType, event: str, arg: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        if _IS_LIBRARY.get(code.co_filename):
            return
        if not is_library(code.co_filename, frame.f_globals.get("__name__", "")):
            reads_arguments = any(path.scope == "argument" for path in paths_of(code))
            self._look(code, frame.f_globals, frame.f_locals if reads_arguments else {})

    def _look(self, code: CodeType, names: dict, local: dict) -> None:
        """Guard what a call of `code` is going to read."""
        given = {name: local[name] for name in arguments_of(code) if name in local}
        function = self._function(code, given)
        sight = (code, id(function), *map(id, given.values()))
        if sight in self._seen:
            return
        self._seen.add(sight)
        for path in paths_of(code):
            if path.scope == "global":
                self._follow_global(path, names)
            elif path.scope == "argument" and path.name in given:
                self._follow(given[path.name], path, 0)
            elif path.scope == "closure" and function is not None:
                self._follow_cell(path, function)

    def _function(self, code: CodeType, given: dict) -> FunctionType | None:
        """The function that runs `code`, where it is known: a frame does not tell its closure."""
        if not code.co_freevars:
            return None
        for argument in list(given.values())[:1]:
            for plain in _functions_in(getattr(type(argument), code.co_name, None)):
                self._know(plain)
        return self._functions.get(code) or self._functions.get((code.co_filename, code.co_name))

    def _know(self, function: FunctionType) -> None:
        code = function.__code__
        self._functions[code] = self._functions[code.co_filename, code.co_name] = function

    def _follow_global(self, path: Path, names: dict) -> None:
        value = names.get(path.name, guards.MISSING)
        if value is guards.MISSING:  # a builtin
            return
        if not isinstance(value, ModuleType):
            self._add(guards.of_global(names, path.name, path.name), value)
        self._follow(value, path, 0)

    def _follow_cell(self, path: Path, function: FunctionType) -> None:
        free, closure = function.__code__.co_freevars, function.__closure__
        if closure is None or path.name not in free:
            return
        cell = closure[free.index(path.name)]
        try:
            value = cell.cell_contents
        except ValueError:  # not assigned yet
            return
        self._add(guards.of_cell(cell, path.name, path.name), value)
        self._follow(value, path, 0)

    def _follow(self, owner: Any, path: Path, i: int) -> None:
        """Guard the attributes of a path, from number i on, which is read from `owner`."""
        if i == len(path.attributes) or isinstance(owner, Operators):
            return
        if isinstance(owner, ModuleType) and is_library(getattr(owner, "__file__", None), owner.__name__):
            return
        text = ".".join((path.name, *path.attributes[: i + 1]))
        guard = guards.of_attribute(owner, path.attributes[i], text)
        if guard is not None:
            value = guard.read()
            self._add(guard, value)
            self._follow(value, path, i + 1)

    def _add(self, guard: Guard, value: Any) -> None:
        if callable(value):
            for plain in _functions_in(value):
                self._know(plain)
        self._found.setdefault(guard.key, guard)


def _alive(guard: Guard) -> bool:
    try:
        guard.read()
    except ReferenceError:
        return False
    return True


def _functions_in(x: Any) -> Iterator[FunctionType]:
    """The Python functions that calling `x` comes to: of a method, a partial, a decorated function."""
    for _ in range(8):  # wrappers around wrappers
        if isinstance(x, FunctionType):
            yield x
        if isinstance(x, MethodType | classmethod | staticmethod):
            x = x.__func__
        elif isinstance(x, functools.partial):
            x = x.func
        elif isinstance(x, property):
            x = x.fget
        else:
            x = getattr(x, "__wrapped__", None)
        if x is None:
            return


def inherit(found: Iterable[Guard]) -> None:
    """Let a trace that is being made in this thread depend on these guards too."""
    if _local.watch is not None:
        _local.watch.add(found)

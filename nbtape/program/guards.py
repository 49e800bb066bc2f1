"""Guards: what a trace took for granted about Python values, and the check that it still holds.

A guard reads one global, closure cell or attribute and compares. Numbers and strings count by value, short
lists and tuples item by item, everything else by identity: also a dict, whose items a trace takes as they
are, as in TensorFlow. A function that was defined again, word for word, counts as the same. Guards keep no
object alive.
"""

import functools
import inspect
import reprlib
import weakref
from collections.abc import Callable, Iterable
from types import CellType, FunctionType, MemberDescriptorType, ModuleType
from typing import Any

import numpy as np

from nbtape.core.engine import Operators, Tensor
from nbtape.core.report import describe
from nbtape.core.shape import TensorShape

PLAIN = (type(None), bool, int, float, complex, str, bytes, np.dtype, TensorShape, type(...))
_SMALL, _DEEP = 32, 3  # items of a container, and containers inside it, that are compared at each call
MISSING, _NO_VALUE = object(), object()


class _Plain:
    """A value that is told by `==`."""

    def __init__(self, value: Any):
        self.value = value

    def holds(self, now: Any) -> bool:
        return type(now) is type(self.value) and (
            now == self.value or now != now and self.value != self.value
        )


class _Sequence:
    """A short list or tuple, item by item."""

    def __init__(self, kind: type, items: list):
        self._kind, self._items = kind, items

    def holds(self, now: Any) -> bool:
        if type(now) is not self._kind or len(now) != len(self._items):
            return False
        return all(item.holds(x) for item, x in zip(self._items, now))


class _Object:
    """An object, told by identity; a function without a closure also by its code."""

    def __init__(self, value: Any):
        try:
            self.ref: Callable[[], Any] = weakref.ref(value)
        except TypeError:  # a large list, or an object with slots
            self.ref = lambda: value
        self._code = _definition(value)

    def holds(self, now: Any) -> bool:
        return now is self.ref() or self._code is not None and _definition(now) == self._code


def _definition(x: Any) -> Any:
    """What a function is, beside its identity; None where that is not all."""
    if type(x) is not FunctionType or x.__closure__ or x.__kwdefaults__:
        return None
    if x.__defaults__ and any(type(value) not in PLAIN for value in x.__defaults__):
        return None
    return x.__code__, x.__defaults__, x.__module__


def record(value: Any, depth: int = 0) -> _Plain | _Sequence | _Object:
    """`value` as it is now, to compare later ones with."""
    kind = type(value)
    if kind in PLAIN or isinstance(value, np.generic):
        return _Plain(value)
    if depth < _DEEP and kind in (list, tuple) and len(value) <= _SMALL:
        return _Sequence(kind, [record(x, depth + 1) for x in value])
    if kind in (set, frozenset) and len(value) <= _SMALL and all(type(x) in PLAIN for x in value):
        return _Plain(kind(value))
    return _Object(value)


class Guard:
    """One value that a trace used: how it is called, how to read it, and what it was."""

    __slots__ = ("name", "key", "read", "record", "text")
    vital = False  # whether a trace is wrong without it, however often the value changes

    def __init__(self, name: str, key: tuple, read: Callable[[], Any], value: Any):
        self.name, self.key, self.read = name, key, read
        self.record, self.text = record(value), shown(value)

    def holds(self) -> bool:
        """Whether the value is still the one that the trace used, or nobody can use it any more."""
        try:
            return self.record.holds(self.read())
        except ReferenceError:
            return True
        except ValueError:  # a closure cell that was emptied
            return False

    def now(self) -> str:
        """The value of now, as text."""
        try:
            value = self.read()
        except (ReferenceError, ValueError):
            return "nothing"
        return "nothing" if value is MISSING else shown(value)


def shown(value: Any) -> str:
    """A value in a message: short, and of an object its type or name."""
    if type(value) in (list, tuple, dict, set, frozenset, *PLAIN) or isinstance(value, np.generic):
        return reprlib.repr(value)
    if isinstance(value, Tensor):
        return describe(value)
    name = getattr(value, "name" if isinstance(value, Operators) else "__qualname__", None)
    return f"<{name}>" if isinstance(name, str) else f"<{type(value).__name__}>"


def change(old: str, new: str) -> str:
    """From one text to another, in a message."""
    return f"{old} -> {new if new != old else f'another {new}'}"


class Guards:
    """The guards of one trace."""

    __slots__ = ("_all", "_values", "_objects")

    def __init__(self, guards: Iterable[Guard] = ()):
        self._all = tuple(guards)
        # In the form in which they are checked fast, at each call.
        self._values = [
            (g.read, getattr(g.record, "value", _NO_VALUE), g)
            for g in self
            if not isinstance(g.record, _Object)
        ]
        self._objects = [(g.read, g.record.ref, g) for g in self if isinstance(g.record, _Object)]

    def __iter__(self):
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def hold(self) -> bool:
        """Whether all values are those that the trace used."""
        try:
            for read, value, guard in self._values:
                now = read()
                if now is not value and not guard.record.holds(now):
                    return False
            for read, ref, guard in self._objects:
                now = read()
                if now is not ref() and not guard.record.holds(now):
                    return False
        except (ReferenceError, ValueError):
            return not self.changed()
        return True

    def changed(self) -> list[Guard]:
        """Those that do not hold."""
        return [guard for guard in self if not guard.holds()]

    def without(self, keys: Iterable[tuple]) -> "Guards":
        """All but those of these keys."""
        return Guards([guard for guard in self if guard.key not in keys])


def of_global(names: dict, name: str, text: str) -> Guard:
    return Guard(text, ("global", id(names), name), functools.partial(names.get, name, MISSING), names[name])


def of_cell(cell: CellType, name: str, text: str) -> Guard:
    read = functools.partial(getattr, cell, "cell_contents", MISSING)
    return Guard(text, ("closure", id(cell), name), read, read())


def of_attribute(owner: Any, name: str, text: str) -> Guard | None:
    """A guard of a plain attribute: not of a method, nor of what a property or `__getattr__` computes."""
    kind = type(owner)
    if kind.__getattribute__ not in _ORDINARY:
        return None
    value = inspect.getattr_static(owner, name, MISSING)
    if isinstance(value, MemberDescriptorType):
        value = getattr(owner, name, MISSING)
    elif value is MISSING or hasattr(type(value), "__get__") and name not in getattr(owner, "__dict__", ()):
        return None
    try:
        holder = weakref.proxy(owner)
    except TypeError:
        holder = owner
    key = ("attribute", id(owner), name)
    return Guard(text, key, functools.partial(getattr, holder, name, MISSING), value)


_ORDINARY = (object.__getattribute__, type.__getattribute__, ModuleType.__getattribute__)

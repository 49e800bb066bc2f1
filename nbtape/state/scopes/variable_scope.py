"""VariableScope: under which name, and by which rules, `get_variable` looks for a variable."""

import enum
from collections.abc import Callable
from typing import Any

from nbtape.core.dtype import DType, as_dtype, float32
from nbtape.state.scopes.collection import GraphKeys, get_collection


class ReuseMode(enum.Enum):
    """Neither sharing alone nor making alone: `tf.AUTO_REUSE`."""

    AUTO_REUSE = 1


AUTO_REUSE = ReuseMode.AUTO_REUSE


class VariableScope:
    """What `get_variable` is told by the scope around it: a name to put before its own, and defaults.

    With `reuse` True only variables that are there are found, with False only new ones are made, with
    AUTO_REUSE either.
    """

    def __init__(
        self,
        name: str = "",
        reuse: bool | ReuseMode = False,
        initializer: Any = None,
        regularizer: Callable | None = None,
        caching_device: Any = None,
        partitioner: Callable | None = None,
        custom_getter: Callable | None = None,
        name_scope: str = "",
        dtype: DType = float32,
        use_resource: bool | None = None,
        constraint: Callable | None = None,
        implied: bool = False,
    ):
        self.implied = implied  # whether nobody asked for `reuse`: variables are shared as their cells allow
        self.name, self.reuse, self.original_name_scope = name, reuse, name_scope
        self.initializer, self.regularizer, self.constraint = initializer, regularizer, constraint
        self.caching_device, self.partitioner, self.custom_getter = caching_device, partitioner, custom_getter
        self.dtype, self.use_resource = dtype, use_resource

    def reuse_variables(self) -> None:
        """Let the scope only find variables from now on."""
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """Set the default initializer."""
        self.initializer = initializer

    def set_regularizer(self, regularizer: Callable | None) -> None:
        """Set the default regularizer."""
        self.regularizer = regularizer

    def set_caching_device(self, caching_device: Any) -> None:
        """Set the default caching device, which nbtape has no use for."""
        self.caching_device = caching_device

    def set_partitioner(self, partitioner: Callable | None) -> None:
        """Set the default partitioner."""
        self.partitioner = partitioner

    def set_custom_getter(self, custom_getter: Callable | None) -> None:
        """Set the default custom getter."""
        self.custom_getter = custom_getter

    def set_constraint(self, constraint: Callable | None) -> None:
        """Set the default constraint."""
        self.constraint = constraint

    def set_dtype(self, dtype: Any) -> None:
        """Set the default dtype."""
        self.dtype = as_dtype(dtype)

    def set_use_resource(self, use_resource: bool | None) -> None:
        """Set whether variables say that they are resources, as all of nbtape are."""
        self.use_resource = use_resource

    def get_collection(self, name: Any) -> list:
        """What a collection has of this scope."""
        return get_collection(name, f"{self.name}/" if self.name else "")

    def global_variables(self) -> list:
        """The global variables of this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list:
        """The local variables of this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def trainable_variables(self) -> list:
        """The trainable variables of this scope."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def __repr__(self) -> str:
        return f"<tf.VariableScope {self.name!r} reuse={getattr(self.reuse, 'name', self.reuse)}>"


def composed(inner: Callable, outer: Callable) -> Callable:
    """A custom getter that asks `inner`, which gets its variables from `outer`."""

    def getter(real: Callable, *args: Any, **kwargs: Any) -> Any:
        def from_outer(*args: Any, **kwargs: Any) -> Any:
            return outer(real, *args, **kwargs)

        return inner(from_outer, *args, **kwargs)

    return getter


class ScopeNames:
    """The variable scopes that were opened since the one around was, whose names a new one may not take.

    Names are kept by the scope that they stand in, so that closing a scope costs what was opened in it.
    """

    def __init__(self):
        self._inside: dict[str, dict[str, int]] = {}  # with the number from which free names are looked for
        self._changes: list[
            tuple[str, bool]
        ] = []  # since the first mark that stands: names, and whether they came
        self._marks = 0

    def __contains__(self, name: str) -> bool:
        return name in self._inside.get(_around(name), ())

    def free(self, name: str) -> str:
        """`name`, or `name_1`, ...: the first that no scope has."""
        beside = self._inside.get(_around(name), {})
        if name not in beside:
            return name
        n = beside[name]
        while f"{name}_{n}" in beside:
            n += 1
        beside[name] = n
        return f"{name}_{n}"

    def opened(self, name: str) -> None:
        """A scope was opened."""
        while name and name not in self:
            self._change(name, True)
            name = _around(name)

    def closed(self, name: str) -> None:
        """A scope was closed: what was opened in it may be opened again under the same name."""
        if name:
            for inner in list(self._inside.get(name, ())):
                self.closed(inner)
                self._change(inner, False)

    def forget(self, name: str) -> None:
        """The name of a scope may be taken again."""
        if name in self:
            self.closed(name)
            self._change(name, False)
            base = name.rpartition("_")[0]
            if base in self:
                self._inside[_around(base)][base] = 1

    def mark(self) -> int:
        """The state now, to which `revert` goes back."""
        self._marks += 1
        return len(self._changes)

    def revert(self, mark: int) -> None:
        """Let all be as it was at a mark, the last that stands."""
        while len(self._changes) > mark:
            self._set(*self._changes.pop(), back=True)
        self._marks -= 1

    def _change(self, name: str, came: bool) -> None:
        if self._marks:
            self._changes.append((name, came))
        self._set(name, came)

    def _set(self, name: str, came: bool, back: bool = False) -> None:
        around = _around(name)
        if came is not back:
            self._inside.setdefault(around, {})[name] = 1
            return
        beside = self._inside[around]
        del beside[name]
        if not beside:
            del self._inside[around]


def _around(name: str) -> str:
    return name.rpartition("/")[0]

"""VariableScope: under which name, and by which rules, `get_variable` looks for a variable."""

import enum
from collections.abc import Callable
from typing import Any

from nbtape.core.dtype import DType, as_dtype, float32
from nbtape.state.collection import GraphKeys, get_collection


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
        self._inside: dict[str, set[str]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._inside.get(name.rpartition("/")[0], ())

    def opened(self, name: str) -> None:
        """A scope was opened."""
        while name:
            around = name.rpartition("/")[0]
            names = self._inside.setdefault(around, set())
            if name in names:
                return
            names.add(name)
            name = around

    def closed(self, name: str) -> None:
        """A scope was closed: what was opened in it may be opened again under the same name."""
        if name:
            for inner in self._inside.pop(name, ()):
                self.closed(inner)

    def forget(self, name: str) -> None:
        """The name of a scope may be taken again."""
        self._inside.get(name.rpartition("/")[0], set()).discard(name)
        self.closed(name)

    def within(self, name: str) -> list[str]:
        """The scopes that were opened in a scope, at any depth."""
        direct = self._inside.get(name, ())
        return [*direct, *[deeper for inner in direct for deeper in self.within(inner)]]

    def restore(self, names: list[str]) -> None:
        """Count scopes as opened again."""
        for name in names:
            self.opened(name)

"""Module: an object that knows its variables, and those of the modules that it holds."""

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nbtape.core import nest
from nbtape.state.saving.tracking import AutoTrackable
from nbtape.state.scopes.scope import name_scope
from nbtape.state.variable import Variable

_IDENTIFIER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_WORD_START = re.compile(r"(?<=[a-z0-9])[A-Z]|(?!^)[A-Z](?=[a-z])")


class Module(AutoTrackable):
    """The base of layers and models: `variables` finds what is kept in attributes, here and in modules below.

    Attributes are searched in alphabetical order, through lists, tuples and dicts, but not through objects of
    other kinds; first those of the module itself, then those of its submodules. `name` defaults to the
    class's name in snake case; raises ValueError for one that is no identifier. Call `super().__init__()`
    before anything else.

    >>> class Affine(tf.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.w = tf.Variable(2.0, name="w")
    ...         self.b = tf.Variable(1.0, name="b")
    ...     def __call__(self, x):
    ...         return self.w * x + self.b
    >>> [v.name for v in Affine().trainable_variables]
    ['b:0', 'w:0']
    """

    _TF_MODULE_IGNORED_PROPERTIES: frozenset[str] = frozenset()  # attributes that are not searched

    def __init__(self, name: str | None = None):
        if name is None:
            name = _WORD_START.sub(r"_\g<0>", type(self).__name__).lower()
        elif not _IDENTIFIER.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a valid module name. Module names must be valid Python identifiers (e.g. a "
                "valid class name)."
            )
        self._name = name
        with name_scope(name) as scope:
            self._name_scope = name_scope(scope)

    @property
    def name(self) -> str:
        """The name given or made from the class's; without the scopes that the module was made in."""
        return self._name

    @property
    def name_scope(self) -> name_scope:
        """The scope to open with `with`, so that what is made in it has the module's name before its own."""
        return self._name_scope

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables of this module and its submodules."""
        return tuple(self._flatten(predicate=_is_variable))

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """The variables of this module and its submodules that are trainable."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Variable, ...]:
        """The variables of this module and its submodules that are not trainable."""
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple["Module", ...]:
        """The modules that this one holds, those that they hold, and so on."""
        return tuple(self._flatten(predicate=_is_module))

    def _flatten(
        self,
        recursive: bool = True,
        predicate: Callable[[Any], bool] | None = None,
        attribute_traversal_key: Callable | None = None,
        with_path: bool = False,
        expand_composites: bool = False,
    ) -> Iterator[Any]:
        """The leaves of the attributes that `predicate` accepts, each once; `with_path`: (path, leaf), each
        way to it.

        `attribute_traversal_key` is a `sorted` key for attribute names; not `recursive`: submodules are not
        entered.
        """
        walk = _walk(self, recursive, attribute_traversal_key, None if with_path else {id(self)})
        accepted = ((path, leaf) for path, leaf in walk if predicate is None or predicate(leaf))
        return accepted if with_path else (leaf for _, leaf in accepted)

    @classmethod
    def with_name_scope(cls, method: Callable) -> Callable:
        """Decorate a method so that it runs in the module's name scope.

        >>> class Linear(tf.Module):
        ...     @tf.Module.with_name_scope
        ...     def build(self):
        ...         self.w = tf.Variable(1.0, name="w")
        >>> m = Linear(); m.build(); m.w.name
        'linear/w:0'
        """

        @functools.wraps(method)
        def in_scope(self, *args, **kwargs):
            with self.name_scope:
                return method(self, *args, **kwargs)

        return in_scope

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r}>" if "_name" in vars(self) else object.__repr__(self)


def _is_variable(x: Any) -> bool:
    return isinstance(x, Variable)


def _is_module(x: Any) -> bool:
    return isinstance(x, Module)


def _walk(
    module: Module,
    recursive: bool,
    key: Callable | None,
    seen: set[int] | None,
    path: tuple = (),
    entered: tuple = (),
) -> Iterator[tuple[tuple, Any]]:
    """Each leaf with its path: those of `module`, then those of its submodules; `seen` ones are left out."""
    attributes, submodules = vars(module), []
    for name in sorted(attributes, key=key):
        if name in module._TF_MODULE_IGNORED_PROPERTIES:
            continue
        for rest, leaf in _leaves(name, attributes[name]):
            if seen is not None:
                if id(leaf) in seen:
                    continue
                seen.add(id(leaf))
            here = (*path, name, *rest)
            yield here, leaf
            if recursive and isinstance(leaf, Module) and id(module) not in entered:
                submodules.append((here, leaf))
    for here, submodule in submodules:
        yield from _walk(submodule, recursive, key, seen, here, (*entered, id(module)))


def _leaves(name: str, value: Any) -> list[tuple[tuple, Any]]:
    try:
        return list(_with_paths(value))
    except (TypeError, RecursionError) as cause:
        raise ValueError(f"Error processing property {name!r} of {value!r}") from cause


def _with_paths(value: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """The leaves of nested containers, each with the keys that lead to it."""
    if not nest.is_nested(value):
        yield path, value
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from _with_paths(value[key], (*path, key))
    else:
        items = value.__tf_flatten__()[1] if hasattr(value, "__tf_flatten__") else value
        for key, item in zip(getattr(value, "_fields", itertools.count()), items):
            yield from _with_paths(item, (*path, key))

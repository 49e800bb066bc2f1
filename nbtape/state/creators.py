"""Who is asked when a variable is made: `tf.variable_creator_scope`."""

import functools
from collections.abc import Callable
from typing import Any

from nbtape.core import context


def created(make: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """What the open creators give for a call of `make`: the innermost is asked first."""
    for creator in context.local.creators:
        make = functools.partial(creator, make)
    return make(**arguments)


class variable_creator_scope:
    """A `with` block in which `variable_creator(next_creator, **kwargs)` is called for each variable.

    It gets the arguments of `tf.Variable`, may change them, calls `next_creator` with them, and returns the
    variable, or what is to stand for it. Creators of blocks around are next. A block in a function, or around
    its first call, sees what the function makes; a block around a graph does not.

    >>> def frozen(next_creator, **kwargs):
    ...     return next_creator(**kwargs | {"trainable": False})
    >>> with tf.variable_creator_scope(frozen):
    ...     tf.Variable(1.0).trainable
    False
    """

    def __init__(self, variable_creator: Callable[..., Any]):
        self._creator, self._opened = variable_creator, []

    def __enter__(self) -> None:
        outer = context.local.creators
        context.local.creators = inner = (*outer, self._creator)
        self._opened.append((outer, inner))

    def __exit__(self, *exc: object) -> None:
        outer, inner = self._opened.pop()
        if context.local.creators is not inner:
            raise RuntimeError("Exiting variable_creator_scope without proper nesting.")
        context.local.creators = outer

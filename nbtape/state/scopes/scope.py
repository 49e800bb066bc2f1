"""Name scopes: a prefix for the names of what is made inside."""

from typing import Any

from nbtape.core import context


class name_scope:
    """Put `name/` before the names of variables and operations made in this block.

    A name that ends in "/" is taken as it is: the scope is entered again from the root. `with` gives the
    scope's prefix. Raises ValueError for a name that is no string.

    >>> with tf.name_scope("layer") as scope:
    ...     v = tf.Variable(1.0, name="w")
    >>> scope, v.name
    ('layer/', 'layer/w:0')
    """

    def __init__(self, name: str | None, default_name: str | None = None, values: Any = None):
        if name is not None and not isinstance(name, str):
            raise ValueError("name for name_scope must be a string.")
        self._name = default_name if name is None else name
        self._saved: list[str] = []

    @property
    def name(self) -> str | None:
        return self._name

    def __enter__(self) -> str:
        outer, name = context.local.scope, self._name or ""
        if context.local.graph is not None:
            scope = context.local.graph.enter_scope(outer, name)
        elif not name:
            scope = ""
        else:
            scope = name if name.endswith("/") else f"{outer}{name}/"
        self._saved.append(outer)
        context.local.scope = scope
        return scope

    def __exit__(self, *exc: object) -> None:
        context.local.scope = self._saved.pop()


class op_scope(name_scope):
    """`name_scope` as TensorFlow 1 has it, with a `default_name` for where `name` is None."""

    def __init__(self, name: Any, default_name: str | None = None, values: Any = None):
        if name is None and values is not None and default_name is None:
            raise ValueError(
                "At least one of name (None) and default_name (None) must be provided where `values` are."
            )
        if name is not None and not isinstance(name, str):
            raise TypeError(f"`default_name` type ({type(name)}) is not a string type.")
        super().__init__(name, default_name, values)


def get_current_name_scope() -> str:
    """The name scope in which this line is, without the slash at its end.

    >>> with tf.name_scope("layer"):
    ...     tf.get_current_name_scope()
    'layer'
    """
    return context.local.scope.rstrip("/")

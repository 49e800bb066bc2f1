"""Classes and functions of users, which configs in files have the names of."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class _Scope(threading.local):
    """What the scopes that are open in a thread know."""

    objects: Mapping[str, Any] = {}


_scope = _Scope()
_registered: dict[str, Any] = {}  # by "package>name"
_NONE: Mapping[str, Any] = {}


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any] | None) -> Iterator[None]:
    """A block in which configs find these classes and functions by their names.

    >>> def twice(x):
    ...     return 2.0 * x
    >>> layer = tf.keras.layers.Dense(1, activation=twice, kernel_initializer="ones")
    >>> text = tf.keras.Sequential([tf.keras.Input((3,)), layer]).to_json()
    >>> with tf.keras.saving.custom_object_scope({"twice": twice}):
    ...     model = tf.keras.models.model_from_json(text)
    >>> model(tf.ones([1, 3])).numpy()
    array([[6.]], dtype=float32)
    """
    outer = _scope.objects
    _scope.objects = {**outer, **(custom_objects or {})}
    try:
        yield
    finally:
        _scope.objects = outer


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """Have configs find a class or a function wherever they are read, as `package>name`.

    Raises ValueError for a class without `get_config`.

    >>> @tf.keras.saving.register_keras_serializable("doc")
    ... def thrice(x):
    ...     return 3.0 * x
    >>> tf.keras.saving.get_registered_object("doc>thrice") is thrice
    True
    """

    def registered(given: Any) -> Any:
        if isinstance(given, type) and not hasattr(given, "get_config"):
            raise ValueError("Cannot register a class that does not have a get_config() method.")
        _registered[f"{package}>{name or given.__name__}"] = given
        return given

    return registered


def described(x: Any, module: str) -> dict:
    """An object of a public module as a config has it: its class, and the arguments that make it again."""
    return {
        "module": module,
        "class_name": type(x).__name__,
        "config": x.get_config(),
        "registered_name": None,
    }


def resolved(name: str, known: Mapping[str, Any] = _NONE) -> Any:
    """What a config means by a name: the class or function that was given or registered under it, else one of
    `known`, the house's own, else one that was registered and is called so; None where there is none.
    """
    found = _scope.objects.get(name) or _registered.get(name) or known.get(name)
    if found is not None:
        return found
    named = [x for key, x in _registered.items() if name in (key.rpartition(">")[2], x.__name__)]
    return named[-1] if named else None


def get_registered_object(
    name: str, custom_objects: Mapping | None = None, module_objects: Any = None
) -> Any:
    """What has this name: in `custom_objects`, in the scopes that are open, among what was registered, or in
    `module_objects`; None where there is none.
    """
    with custom_object_scope(custom_objects):
        return resolved(name, module_objects or {})


def get_registered_name(obj: Any) -> str:
    """The name under which a class or a function was registered, or its own."""
    return next((name for name, x in _registered.items() if x is obj), obj.__name__)


def get_custom_objects() -> dict[str, Any]:
    """What was registered, by name; what is put there is found as well."""
    return _registered

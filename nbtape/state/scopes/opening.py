"""Opening variable scopes: `with variable_scope("layer"):`, and functions that share their variables."""

from collections.abc import Callable
from typing import Any

from nbtape.core import context
from nbtape.core.dtype import as_dtype
from nbtape.state.scopes.collection import GraphKeys
from nbtape.state.scopes.scope import name_scope
from nbtape.state.scopes.store import VariableStore, current_store
from nbtape.state.scopes.variable_scope import AUTO_REUSE, VariableScope, composed

_SETTINGS = ("initializer", "regularizer", "caching_device", "partitioner", "custom_getter", "dtype",
             "use_resource", "constraint")  # fmt: skip


class variable_scope:
    """Put `name/` before the names of variables, and set defaults for `get_variable`, in this block.

    `name_or_scope` is a name, or a scope that was open before, whose variables are then meant again; with
    None `default_name` is made unique. `reuse` True finds variables and makes none, AUTO_REUSE does either;
    neither can be taken back by a scope inside. Operations get a name scope of that name, made unique, unless
    `auxiliary_name_scope` is False.

    >>> with tf.Graph().as_default():
    ...     with tf.compat.v1.variable_scope("layer"):
    ...         w = tf.compat.v1.get_variable("w", [2])
    ...     with tf.compat.v1.variable_scope("layer", reuse=True):
    ...         same = tf.compat.v1.get_variable("w")
    >>> w.name, same is w
    ('layer/w:0', True)
    """

    def __init__(
        self,
        name_or_scope: Any,
        default_name: str | None = None,
        values: Any = None,
        initializer: Any = None,
        regularizer: Callable | None = None,
        caching_device: Any = None,
        partitioner: Callable | None = None,
        custom_getter: Callable | None = None,
        reuse: Any = None,
        dtype: Any = None,
        use_resource: bool | None = None,
        constraint: Callable | None = None,
        auxiliary_name_scope: bool = True,
    ):
        if default_name is None and name_or_scope is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        if not (reuse is None or isinstance(reuse, bool) or reuse is AUTO_REUSE):
            raise ValueError("The reuse parameter must be True or False or None.")
        if name_or_scope is None and reuse:
            raise ValueError("reuse=True cannot be used without a name_or_scope")
        if not isinstance(name_or_scope, str | VariableScope | None):
            raise TypeError("VariableScope: name_or_scope must be a string or VariableScope.")
        if not isinstance(auxiliary_name_scope, bool):
            raise TypeError(
                f"The auxiliary_name_scope must be `True` or `False`, while get {auxiliary_name_scope}"
            )
        self._asked, self._default, self._reuse = name_or_scope, default_name, reuse
        self._auxiliary = auxiliary_name_scope
        self._given = {
            "initializer": initializer,
            "regularizer": regularizer,
            "caching_device": caching_device,
            "partitioner": partitioner,
            "custom_getter": custom_getter,
            "dtype": None if dtype is None else as_dtype(dtype),
            "use_resource": use_resource,
            "constraint": constraint,
        }
        self._open: list[tuple] = []

    def __enter__(self) -> VariableScope:
        store = current_store()
        if store.claims is not None:
            store.claims.opens(store.scopes)
        outer = store.scope
        if isinstance(self._asked, VariableScope):
            named = self._asked.name.split("/")[-1]
            opened = name_scope(named) if named and self._auxiliary else None
        else:
            opened = name_scope(self._asked or self._default) if self._auxiliary else None
        prefix = opened.__enter__() if opened is not None else context.local.scope
        store.scope = scope = self._inner(store, outer, prefix)
        if store.claims is not None and scope.name not in store.scopes:
            store.claims.opened(scope.name)
        store.scopes.opened(scope.name)
        mark = store.scopes.mark() if isinstance(self._asked, VariableScope) else None
        self._open.append((store, outer, opened, mark))
        return scope

    def _inner(self, store: VariableStore, outer: VariableScope, prefix: str) -> VariableScope:
        """The scope of the block."""
        if isinstance(self._asked, VariableScope):
            model, name, prefix = self._asked, self._asked.name, self._asked.original_name_scope
        else:
            model, name = outer, self._asked
            if name is None:
                name = unique_scope(store, self._default or "")
            elif outer.name:
                name = f"{outer.name}/{name}" if name else outer.name
        settings = {
            key: getattr(model, key) if self._given[key] is None else self._given[key] for key in _SETTINGS
        }
        if self._given["custom_getter"] is not None and model.custom_getter is not None:
            settings["custom_getter"] = composed(self._given["custom_getter"], model.custom_getter)
        implied = model.implied and not self._reuse
        return VariableScope(name, self._reuse or model.reuse, name_scope=prefix, implied=implied, **settings)

    def __exit__(self, *exc: object) -> None:
        store, outer, opened, mark = self._open.pop()
        if mark is None:
            store.scopes.closed(store.scope.name)
        else:
            store.scopes.revert(mark)
        store.scope = outer
        if opened is not None:
            opened.__exit__(*exc)


def unique_scope(store: VariableStore, base: str) -> str:
    """The name of a variable scope that is not open yet under the one that is: `base`, or `base_1`, ..."""
    return store.scopes.free(f"{store.scope.name}/{base}" if store.scope.name else base)


def variable_op_scope(
    values: Any, name_or_scope: Any, default_name: str | None = None, **settings: Any
) -> Any:
    """`variable_scope`, with its arguments in an older order."""
    return variable_scope(name_or_scope, default_name, values, **settings)


def no_regularizer(_: Any) -> None:
    """A regularizer that asks for nothing, for variables in a scope that has another one."""
    return None


class Template:
    """A function whose variables are made at its first call, and shared by all others."""

    def __init__(
        self, name: str, function: Callable, unique_name: str | None, custom_getter: Any, fixed: dict
    ):
        self._name, self._function, self._fixed = name, function, fixed
        self._unique_name, self._custom_getter = unique_name, custom_getter
        self._scope: VariableScope | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._scope is None:
            opened = variable_scope(self._unique_name, self._name, custom_getter=self._custom_getter)
        else:
            opened = variable_scope(self._scope, reuse=True)
        with opened as scope:
            if self._scope is None:
                self._scope = scope
            return self._function(*args, **(self._fixed | kwargs))

    def create_scope(self) -> None:
        """Take the scope now, before the first call."""
        with variable_scope(self._unique_name, self._name, custom_getter=self._custom_getter) as self._scope:
            pass

    @property
    def name(self) -> str:
        return self._name

    @property
    def variable_scope(self) -> VariableScope | None:
        """The scope of the variables, None before the first call."""
        return self._scope

    @property
    def var_scope(self) -> VariableScope | None:
        return self._scope

    @property
    def variable_scope_name(self) -> str | None:
        return None if self._scope is None else self._scope.name

    @property
    def variables(self) -> list:
        """The variables that calls have made."""
        return self._collected(GraphKeys.GLOBAL_VARIABLES) + self._collected(GraphKeys.LOCAL_VARIABLES)

    @property
    def global_variables(self) -> list:
        return self._collected(GraphKeys.GLOBAL_VARIABLES)

    @property
    def local_variables(self) -> list:
        return self._collected(GraphKeys.LOCAL_VARIABLES)

    @property
    def trainable_variables(self) -> list:
        return self._collected(GraphKeys.TRAINABLE_VARIABLES)

    def _collected(self, key: str) -> list:
        return [] if self._scope is None else self._scope.get_collection(key)


def make_template(
    name_: str,
    func_: Callable,
    create_scope_now_: bool = False,
    unique_name_: str | None = None,
    custom_getter_: Any = None,
    **kwargs: Any,
) -> Template:
    """`func_` as a function that makes its variables, with `get_variable`, at the first call and shares them
    in all others.

    >>> with tf.Graph().as_default():
    ...     scale = tf.compat.v1.make_template("scale", lambda x: x * tf.compat.v1.get_variable("w", []))
    ...     y, z = scale(1.0), scale(2.0)
    ...     [v.name for v in scale.variables]
    ['scale/w:0']
    """
    template = Template(name_, func_, unique_name_, custom_getter_, kwargs)
    if create_scope_now_:
        template.create_scope()
    return template

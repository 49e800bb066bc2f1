"""Giving the variables of a graph their first values, and assignments as functions of a variable."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.engine import apply, o, tensor
from nbtape.core.slices import IndexedSlices
from nbtape.graph.effects import group, no_op
from nbtape.ops.mask import boolean_mask
from nbtape.state.scopes.collection import global_variables, local_variables
from nbtape.state.scopes.scope import name_scope


def variables_initializer(var_list: Iterable[Any], name: str = "init") -> Any:
    """The operation that gives all of `var_list` their initial values.

    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    ...     v = tf.Variable(3.0)
    ...     sess.run(tf.compat.v1.variables_initializer([v]))
    ...     sess.run(v)
    np.float32(3.0)
    """
    if context.local.graph is None:
        return None
    initializers = [v.initializer for v in var_list]
    return group(*initializers, name=name) if initializers else no_op(name=name)


def global_variables_initializer() -> Any:
    """The operation that gives all global variables of the default graph their initial values."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Any:
    """The operation that gives all local variables of the default graph their initial values."""
    return variables_initializer(local_variables())


def tables_initializer(name: str = "init_all_tables") -> Any:
    """An operation that does nothing: there are no tables."""
    return no_op(name=name)


def is_variable_initialized(variable: Any) -> Any:
    """Whether a variable has a value in the session that runs this."""
    return variable.is_initialized()


def report_uninitialized_variables(
    var_list: Iterable[Any] | None = None, name: str = "report_uninitialized_variables"
) -> Any:
    """The names of those variables that have no value yet in the session that runs this.

    By default of the global and local variables of the default graph.
    """
    variables = list(global_variables() + local_variables() if var_list is None else var_list)
    with name_scope(name):
        names = tensor(np.array([v.op.name.encode() for v in variables], object))
        if not variables:
            return names
        known = apply(o.stack, *[v.is_initialized() for v in variables], axis=0)
        return boolean_mask(names, apply(o.logical_not, known))


def assign(
    ref: Any, value: Any, validate_shape: bool | None = None, use_locking: Any = None, name: Any = None
) -> Any:
    """`ref.assign(value)`."""
    return ref.assign(value, name=name)


def assign_add(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Any:
    """`ref.assign_add(value)`."""
    return ref.assign_add(value, name=name)


def assign_sub(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Any:
    """`ref.assign_sub(value)`."""
    return ref.assign_sub(value, name=name)


def count_up_to(ref: Any, limit: int, name: str | None = None) -> Any:
    """`ref.count_up_to(limit)`."""
    return ref.count_up_to(limit)


def scatter_update(ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: Any = None) -> Any:
    """Replace rows of a variable."""
    return ref.scatter_update(IndexedSlices(updates, indices))


def scatter_add(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: Any = None) -> Any:
    """Add to rows of a variable."""
    return ref.scatter_add(IndexedSlices(updates, indices))


def scatter_sub(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: Any = None) -> Any:
    """Subtract from rows of a variable."""
    return ref.scatter_sub(IndexedSlices(updates, indices))


def scatter_mul(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: Any = None) -> Any:
    """Multiply rows of a variable."""
    return ref.scatter_mul(IndexedSlices(updates, indices))


def scatter_div(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: Any = None) -> Any:
    """Divide rows of a variable."""
    return ref.scatter_div(IndexedSlices(updates, indices))


def scatter_max(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: Any = None) -> Any:
    """Replace rows of a variable by the elementwise maximum."""
    return ref.scatter_max(IndexedSlices(updates, indices))


def scatter_min(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: Any = None) -> Any:
    """Replace rows of a variable by the elementwise minimum."""
    return ref.scatter_min(IndexedSlices(updates, indices))


def scatter_nd_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: Any = None
) -> Any:
    """Replace elements or slices of a variable."""
    return ref.scatter_nd_update(indices, updates)


def scatter_nd_add(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: Any = None) -> Any:
    """Add to elements or slices of a variable."""
    return ref.scatter_nd_add(indices, updates)


def scatter_nd_sub(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: Any = None) -> Any:
    """Subtract from elements or slices of a variable."""
    return ref.scatter_nd_sub(indices, updates)

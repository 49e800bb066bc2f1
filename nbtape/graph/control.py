"""Control flow on tensors: cond, case, switch_case, while_loop.

Eagerly they are Python's if and while, and the tape sees each op. In a trace they become one node of the
graph (see `emit`), with the branches or the body as graphs of their own.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.dtype import int32
from nbtape.core.engine import Operators, Tensor, apply, o, tensor
from nbtape.core.shape import TensorShape, TensorSpec
from nbtape.graph import emit
from nbtape.graph.conversion import arrays
from nbtape.graph.effects import Assert

_NO_MATCH = "Input error: None of conditions evaluated as True:"


def cond(
    pred: Any, true_fn: Callable | None = None, false_fn: Callable | None = None, name: str | None = None
) -> Any:
    """What `true_fn()` returns if the scalar `pred` is true, else what `false_fn()` returns; only one of them
    runs.

    In a function both are traced, and must return tensors of the same structure and dtypes.

    >>> float(tf.cond(tf.constant(2.0) > 1.0, lambda: 10.0, lambda: 20.0))
    10.0
    """
    if not callable(true_fn):
        raise TypeError(
            "'true_fn' must be callable." if true_fn is not None else "cond(): 'true_fn' argument required"
        )
    if not callable(false_fn):
        raise TypeError(
            "'false_fn' must be callable." if false_fn is not None else "cond(): 'false_fn' argument required"
        )
    if context.local.graph is None:
        return true_fn() if bool(tensor(pred)) else false_fn()
    pred = tensor(pred)
    true, true_result = emit.traced(true_fn, (), "cond_true")
    false, false_result = emit.traced(false_fn, (), "cond_false")
    _check_branches(true_result, false_result)
    return emit.cond(_scalar(pred), true, true_result, false, false_result)


def _scalar(pred: Any) -> Any:
    """One truth value as a scalar, as `bool()` makes of an array of one element."""
    return pred if not pred.shape.rank else apply(o.reshape, pred, shape=())


def _check_branches(true_result: Any, false_result: Any) -> None:
    """Raise where the branches differ in structure or dtype."""
    problem = ""
    try:
        nest.assert_same_structure(true_result, false_result, expand_composites=True)
    except (TypeError, ValueError) as error:
        problem = str(error)
    else:
        for a, b in zip(nest.flatten(true_result, True), nest.flatten(false_result, True)):
            if (a is None) != (b is None):
                raise ValueError(
                    "Lengths of branch outputs of cond must match: one branch returns a tensor where the "
                    "other returns "
                    f"None.\n\ntrue_fn output: {true_result}\nfalse_fn output: {false_result}"
                )
            if a is not None and a.dtype is not b.dtype:
                problem = f"{a} and {b} have different types"
    if problem:
        raise TypeError(
            "true_fn and false_fn arguments to tf.cond must have the same number, type, and overall "
            "structure of return "
            f"values.\n\ntrue_fn output: {true_result}\nfalse_fn output: {false_result}\n\nError "
            f"details:\n{problem}"
        )


def case(
    pred_fn_pairs: Any,
    default: Callable | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """What the function of the first true predicate returns, else what `default()` returns.

    `pred_fn_pairs` is a list of (boolean scalar, function). Without a default, raises InvalidArgumentError
    where none is true; with `exclusive`, where more than one is.

    >>> int(tf.case([(tf.constant(False), lambda: 1), (tf.constant(True), lambda: 2)], default=lambda: 3))
    2
    """
    if not isinstance(pred_fn_pairs, list | tuple | Mapping):
        raise TypeError(f"'pred_fn_pairs' must be a list, tuple, or dict. Received: {type(pred_fn_pairs)}")
    if isinstance(pred_fn_pairs, Mapping) and not exclusive and context.local.graph is None:
        raise ValueError(
            "Unordered dictionaries are not supported for the 'pred_fn_pairs' argument when "
            "`exclusive=False` and eager "
            "mode is enabled."
        )
    items = pred_fn_pairs.items() if isinstance(pred_fn_pairs, Mapping) else pred_fn_pairs
    pairs = [_pair(item) for item in items]
    if default is not None and not callable(default):
        raise TypeError("'default' must be callable.")
    if exclusive:
        _check_exclusive([pred for pred, _ in pairs])
    return _chain(pairs, default)


def _pair(item: Any) -> tuple[Any, Callable]:
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise TypeError(f"Each entry in 'pred_fn_pairs' must be a 2-tuple. Received {item}.")
    pred, function = item
    pred = pred.deref() if hasattr(pred, "deref") else pred
    if not isinstance(pred, Operators):
        raise TypeError(f"pred must be a Tensor, got: {pred}")
    pred = tensor(pred)
    if not pred.dtype.is_bool:
        raise TypeError(f"pred must be Tensor of type bool: {pred}")
    if not callable(function):
        raise TypeError(f"fn for pred {pred} must be callable.")
    return pred, function


def _check_exclusive(preds: list) -> None:
    if len(preds) > 1:
        names = ", ".join("?" * len(preds))
        several = f"Input error: exclusive=True: more than 1 conditions ({names}) evaluated as True:"
        count = apply(
            o.sum, apply(o.cast, apply(o.stack, *preds, axis=0), dtype=int32.np), axis=(0,), keepdims=False
        )
        Assert(count < 2, [several, apply(o.stack, *preds, axis=0)])


def _chain(pairs: list, default: Callable | None) -> Any:
    if not pairs:
        if default is None:
            raise ValueError("'pred_fn_pairs' must not be empty where there is no default.")
        return default()
    (pred, function), rest = pairs[0], pairs[1:]
    if default is None and not rest:
        Assert(pred, [_NO_MATCH, pred])
        return function()
    return cond(pred, function, lambda: _chain(rest, default))


def switch_case(
    branch_index: Any, branch_fns: Any, default: Callable | None = None, name: str = "switch_case"
) -> Any:
    """What the function number `branch_index` returns; `default()`, else the last function, for any other
    number.

    `branch_fns` is a list of functions, or a dict or list of pairs that numbers them from 0 without a gap.

    >>> int(tf.switch_case(tf.constant(1), [lambda: 10, lambda: 20]))
    20
    """
    if not isinstance(branch_index, Operators):
        raise TypeError(f"'branch_index' must be a Tensor, got {type(branch_index)}")
    index = tensor(branch_index)
    if not index.dtype.is_integer:
        raise TypeError(f"'branch_index' must be an integer Tensor, got {index.dtype!s}")
    functions = _numbered(branch_fns)
    if default is not None and not callable(default):
        raise TypeError("'default' must be callable.")
    if context.local.graph is None:
        i = int(index)
        if 0 <= i < len(functions):
            return functions[i]()
        return (default or functions[-1])()
    *first, last = [*functions, default] if default is not None else functions
    return _chain([(apply(o.equal, index, i), f) for i, f in enumerate(first)], last)


def _numbered(branch_fns: Any) -> list[Callable]:
    if not isinstance(branch_fns, list | tuple | Mapping):
        raise TypeError(f"'branch_fns' must be a list, tuple, or dict. Received: {type(branch_fns)}")
    if not branch_fns:
        raise ValueError(f"'branch_fns' must provide at least one item. Received: {branch_fns}")
    if isinstance(branch_fns, Mapping):
        pairs = list(branch_fns.items())
    elif all(callable(f) for f in branch_fns):
        pairs = list(enumerate(branch_fns))
    else:
        pairs = list(branch_fns)
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(f"Each entry in 'branch_fns' must be a 2-tuple. Received {pair}.")
        if not isinstance(pair[0], int):
            raise TypeError(f"key must be a Python `int`, got {type(pair[0])}")
        if not callable(pair[1]):
            raise TypeError(f"fn for key {pair[0]} must be callable.")
    keys = [key for key, _ in pairs]
    if sorted(keys) != list(range(len(keys))):
        found = ",".join(map(str, keys))
        raise ValueError(
            f"branch indices (keys) must form contiguous range of [0 to {len(keys)}) but found {{{found}}}"
        )
    return [f for _, f in sorted(pairs, key=lambda pair: pair[0])]


def while_loop(
    cond: Callable,
    body: Callable,
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """`loop_vars = body(*loop_vars)` while `cond(*loop_vars)`, at most `maximum_iterations` times.

    In a function each loop variable keeps its dtype and shape; `shape_invariants` says of which variables
    which sizes may change (None in a TensorShape). The gradient of a loop keeps the variables of every step.

    >>> i, s = tf.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (0, 0)); int(s)
    6
    """
    if not callable(cond):
        raise TypeError("'cond' must be callable.")
    if not callable(body):
        raise TypeError("'body' must be callable.")
    if not isinstance(loop_vars, list | tuple | Mapping) or not loop_vars:
        raise ValueError("'loop_vars' must be provided.")
    if not back_prop:
        loop_vars = _stopped(loop_vars)
    if context.local.graph is None:
        result = _eager_loop(cond, body, loop_vars, maximum_iterations)
    else:
        result = _traced_loop(cond, body, loop_vars, shape_invariants, maximum_iterations)
    return result if back_prop else _stopped(result)


def _stopped(structure: Any) -> Any:
    return nest.map_structure(lambda x: apply(o.stop_gradient, tensor(x)), structure, expand_composites=True)


def _eager_loop(cond: Callable, body: Callable, loop_vars: Any, limit: Any) -> Any:
    structure = nest.map_structure(_spec_or_value, list(loop_vars))
    limit = None if limit is None else int(limit)
    steps = 0
    while cond(*loop_vars) and (limit is None or steps < limit):
        loop_vars = body(*loop_vars)
        nest.assert_same_structure(structure, list(loop_vars))
        steps += 1
    return nest.map_structure(
        lambda x: x if hasattr(type(x), "__composite_flatten__") else tensor(x), loop_vars
    )


def _spec_or_value(x: Any) -> Any:
    return TensorSpec(x.shape, x.dtype) if isinstance(x, Operators) else x


def _traced_loop(cond: Callable, body: Callable, loop_vars: Any, shape_invariants: Any, limit: Any) -> Any:
    if any(x is None for x in nest.flatten(loop_vars)):
        raise ValueError("None values not supported.")
    arrays.settle(body, loop_vars)
    structure = nest.map_structure(tensor, loop_vars, expand_composites=True)
    carry = nest.flatten(structure, expand_composites=True)
    shapes = _invariants(structure, carry, shape_invariants)
    counted = limit is not None
    if counted:
        carry, shapes = [tensor(0), *carry], [TensorShape(()), *shapes]
        limit = tensor(limit, int32)

    def variables(xs: tuple) -> Any:
        return emit.packed(structure, xs[counted:])

    def test(*xs: Any) -> Any:
        holds = _scalar(tensor(cond(*variables(xs))))
        return apply(o.logical_and, xs[0] < limit, holds) if counted else holds

    def step(*xs: Any) -> tuple[list, list]:
        new = body(*variables(xs))
        if not nest.is_nested(new) and len(nest.flatten(structure)) == 1:
            new = [new]
        nest.assert_same_structure(new, structure, check_types=False)
        flat = [_like(y, x) for y, x in zip(nest.flatten(new, expand_composites=True), xs[counted:])]
        return [xs[0] + 1, *flat] if counted else flat, []

    ys, _ = emit.loop(test, step, carry, shapes)
    return emit.packed(structure, ys[counted:])


def _like(y: Any, x: Tensor) -> Any:
    """What a body returned for a loop variable: a bare number takes the variable's dtype if it can."""
    if isinstance(y, int | float | complex | np.ndarray):
        try:
            return tensor(y, x.dtype)
        except (TypeError, ValueError):
            pass
    return tensor(y)


def _invariants(structure: Any, carry: list, given: Any) -> list[TensorShape]:
    if given is None:
        parts = nest.flatten(structure)
        return [s for x in parts for s in arrays.shapes(x, nest.flatten(x, expand_composites=True))]
    nest.assert_same_structure(structure, given, check_types=False)
    shapes = [s.shape if isinstance(s, TensorSpec) else TensorShape(s) for s in nest.flatten(given)]
    for x, shape in zip(carry, shapes):
        if not x.shape.is_subtype_of(shape):
            raise ValueError(
                f"The shape invariant specified for {x!r} is not compatible with the initial shape of the "
                f"loop "
                f"variable. It enters the loop with shape {x.shape}, but the specified shape invariant is "
                f"{shape}."
            )
    return shapes

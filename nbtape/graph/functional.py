"""map_fn, scan, foldl, foldr: a function applied to the elements of tensors, one after another.

Eagerly they are Python loops. In a trace they become one `while_` node that streams the elements through.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.dtype import DType, as_dtype
from nbtape.core.engine import EagerTensor, Operators, Tensor, apply, o, tensor
from nbtape.core.errors import OutOfRangeError, invalid
from nbtape.core.report import spec_of
from nbtape.core.shape import TensorShape, TensorSpec
from nbtape.graph import emit
from nbtape.graph.conversion.convert import converting


def map_fn(
    fn: Callable,
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """`fn` applied to each element (along axis 0) of `elems`, a tensor or a nested structure of them; results
    stacked.

    `fn_output_signature` gives the structure and dtypes of what `fn` returns, where they are not those of
    `elems`. `tf.vectorized_map` is faster where it does.

    >>> tf.map_fn(lambda x: x * x, tf.constant([1, 2, 3])).numpy()
    array([1, 4, 9], dtype=int32)
    """
    fn = _callable(fn)
    elems, flat = _elements(elems)
    signature = fn_output_signature if fn_output_signature is not None else dtype
    if signature is None:
        signature = nest.map_structure(lambda x: x.dtype, elems)
    wanted = [_dtype(t) for t in nest.flatten(signature)]

    def step(*xs: Any) -> list:
        result = fn(nest.pack_sequence_as(elems, xs))
        nest.assert_same_structure(signature, result)
        return [_of_dtype(y, t) for y, t in zip(nest.flatten(result), wanted)]

    if context.local.graph is None:
        rows = [step(*xs) for xs in zip(*[_rows(x) for x in flat])]
        columns = [_stack([row[i] for row in rows], t) for i, t in enumerate(wanted)]
    else:
        _, columns = emit.loop(None, lambda *xs: ([], step(*xs)), [], [], flat)
    result = nest.pack_sequence_as(signature, columns)
    return result if back_prop else _stopped(result)


def scan(
    fn: Callable,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """`a = fn(a, x)` for each element x of `elems`, from `initializer` (the first element if None): all
    values of a.

    `reverse` starts at the last element; the results stand where their elements do.

    >>> tf.scan(lambda a, x: a + x, tf.constant([1, 2, 3])).numpy()
    array([1, 3, 6], dtype=int32)
    """
    fn = _callable(fn)
    start, flat, combine, structure = _prepared(fn, elems, initializer, reverse)
    first = initializer is None
    if context.local.graph is None:
        rows, a = [start] if first else [], start
        for xs in _ordered(flat, reverse):
            a = combine(a, xs)
            rows.append(a)
        if reverse:
            rows.reverse()
        columns = [_stack([row[i] for row in rows], x.dtype) for i, x in enumerate(start)]
    else:
        n = len(start)

        def step(*xs: Any) -> tuple[list, list]:
            a = combine(xs[:n], xs[n:])
            return a, a

        _, columns = emit.loop(None, step, start, [x.shape for x in start], flat, reverse)
        if first:
            heads = [apply(o.expand_dims, x, axis=0) for x in start]
            columns = [
                apply(o.concat, *((c, h) if reverse else (h, c)), axis=0) for h, c in zip(heads, columns)
            ]
    result = nest.pack_sequence_as(structure, columns)
    return result if back_prop else _stopped(result)


def foldl(
    fn: Callable,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """`a = fn(a, x)` for each element x of `elems`, from `initializer` (the first element if None): the last
    a.

    >>> int(tf.foldl(lambda a, x: a - x, tf.constant([1, 2, 3])))
    -4
    """
    return _fold(fn, elems, initializer, False, back_prop)


def foldr(
    fn: Callable,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """`a = fn(a, x)` for each element x of `elems`, from the last to the first: the last a.

    >>> int(tf.foldr(lambda a, x: a - x, tf.constant([1, 2, 3])))
    0
    """
    return _fold(fn, elems, initializer, True, back_prop)


def _fold(fn: Callable, elems: Any, initializer: Any, reverse: bool, back_prop: bool) -> Any:
    fn = _callable(fn)
    start, flat, combine, structure = _prepared(fn, elems, initializer, reverse)
    if context.local.graph is None:
        a = start
        for xs in _ordered(flat, reverse):
            a = combine(a, xs)
    else:
        n = len(start)

        def step(*xs: Any) -> tuple[list, list]:
            return combine(xs[:n], xs[n:]), []

        a, _ = emit.loop(None, step, start, [x.shape for x in start], flat, reverse)
    result = nest.pack_sequence_as(structure, a)
    return result if back_prop else _stopped(result)


def _prepared(fn: Callable, elems: Any, initializer: Any, reverse: bool) -> tuple[list, list, Callable, Any]:
    """The first accumulators, the elements that are left, `fn` on flat lists, and the structure of an
    accumulator.
    """
    elems, flat = _elements(elems)
    if initializer is None:
        if spec_of(flat[0]).shape[0] == 0:  # type: ignore[index]
            raise OutOfRangeError(
                None, None, "Tried to read from index 0 but array size is: 0: give an initializer."
            )
        structure, start = elems, [x[-1 if reverse else 0] for x in flat]
        flat = [x[:-1] if reverse else x[1:] for x in flat]
    else:
        structure = nest.map_structure(tensor, initializer)
        start = nest.flatten(structure)

    def combine(a: Any, xs: Any) -> list:
        result = fn(nest.pack_sequence_as(structure, list(a)), nest.pack_sequence_as(elems, list(xs)))
        nest.assert_same_structure(structure, result)
        return [_of_dtype(y, x.dtype) for y, x in zip(nest.flatten(result), start)]

    return start, flat, combine, structure


def _callable(fn: Any) -> Callable:
    """`fn`, with its control flow converted in a trace that does so."""
    if not callable(fn):
        raise TypeError(f"{fn.__name__ if hasattr(fn, '__name__') else 'fn'} is not callable: {fn!r}.")
    return converting(fn)


def _elements(elems: Any) -> tuple[Any, list[Tensor]]:
    """`elems` as Tensors, nested and as a list; they have a first axis, of one length."""
    elems = nest.map_structure(tensor, elems)
    flat = nest.flatten(elems)
    if not flat:
        raise ValueError(
            "elems must be a Tensor or (possibly nested) sequence of Tensors. "
            f"Got {elems}, which does not contain any Tensors."
        )
    shapes = [spec_of(x).shape for x in flat]
    if any(s == () for s in shapes):
        raise ValueError("Elements in elems must be 1+ dimensional Tensors, not scalars")
    lengths = [s[0] for s in shapes if s is not None and s[0] is not None]
    for n in lengths[1:]:
        if n != lengths[0]:
            raise ValueError(f"Dimensions {lengths[0]} and {n} are not compatible")
    return elems, flat


def _rows(x: Tensor) -> list:
    n = spec_of(x).shape[0]  # type: ignore[index]
    return list(apply(o.unstack, x, num=n, axis=0)) if n else []


def _ordered(flat: list, reverse: bool) -> list:
    steps = list(zip(*[_rows(x) for x in flat]))
    return steps[::-1] if reverse else steps


def _stack(rows: list, dtype: DType) -> Tensor:
    if not rows:
        return EagerTensor(np.zeros((0,), dtype.np))
    for row in rows[1:]:
        if row.shape != rows[0].shape:
            raise ValueError(f"Incompatible shape for value ({row.shape}), expected ({rows[0].shape})")
    return apply(o.stack, *rows, axis=0)


def _dtype(signature: Any) -> DType:
    return signature.dtype if isinstance(signature, TensorSpec) else as_dtype(signature)


def _of_dtype(y: Any, dtype: DType) -> Tensor:
    """What the function returned, which has to be of the dtype that was told; a bare number becomes so."""
    y = tensor(y) if isinstance(y, Operators) else tensor(y, dtype)
    if y.dtype is not dtype:
        raise invalid(
            f"TensorArray dtype is {dtype.name} but Op is trying to write dtype {y.dtype.name}. Give "
            f"fn_output_signature=tf.{y.dtype.name}, or cast what the function returns."
        )
    return y


def _stopped(structure: Any) -> Any:
    return nest.map_structure(lambda x: apply(o.stop_gradient, x), structure)


_ = TensorShape

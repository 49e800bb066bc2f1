"""Control flow in a trace: branches and bodies are traced as regions and stand in the graph as one node.

Variables that a region assigns become outputs of it, assigned after the node; loops carry them.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from nbtape.core import context, nest
from nbtape.core.engine import Tensor, apply, doors, o, tensor
from nbtape.core.report import spec_of
from nbtape.core.shape import Spec, TensorShape
from nbtape.graph import (
    branches,
    loops,
)
from nbtape.graph.custom import custom_call
from nbtape.graph.symbolic import SymbolicTensor
from nbtape.graph.trace import Region, returned

_SHAPE_CHANGED = (
    "Input tensor `{name}` enters the loop with shape {before}, but has shape {after} after one iteration. "
    "To allow the "
    "shape to vary across iterations, use the `shape_invariants` argument of tf.while_loop to specify a "
    "less-specific "
    "shape."
)


def traced(function: Callable, specs: Sequence[Spec], name: str) -> tuple[Region, Any]:
    """`function` as a region that is still open, and what it returned."""
    region = Region(name)
    with region.as_default():
        inputs = [region.add_input(spec, "x") for spec in specs]
        return region, returned(region, function(*inputs))


def leaves(structure: Any) -> list:
    """The tensors of what `returned` gave."""
    return [x for x in nest.flatten(structure, expand_composites=True) if isinstance(x, Tensor)]


def packed(structure: Any, ys: Sequence) -> Any:
    """`ys` where `structure` has tensors."""
    left = iter(ys)
    return nest.map_structure(
        lambda x: next(left) if isinstance(x, Tensor) else x, structure, expand_composites=True
    )


def shared(*regions: Region) -> tuple[list, list, list]:
    """What the regions captured; the variables that one of them assigns; those that they only read."""
    captured = {key: x for region in regions for key, (x, _) in region.captures.items()}
    assigned = {key: v for region in regions for key, (v, _) in region.assigned.items()}
    read = {key: v for region in regions for key, (v, _) in region.entries.items() if key not in assigned}
    return list(captured.values()), list(assigned.values()), list(read.values())


def cond(pred: Any, true: Region, true_result: Any, false: Region, false_result: Any) -> Any:
    """A `cond` node over two open regions whose results are structured alike."""
    captured, assigned, read = shared(true, false)
    for region, result in (true, true_result), (false, false_result):
        region.bind(captured, [*assigned, *read])
        region.close([*leaves(result), *[region.now(v) for v in assigned]])
    reads = [v.__tensor__() for v in (*assigned, *read)]
    ys = apply(branches.row, pred, *captured, *reads, true=true, false=false)
    n = len(leaves(true_result))
    return packed(true_result, _assigned(assigned, ys[n:], ys[:n]))


def _assigned(variables: Sequence, values: Sequence, ys: Sequence) -> list:
    """Give variables their values; returns `ys`, which in a graph of TensorFlow 1 wait for that."""
    graph: Any = context.local.graph
    with nullcontext() if graph.building_function else graph.in_order():
        for variable, value in zip(variables, values):
            graph.assign(variable, value)
        if variables and not graph.building_function:
            return [apply(o.identity, y) for y in ys]
    return list(ys)


def loop(
    test: Callable | None,
    body: Callable,
    carry: Sequence[Tensor],
    shapes: Sequence[TensorShape],
    streams: Sequence[Tensor] = (),
    reverse: bool = False,
) -> tuple[list, list]:
    """A `while_` node: `body(*carry, *elements of streams)` returns (new carry, list of rows), while
    `test(*carry)`.

    Without a test it runs once for each element of the streams. Returns the last carry and the stacked rows.
    """
    specs = [Spec(None if s.rank is None else tuple(s), spec_of(x).dtype) for x, s in zip(carry, shapes)]
    elements = [Spec(spec_of(x).shape[1:], spec_of(x).dtype) for x in streams]  # type: ignore[index]
    region, (new, rows) = traced(body, [*specs, *elements], "body")
    new = [_checked(region, y, x, spec) for y, x, spec in zip(new, carry, specs)]
    regions = [region]
    condition, holds = None, None
    if test is not None:
        condition, holds = traced(test, specs, "cond")
        regions.append(condition)
    captured, assigned, read = shared(*regions)
    n, more = len(carry), len(assigned)
    for r in regions:
        given, r.inputs = r.inputs, r.inputs[:n]
        r.bind((), assigned)
        r.inputs += given[n:]
        r.bind(captured, read)
    region.close([*new, *[region.now(v) for v in assigned], *rows])
    if condition is not None:
        condition.close([_predicate(holds)])
    inputs = [
        *carry,
        *[v.__tensor__() for v in assigned],
        *streams,
        *captured,
        *[v.__tensor__() for v in read],
    ]
    ys = apply(
        loops.row,
        *inputs,
        cond=condition,
        body=region,
        carries=n + more,
        scanned=len(streams),
        reverse=reverse,
        saved=True,
    )
    ys = _assigned(assigned, ys[n : n + more], [*ys[:n], *ys[n + more : n + more + len(rows)]])
    return ys[:n], ys[n:]


def _checked(region: Region, y: Any, x: Any, spec: Spec) -> SymbolicTensor:
    """What the body made of a carry, which has to be of the carry's dtype and shape."""
    before = TensorShape(spec.shape)
    name = x.name if isinstance(x, SymbolicTensor) else "Const:0"
    if y._spec.dtype != spec.dtype:
        raise TypeError(
            f"Loop var {name} enters the loop with type {tensor(x).dtype!s} but has type {y.dtype!s} after 1 "
            f"iteration. {name} type should remain constant."
        )
    if not y.shape.is_subtype_of(before):
        raise ValueError(_SHAPE_CHANGED.format(name=name, before=before, after=y.shape))
    return y


def _predicate(holds: Any) -> SymbolicTensor:
    if not isinstance(holds, SymbolicTensor) or holds._spec.dtype.kind != "b":
        raise TypeError(
            f"'cond' must return a boolean scalar tensor, got {holds!r}. Compare it, or tf.cast(x, tf.bool)."
        )
    return holds


doors["custom_gradient"] = custom_call

"""Ops that run at once on a card: each as a program of one step.

A program is planned once for the shapes and dtypes of its inputs, and kept. Values that are elsewhere come to
the card first: what is small in silence, what is large with a notice, once for each line of the user, since a
copy takes longer than most ops.
"""

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from nbtape.compile.card.host import CardHost
from nbtape.compile.card.plan import plan_of
from nbtape.core import source
from nbtape.core.engine import EagerTensor, Op, check_dtypes, device_of
from nbtape.core.memory import CardArray, TransferWarning, on_card, on_host
from nbtape.core.report import NUMBERS, describe, explained, infer_dtypes, size, specs_of
from nbtape.core.shape import Spec
from nbtape.graph.passes import optimise
from nbtape.graph.program import Program, Step, Value
from nbtape.graph.v1.device import here

_KEPT = 2048  # programs
_LARGE = 1 << 20  # bytes from which on a copy that nobody asked for is told
_INSTEAD = "Keep it there: make it there, or copy it once, by x.gpu() or x.cpu()."
_told: set[tuple[str, int] | None] = set()  # the lines of which a copy was told


def elsewhere(op: Op, xs: tuple, attrs: dict) -> Any:
    """What `op` gives where its inputs are, some of which are on a card: there, or on the computer's own
    processor where the block around says so.
    """
    if here().device_type == "CPU":
        return _at_home(op, xs, attrs)
    return run(op, xs, attrs, next(v.card for v in map(_value, xs) if type(v) is CardArray))


def run(op: Op, xs: tuple, attrs: dict, card: int) -> Any:
    """What `op` gives on a card."""
    values = [_value(x) for x in xs]
    try:
        specs = specs_of(xs)
        if any(spec.dtype == object for spec in specs):
            return _at_home(op, xs, attrs)
        if op.kinds and specs:
            infer_dtypes(op, specs)
        host = _planned(op, tuple(specs), tuple(attrs.items()), card)
        _tell(op, xs, values, f"GPU:{card}")
        found = host.run([_given(v, spec, card) for v, spec in zip(values, specs)])
    except Exception as error:
        raise explained(error, op, xs, attrs) from None
    return tuple(found) if op.many else found[0]


def _at_home(op: Op, xs: tuple, attrs: dict) -> Any:
    """What `op` gives on the computer's own processor."""
    values = [_value(x) for x in xs]
    _tell(op, xs, values, "CPU:0")
    values = [on_host(v) for v in values]
    check_dtypes(op, values)
    return op.eager(*values, **attrs)


def _value(x: Any) -> Any:
    return x._value if type(x) is EagerTensor else x


def _given(value: Any, spec: Spec, card: int) -> Any:
    """A value as the program takes it; numbers go with the call."""
    if type(value) in NUMBERS:
        return spec.dtype.type(value)
    return on_card(value, card) if value.shape else value


@lru_cache(_KEPT)
def _planned(op: Op, specs: tuple[Spec, ...], attrs: tuple, card: int) -> Any:
    return CardHost(plan_of(optimise(program_of(op, specs, dict(attrs)))), [], card)


def program_of(op: Op, specs: Sequence[Spec], attrs: dict) -> Program:
    """The program of one op; raises what its `infer` says of such inputs."""
    inputs = [Value(spec) for spec in specs]
    found = op.infer(*specs, **attrs)
    outputs = [Value(spec) for spec in (found if op.many else (found,))]
    return Program(inputs, list(outputs), [Step(op, tuple(inputs), attrs, tuple(outputs))], name=op.name)


def _tell(op: Op, xs: tuple, values: list, device: str) -> None:
    """Say what an op copies to its device, where it is large and other inputs are there."""
    arrays = [(x, v, _device(v)) for x, v in zip(xs, values) if type(v) not in NUMBERS]
    away = [(x, v, where) for x, v, where in arrays if where != device and v.nbytes >= _LARGE]
    if not away or all(where != device for _, _, where in arrays):
        return
    place = source.here()
    line = place and (place[0].co_filename, source.line_number(place))
    if line not in _told:
        _told.add(line)
        copied = ", ".join([f"{describe(x)} ({size(v.nbytes)}) from {where}" for x, v, where in away])
        text = f"{op.name} copies to {device}, each time it runs: {copied}. {_INSTEAD}"
        warnings.warn(text, TransferWarning, stacklevel=source.depth())


def _device(value: Any) -> str:
    return device_of(value).rpartition("device:")[2]

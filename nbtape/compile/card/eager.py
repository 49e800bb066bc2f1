"""Ops that run at once on a card: each as a program of one step.

A program is planned once for the shapes and dtypes of its inputs, and kept. Values that are elsewhere come to
the card first: what is small in silence, what is large or on another card with a notice, once for each line
of the user, since a copy takes longer than most ops.
"""

import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from nbtape.compile.card.host import CardHost
from nbtape.compile.card.plan import plan_of
from nbtape.core import source
from nbtape.core.engine import EagerTensor, Op, check_dtypes
from nbtape.core.memory import CardArray, TransferWarning, index_of, on_host
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
    if any([type(v) not in NUMBERS and getattr(v.dtype, "hasobject", True) for v in values]):
        return _at_home(op, xs, attrs)  # texts and objects; of tensors without a value it says what is wrong
    try:
        is_number = op.kinds and "b" not in op.kinds  # for which a bool counts as one
        specs = specs_of(tuple([int(x) if is_number and type(x) is bool else x for x in xs]))
        if op.kinds and specs:
            infer_dtypes(op, specs)
        kinds = tuple(map(type, attrs.values()))  # since 1, 1.0 and True are the same key
        host = _planned(op, tuple(specs), tuple(attrs.items()), kinds, card)
    except Exception as error:
        raise explained(error, op, xs, attrs) from None
    _tell(op, xs, values, card)
    # Python's numbers go with the call, so that all of them share a program.
    found = host.run([spec.dtype.type(v) if type(v) in NUMBERS else v for v, spec in zip(values, specs)])
    return tuple(found) if op.many else found[0]


def _at_home(op: Op, xs: tuple, attrs: dict) -> Any:
    """What `op` gives on the computer's own processor."""
    values = [_value(x) for x in xs]
    _tell(op, xs, values, None)
    values = [on_host(v) for v in values]
    try:
        check_dtypes(op, values)
        return op.eager(*values, **attrs)
    except Exception as error:
        raise explained(error, op, xs, attrs) from None


def _value(x: Any) -> Any:
    return x._value if type(x) is EagerTensor else x


@lru_cache(_KEPT)
def _planned(op: Op, specs: tuple[Spec, ...], attrs: tuple, kinds: tuple, card: int) -> CardHost:
    return CardHost(plan_of(optimise(program_of(op, specs, dict(attrs)))), [], card)


def program_of(op: Op, specs: Sequence[Spec], attrs: dict) -> Program:
    """The program of one op; raises what its `infer` says of such inputs."""
    inputs = [Value(spec) for spec in specs]
    found = op.infer(*specs, **attrs)
    outputs = [Value(spec) for spec in (found if op.many else (found,))]
    return Program(inputs, list(outputs), [Step(op, tuple(inputs), attrs, tuple(outputs))], name=op.name)


def _tell(op: Op, xs: tuple, values: list, card: int | None) -> None:
    """Say what an op copies to its card (None: to the computer) though other inputs are there: values of
    another card, and what is large.
    """
    arrays = [(x, v) for x, v in zip(xs, values) if type(v) not in NUMBERS]
    away = [(x, v) for x, v in arrays if _card(v) != card and (_apart(v, card) or v.nbytes >= _LARGE)]
    if not away or all([_card(v) != card for _, v in arrays]):
        return
    place = source.here()
    line = place and (place[0].co_filename, source.line_number(place))
    if line not in _told:
        _told.add(line)
        copied = ", ".join([f"{describe(x)} ({size(v.nbytes)}) from {_named(_card(v))}" for x, v in away])
        text = f"{op.name} copies to {_named(card)}, each time it runs: {copied}. {_INSTEAD}"
        warnings.warn(text, TransferWarning, stacklevel=source.depth())


def _card(value: Any) -> int | None:
    """The card that a value is on, None for the computer."""
    return value.card if type(value) is CardArray else None


def _apart(value: Any, card: int | None) -> bool:
    """Whether a value and an op are on two cards."""
    return card is not None and type(value) is CardArray


def _named(card: int | None) -> str:
    return "CPU:0" if card is None else f"GPU:{index_of(card)}"

"""Signatures that say all, of layers that hand their arguments on to others."""

import functools
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Any

_HANDED_ON = Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD


def signed(first: type, *others: type, without: tuple[str, ...] = ()) -> Callable[[type], Any]:
    """Let a class tell its own parameters, then those of the classes that get what is left: `first` what is
    left by position, too.
    """

    def sign(cls: Any) -> Any:
        taken: dict[str, Parameter] = {}
        for p in [*_parameters(cls), *_parameters(first)]:
            taken.setdefault(p.name, p)
        for p in [p for other in others for p in _parameters(other) if p.name not in without]:
            taken.setdefault(p.name, p.replace(kind=Parameter.KEYWORD_ONLY))
        init = cls.__init__

        @functools.wraps(init)
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
            init(self, *args, **kwargs)

        own, rest = (
            Parameter("self", Parameter.POSITIONAL_OR_KEYWORD),
            Parameter("kwargs", Parameter.VAR_KEYWORD),
        )
        told = sorted(taken.values(), key=lambda p: p.kind)
        __init__.__signature__ = Signature([own, *told, rest])  # type: ignore[attr-defined]
        cls.__init__ = __init__
        return cls

    return sign


def _parameters(cls: type) -> list[Parameter]:
    return [p for p in signature(cls).parameters.values() if p.kind not in _HANDED_ON]

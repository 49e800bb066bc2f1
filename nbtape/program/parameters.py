"""Parameters: how the arguments of a call are bound, and made into what `input_signature` wants."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from nbtape.core import nest
from nbtape.core.engine import Operators, tensor
from nbtape.core.shape import TensorSpec
from nbtape.program.signature import Signature, spelled


class Parameters:
    """The parameters of a function, with the specs that `input_signature` gives for the first of them."""

    def __init__(self, function: Callable, input_signature: Any = None):
        self.plain = _parameters_of(function)
        self._of_object = next(iter(self.plain.parameters), "") == "self"  # which specs are not given for
        self.wanted = _checked_signature(input_signature, self._after_object())
        self._positional = _plain_positional(self.plain)

    def signature(self, args: tuple, kwargs: dict) -> Signature:
        """The signature of a call, with defaults filled in; raises TypeError where they do not fit."""
        try:
            if self.wanted is not None:
                args, kwargs = self._cast(self.wanted, args, kwargs)
            elif kwargs or len(args) != self._positional:
                bound = self.plain.bind(*args, **kwargs)
                bound.apply_defaults()
                args, kwargs = bound.args, bound.kwargs
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"Binding inputs to tf.function failed due to `{error}`. Received args: {args} and kwargs: "
                f"{kwargs} for signature: {self}."
            ) from None
        return Signature((args, kwargs))

    def _after_object(self) -> inspect.Signature:
        """The parameters that `input_signature` speaks of: all but the `self` of a method."""
        return self.of_method() if self._of_object else self.plain

    def of_method(self) -> inspect.Signature:
        """The parameters without the first one, the object."""
        return self.plain.replace(parameters=list(self.plain.parameters.values())[1:])

    def _cast(self, wanted: tuple, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """Arguments as `input_signature` wants them."""
        if self._of_object and args:
            cast, kwargs = self._cast_rest(wanted, args[1:], kwargs)
            return (args[0], *cast), kwargs
        return self._cast_rest(wanted, args, kwargs)

    def _cast_rest(self, wanted: tuple, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        parameters = self._after_object()
        bound = parameters.bind(*args, **kwargs)
        names = list(parameters.parameters)
        given = bound.args
        if len(given) > len(wanted):
            for name, value in list(bound.arguments.items())[len(wanted) :]:
                default = parameters.parameters[name].default
                if default is inspect.Parameter.empty or isinstance(value, Operators) or value != default:
                    raise TypeError(f"Can not cast {value} to Literal[{default!r}]")
        parts = [_cast(value, spec) for value, spec in zip(given, wanted)]
        if len(parts) < len(wanted):
            raise TypeError(f"missing a required argument: {names[len(parts)]!r}")
        bound.arguments.update(zip(names, parts))
        bound.apply_defaults()
        return (*parts, *bound.args[len(parts) :]), bound.kwargs

    def __str__(self) -> str:
        if self.wanted is None:
            return "(" + ", ".join(self.plain.parameters) + ")"
        told = []
        for i, (name, parameter) in enumerate(self._after_object().parameters.items()):
            if i < len(self.wanted):
                told.append(f"{name}: {spelled(self.wanted[i])}")
            else:
                told.append(f"{name}: Literal[{parameter.default!r}] = <captured_default_value>")
        return f"({', '.join(told)})"


def name_of(function: Callable) -> str:
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    return getattr(inner, "__name__", type(inner).__name__)


def _parameters_of(function: Callable) -> inspect.Signature:
    """The parameters of what a user gave to `function`: of `__call__` for an object, without its `self`."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return inspect.Signature(
            [
                inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
            ]
        )


def _plain_positional(parameters: inspect.Signature) -> int:
    """How many positional arguments make a complete call without keywords; -1 where that takes binding."""
    kinds = [p.kind for p in parameters.parameters.values()]
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return len(kinds) if all(kind in plain for kind in kinds) else -1


def _checked_signature(given: Any, parameters: inspect.Signature) -> tuple | None:
    if given is None:
        return None
    if not isinstance(given, list | tuple):
        raise TypeError(f"input_signature must be either a tuple or a list, got {type(given)}.")
    bad = [s for s in nest.flatten(given) if not isinstance(s, TensorSpec)]
    if bad:
        raise TypeError(
            "input_signature must be a possibly nested sequence of TensorSpec objects, got invalid args "
            f"{bad} with types {[type(s) for s in bad]}."
        )
    positional = [
        p for p in parameters.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    takes_more = any(p.kind is p.VAR_POSITIONAL for p in parameters.parameters.values())
    for parameter in positional[len(given) :]:
        if parameter.default is parameter.empty:
            raise TypeError(f"input_signature missing type constraint for {parameter.name}")
    for parameter in parameters.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise TypeError(
                f"Since input_signature is defined, keyword-only parameter `{parameter.name}` must have a "
                f"default value"
            )
    if len(given) > len(positional) and not takes_more:
        raise TypeError(f"input_signature contains {len(given) - len(positional)} extra type constraints.")
    return tuple(given)


def _cast(value: Any, spec: Any) -> Any:
    """An argument as its part of `input_signature` wants it."""
    if isinstance(spec, TensorSpec):
        if isinstance(value, TensorSpec):
            came = value
        else:
            value = tensor(value) if isinstance(value, Operators) else tensor(value, spec.dtype)
            came = TensorSpec(value.shape, value.dtype)
        if came.dtype is not spec.dtype or not came.shape.is_compatible_with(spec.shape):
            raise TypeError(f"Can not cast {spelled(came)} to {spelled(spec)}")
        return value
    nest.assert_same_structure(value, spec)
    parts = [_cast(v, s) for v, s in zip(nest.flatten(value), nest.flatten(spec))]
    return nest.pack_sequence_as(spec, parts)

"""The ways an op may be compiled, and functions named by text that are imported at their first call.

A row says with one of these classes what its op is to the compilers: `Scalar`, the same text for CPU and GPU
and the only fusable kind; `Reduce`, a fold; `View`, an index map that moves nothing; `Index`, the index of a
loop; `Composite`, what other rows compute; `Extern`, a library call or a hand-written kernel; `Region`, an op
that carries graphs.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scalar:
    """An expression over one element of each input, `{0}`, `{1}`, ..., valid in numba.njit and numba.cuda
    alike.
    """

    text: str


@dataclass(frozen=True)
class Reduce:
    """A fold: start from `init`, then `step`, an expression over `{acc}` and `{x}`, for each element."""

    init: str
    step: str


@dataclass(frozen=True)
class View:
    """The same elements in another order or shape."""


@dataclass(frozen=True)
class Extern:
    """A call of a library or of a hand-written kernel; `cuda` names the GPU kernel as `file:function`."""

    cpu: str = ""
    cuda: str = ""


@dataclass(frozen=True)
class Index:
    """The position along an axis, which a loop knows without reading it."""


@dataclass(frozen=True)
class Composite:
    """What other rows compute: `lower(*xs, **attrs)`, written with ops as a gradient rule is.

    None where it takes shapes that are not known. What has narrow floats is computed in float32.
    """

    lower: Callable[..., Any]


@dataclass(frozen=True)
class Region:
    """An op whose attributes are graphs: cond, while_loop, call."""

    name: str


Kernel = Scalar | Reduce | View | Index | Composite | Extern | Region


class Late:
    """A function named as an entry point is, `package.module:function`, imported when it is first called.

    SciPy and Numba take longer to import than all of nbtape; who does not call them does not wait for them.
    """

    def __init__(self, target: str):
        self.target = target
        self._function: Callable[..., Any] | None = None

    def resolve(self) -> Callable[..., Any]:
        if self._function is None:
            module, name = self.target.split(":")
            self._function = getattr(importlib.import_module(module), name)
        assert self._function is not None
        return self._function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return (self._function or self.resolve())(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Late({self.target!r})"


def late(target: str) -> Late:
    return Late(target)

"""How an optimizer's rule changes variables: on arrays at once, by a kernel in place, or in a trace."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.core import context, source
from nbtape.core.crew import crew, native
from nbtape.core.dtype import bfloat16, float16
from nbtape.core.engine import EagerTensor, tensor
from nbtape.core.kernel import Late
from nbtape.core.memory import CardArray, state
from nbtape.core.slices import IndexedSlices
from nbtape.ops.arithmetic import cast
from nbtape.state.variable import Variable
from nbtape.state.writes import exclusive, writing
from nbtape.train.optimizers.state import OptimizerState

_LARGE = 4096  # elements from which a kernel is worth the import of Numba
_HALVES = (float16.np, bfloat16.np)


class Update(OptimizerState):
    """What subclasses of optimizers say, and what follows from it."""

    def __init__(self, learning_rate: Any, name: str | None):
        super().__init__(learning_rate, name)
        self._has_kernel = _keeps(type(self), "fused", "rule")
        self._at_once = _keeps(type(self), "fused", "update_step")
        self._last: tuple[list[int], list[tuple[Variable, ...]], writing, bool] | None = None  # see `_rows`
        self._rates: dict[Any, tuple] = {}  # what `rates` gave in this step, by dtype

    def rates(self, learning_rate: Any, step: Any) -> tuple:
        """What `rule` takes besides values, the same for all variables of a dtype; `step` counts from 1."""
        return (learning_rate,)

    def rule(self, g: Any, p: Any, *values: Any) -> tuple:
        """The next value of a variable `p`, then those of its slots, for its gradient `g`.

        `values` are those of the slots, then what `rates` gave. Written with operators and ops.
        """
        raise NotImplementedError(f"{type(self).__name__} must override `rule` or `update_step`.")

    def fused(self) -> tuple[Late, tuple] | None:
        """A kernel that does `rule` in place as `kernel(p, *slots, g, *rates, *more)`, and what is more."""
        return None

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Change one variable, and its slots, for its gradient."""
        if isinstance(gradient, IndexedSlices):
            gradient = dense(gradient, variable)
        if context.local.graph is None and not _on_card(gradient, variable):
            self._step([gradient], [variable], learning_rate)
            return
        dtype, held = variable.dtype, (variable, *self._slots[variable._serial])
        g = cast(gradient, dtype)
        variable._check_shape(variable.shape, g.shape)
        values = self.rule(g, *[tensor(v) for v in held], *self._rates_for(dtype, learning_rate))
        for v, value in zip(held, values):
            v.assign(value, read_value=False)

    def assign(self, variable: Variable, value: Any) -> None:
        """Give a variable a value, which is cast to its dtype."""
        variable.assign(cast(value, variable.dtype))

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add a value, which is cast to the variable's dtype."""
        variable.assign_add(cast(tensor(value), variable.dtype))

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract a value, which is cast to the variable's dtype."""
        variable.assign_sub(cast(tensor(value), variable.dtype))

    def _update(self, gradients: Sequence[Any], variables: Sequence[Variable], learning_rate: Any) -> None:
        """Change variables for their gradients, all at once where they can be."""
        is_here = context.local.graph is None and not _on_card(*gradients, *variables)
        if is_here and self._at_once and all([type(g) is EagerTensor for g in gradients]):
            self._step(gradients, variables, learning_rate)
        else:
            for gradient, variable in zip(gradients, variables):
                self.update_step(gradient, variable, learning_rate)

    def _step(self, gradients: Sequence[Any], variables: Sequence[Variable], learning_rate: Any) -> None:
        """Change variables, whose gradients are dense, at once."""
        rows, block, twice = self._rows(variables)
        if twice:
            for gradient, variable in zip(gradients, variables):
                self._step([gradient], [variable], learning_rate)
            return
        fused = self.fused() if self._has_kernel else None
        ready: dict[Any, list[tuple]] = {}  # arrays for the kernel, by dtype
        with block:
            for gradient, held in zip(gradients, rows):
                variable, dtype = held[0], held[0].dtype
                if type(gradient) is not EagerTensor or gradient._value.dtype != dtype.np:
                    gradient = cast(gradient, dtype)
                g = gradient._value
                if g.shape != variable._value.shape:
                    variable._check_shape(variable._value.shape, g.shape)
                if fused and g.ndim and dtype.is_floating and (g.size >= _LARGE or fused[0]._function):
                    ready.setdefault(dtype, []).append((*[exclusive(v) for v in held], g))
                else:
                    self._by_rule(g, held, self._rates_for(dtype, learning_rate))
            for dtype, arrays in ready.items():
                kernel, more = fused  # type: ignore[misc]
                kernel(arrays, *self._rates_for(dtype, learning_rate), *more, offer=_offer)

    def _rows(self, variables: Sequence[Variable]) -> tuple[list[tuple[Variable, ...]], writing, bool]:
        """Each variable with its slots, the block that writes to them all, and whether one is named twice:
        the last step's, if it had the same variables.
        """
        serials = [v._serial for v in variables]
        if self._last is None or self._last[0] != serials:
            rows = [(v, *self._slots[v._serial]) for v in variables]
            held = {v._serial: v for row in rows for v in row}
            twice = len(set(serials)) < len(serials)
            self._last = serials, rows, writing(list(held.values())), twice
        return self._last[1:]

    def _by_rule(self, g: Any, held: Sequence[Variable], rates: tuple) -> None:
        """`rule` on bare arrays. Half precision is computed with as float32, as it is in kernels."""
        values = [g, *[v._value for v in held]]
        if g.dtype in _HALVES:
            values = [x.astype(np.float32) for x in values]
        with np.errstate(all="ignore"):
            found = self.rule(*values, *rates)
        for v, value in zip(held, found):
            v._store(EagerTensor(value if value.dtype == g.dtype else value.astype(g.dtype)), False)

    def _rates_for(self, dtype: Any, learning_rate: Any) -> tuple:
        found = self._rates.get(dtype)
        if found is None:
            every = self.gradient_accumulation_steps or 1
            if context.local.graph is None and not _on_card(self._iterations):
                number = np.float32 if dtype.np in _HALVES else dtype.as_numpy_dtype
                if isinstance(learning_rate, Variable):
                    learning_rate = learning_rate._value
                rate, step = number(np.asarray(learning_rate)), number(self._iterations._value // every + 1)
            else:
                rate, step = cast(learning_rate, dtype), cast(self.iterations + 1, dtype)
            found = self._rates[dtype] = self.rates(rate, step)
        return found


def _on_card(*held: Any) -> bool:
    """Whether any of these Tensors and Variables has its value on a card."""
    return state.used and any([type(getattr(x, "_value", None)) is CardArray for x in held])


def _offer(parts: Any) -> bool:
    return crew().offer(native(), parts)


def dense(gradient: Any, variable: Variable) -> Any:
    """A gradient as a tensor of the variable's shape and dtype."""
    if isinstance(gradient, IndexedSlices):
        gradient = tensor(IndexedSlices(gradient.values, gradient.indices, tuple(variable.shape)))
    return cast(gradient, variable.dtype)


def without_none(gradients: Sequence[Any], variables: list[Variable]) -> tuple[list, list[Variable]]:
    """Gradients that are not None, and their variables; the others are warned of."""
    missing = [v.name for g, v in zip(gradients, variables) if g is None]
    if not missing:
        return list(gradients), variables
    if len(missing) == len(variables):
        raise ValueError("No gradients provided for any variable.")
    warnings.warn(
        f"Gradients do not exist for variables {missing} when minimizing the loss. If using "
        "`model.compile()`, did you forget to provide a `loss` argument?",
        stacklevel=source.depth(),
    )
    kept = [(g, v) for g, v in zip(gradients, variables) if g is not None]
    return [g for g, _ in kept], [v for _, v in kept]


def _keeps(cls: type, name: str, other: str) -> bool:
    """Whether no class overrides `other` without `name`, so that the two still say the same."""
    return name in vars(next(c for c in cls.__mro__ if name in vars(c) or other in vars(c)))

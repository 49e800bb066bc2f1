"""`%grad`, `%jacobian`, `%hessian`, `%jvp` and `%gradcheck`: derivatives of what the last tape recorded.

They ask a copy of the tape, so that it stays as it is, and show what they return.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from IPython.core.display import Image
from IPython.core.display_functions import display
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from nbtape.autodiff.tape import GradientTape
from nbtape.core import context, nest
from nbtape.core.engine import Tensor, tensor
from nbtape.core.errors import GradientWarning
from nbtape.core.report import describe
from nbtape.notebook.cards import tensor_card
from nbtape.notebook.expressions import named, value, watched
from nbtape.notebook.gradients import Gradients
from nbtape.notebook.html import element, joined
from nbtape.notebook.numbers import array_of, latex, latex_name, number
from nbtape.notebook.options import Option, Usage, usage
from nbtape.notebook.replay import continued, slopes_of
from nbtape.notebook.tables import bundle
from nbtape.notebook.tape_magics import TapeMagics

_TAPE, _LATEX = Option("--tape", 1, "-t"), Option("--latex")
_GRAD = usage(
    "grad",
    "%grad [-t TAPE] TARGET [SOURCE ...] [--order N] [--plot] [--latex]",
    _TAPE,
    Option("--order", 1),
    Option("--plot"),
    _LATEX,
)
_JACOBIAN = usage("jacobian", "%jacobian [-t TAPE] TARGET [SOURCE ...] [--latex]", _TAPE, _LATEX)
_HESSIAN = usage("hessian", "%hessian [-t TAPE] TARGET [SOURCE ...] [--latex]", _TAPE, _LATEX)
_JVP = usage("jvp", "%jvp [-t TAPE] TARGET SOURCE DIRECTION [SOURCE DIRECTION ...]", _TAPE)
_CHECK = usage("gradcheck", "%gradcheck [-t TAPE] TARGET [SOURCE ...]", _TAPE)


@magics_class
class DerivativeMagics(Magics):
    """The magics of one shell that differentiate."""

    shell: Any

    def __init__(self, shell: Any, tapes: TapeMagics):
        super().__init__(shell)
        self._tapes = tapes

    @no_var_expand
    @line_magic
    def grad(self, line: str) -> Gradients:
        """Show the gradients of a target, and return them: `%grad [-t TAPE] TARGET [SOURCE ...]`

        Target and sources are expressions, set apart by blanks; one that has blanks stands in brackets.
        Without sources: all that the tape watches. TAPE is that of the last `%%tape`, or the variable `tape`.
        Where a gradient is None the table says why. `--order N` differentiates N times (the sum of the
        elements each time), `--plot` adds a histogram of each gradient, `--latex` shows equations.

            %grad loss model.w model.b
            g = %grad loss w b
        """
        __tracebackhide__ = True
        tape, (text, *asked), options = self._asked(_GRAD, line)
        target, sources = value(self.shell, text), self._sources(tape, asked)
        order = _order(options.get("--order", "1"))
        for _ in range(1, order):
            with context.paused(), tape:
                target = _summed(tape, target, sources, text)
        with context.paused():
            found = _gradients(tape, text, order, target, sources)
        self._show(found.bundle("--latex" in options))
        if "--plot" in options and any(g is not None for g in found):
            display(_picture(found.figure()))
        return found

    @no_var_expand
    @line_magic
    def jacobian(self, line: str) -> Any:
        """Show the Jacobians of a target, and return them: `%jacobian [-t TAPE] TARGET [SOURCE ...]`

        One for each source, of shape target.shape + source.shape. `-t` names another tape than the last,
        `--latex` shows small ones as matrices.

            %jacobian y x
        """
        __tracebackhide__ = True
        tape, (text, *asked), options = self._asked(_JACOBIAN, line)
        target, sources = value(self.shell, text), self._sources(tape, asked)
        return self._matrices(tape, lambda x: f"d{text}/d{x}", target, sources, options)

    @no_var_expand
    @line_magic
    def hessian(self, line: str) -> Any:
        """Show the second derivatives of a target, and return them: `%hessian [-t TAPE] TARGET [SOURCE ...]`

        One for each source, by that source twice, of the sum of the target's elements. `-t` names another
        tape than the last, `--latex` shows small ones as matrices.

            %hessian loss w
        """
        __tracebackhide__ = True
        tape, (text, *asked), options = self._asked(_HESSIAN, line)
        target, sources = value(self.shell, text), self._sources(tape, asked)
        found = []
        for name, x in sources:
            with context.paused(), tape, _quietly():
                g = tape.gradient(target, x)
            if g is None:
                raise UsageError(f"{text} has no gradient by {name}: {_reason(tape, target, x)}")
            both = self._matrices(tape, lambda x: f"d²{text}/d{x}²", tensor(g), [(name, x)], options)
            found.append(both[0])
        return found

    @no_var_expand
    @line_magic
    def jvp(self, line: str) -> Any:
        """Show how a target moves when its sources do, and return it: `%jvp TARGET SOURCE DIRECTION ...`

        A directional derivative, of the target's shape; each source is followed by its direction. `-t` names
        another tape than the last.

            %jvp y x dx
        """
        __tracebackhide__ = True
        tape, (text, *pairs), _ = self._asked(_JVP, line)
        if not pairs or len(pairs) % 2:
            raise UsageError(f"each source wants a direction: {_JVP.text}")
        target, *values = [value(self.shell, x) for x in (text, *pairs)]
        sources = values[::2]
        directions = [tensor(d, x.dtype) for x, d in zip(sources, values[1::2], strict=True)]
        with context.paused():
            moved = _pushed(tape, target, sources, directions)
        self._show(_matrix_bundle(f"d{text} along {', '.join(pairs[::2])}", moved, False))
        return moved

    @no_var_expand
    @line_magic
    def gradcheck(self, line: str) -> dict[str, float]:
        """Check gradients against differences: `%gradcheck [-t TAPE] TARGET [SOURCE ...]`

        What the tape recorded runs again, in float64 where it can, with each source moved a little along a
        direction drawn at random. Returns the relative error of each. `-t` names another tape than the last.

            %gradcheck loss w b
        """
        __tracebackhide__ = True
        tape, (text, *asked), _ = self._asked(_CHECK, line)
        target, sources = value(self.shell, text), self._sources(tape, asked)
        with context.paused():
            slopes = slopes_of(tape, target, [x for _, x in sources])
        found = {name: slope for (name, _), slope in zip(sources, slopes, strict=True)}
        rows = [
            (
                name,
                number(s.by_tape),
                number(s.by_differences),
                f"{s.error:.1e}",
                "agrees" if s else "DIFFERS",
            )
            for name, s in found.items()
        ]
        head = ("source", "by tape", "by differences", "relative error", "")
        self._show(bundle(f"slopes of the sum of {text}, along random directions", head, rows, {1, 2, 3}))
        return {name: slope.error for name, slope in found.items()}

    def _asked(self, usage: Usage, line: str) -> tuple[GradientTape, list[str], dict[str, Any]]:
        """A copy of the tape that is meant, the target and sources as they are written, and the options."""
        __tracebackhide__ = True
        asked, options = usage.parse(line)
        if not asked:
            raise UsageError(f"a target is wanted, then sources if not all: {usage.text}")
        name = options.get("--tape", self._tapes.last)
        tape = self.shell.user_ns.get(name)
        if not isinstance(tape, GradientTape):
            raise UsageError(f"{name!r} is no tape: begin a cell with %%tape, or name one: %grad -t NAME y x")
        return continued(tape), asked, options

    def _sources(self, tape: GradientTape, texts: list[str]) -> list[tuple[str, Any]]:
        """The sources with their names: all that the tape watches where none are named."""
        __tracebackhide__ = True
        sources = named(self.shell, texts) if texts else watched(self.shell, tape)
        if not sources:
            raise UsageError("the tape watches nothing: use a trainable variable, or %%tape -w x")
        return sources

    def _matrices(
        self, tape: GradientTape, title: Callable, target: Any, sources: list[tuple[str, Any]], options: dict
    ) -> list:
        """Show a Jacobian for each source."""
        __tracebackhide__ = True
        found = []
        for name, x in sources:
            with context.paused(), _quietly():
                matrix = tape.jacobian(tensor(target), x)
            if matrix is None:
                raise UsageError(f"{title(name)} is None: {_reason(tape, target, x)}")
            self._show(_matrix_bundle(title(name), matrix, "--latex" in options))
            found.append(matrix)
        return found

    def _show(self, bundle: dict[str, str]) -> None:
        self.shell.display_pub.publish(bundle)


def _order(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise UsageError(f"--order wants a number from 1 on, not {text!r}: {_GRAD.text}")
    return int(text)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without warnings of gradients that are None, where the reason is told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GradientWarning)
        yield


def _reason(tape: GradientTape, target: Any, source: Any) -> str:
    return tape.explain(nest.flatten(target)[0], source).splitlines()[0]


def _summed(tape: GradientTape, target: Any, sources: list[tuple[str, Any]], text: str) -> list[Tensor]:
    """The gradients, as the next target."""
    with _quietly():
        found = tape.gradient(target, [x for _, x in sources])
    there = [tensor(g) for g in found if g is not None]
    if not there:
        raise UsageError(f"no source has a gradient of {text}: {_reason(tape, target, sources[0][1])}")
    return there


def _gradients(tape: GradientTape, text: str, order: int, target: Any, sources: list) -> Gradients:
    with _quietly():
        found = tape.gradient(target, [x for _, x in sources])
    flat = [tensor(t) for t in nest.flatten(target)]
    if order > 1:
        title = f"gradients of order {order} of {text}"
    elif len(flat) == 1 and not flat[0].ndim:
        title = f"gradients of {text} = {flat[0].numpy().item():.6g}"
    else:
        title = f"gradients of the sum of {text}, {', '.join(describe(t) for t in flat)}"
    gradients = Gradients(title, text)
    for (name, x), g in zip(sources, found, strict=True):
        gradients.add(name, x, g, "" if g is not None else _reason(tape, target, x))
    return gradients


def _pushed(tape: GradientTape, target: Any, sources: list, directions: list[Tensor]) -> Tensor:
    """The derivative along directions: gradients are linear in what weighs the target, by which they are
    differentiated again.
    """
    y = tensor(target)
    weights = tensor(np.ones(tuple(y.shape), y.dtype.np))
    with GradientTape() as again:
        again.watch(weights)
        with _quietly():
            slopes = tape.gradient(target, sources, output_gradients=weights)
    known = [(tensor(g), d) for g, d in zip(slopes, directions) if g is not None]
    if not known:
        raise UsageError(f"the target has no derivative here: {_reason(tape, target, sources[0])}")
    return again.gradient([g for g, _ in known], weights, output_gradients=[d for _, d in known])


def _matrix_bundle(title: str, matrix: Any, in_latex: bool) -> dict[str, str]:
    """A derivative that is an array: as text, and as a matrix or a heat map."""
    forms = {"text/plain": f"{title}\n{matrix!r}"}
    text = latex(array_of(matrix)) if in_latex else None
    if text is not None:
        return forms | {"text/latex": f"$$ {latex_name(title)} = {text} $$"}
    card = tensor_card(matrix) or element("code", number(array_of(matrix)))
    return forms | {"text/html": joined([element("div", element("b", title)), card])}


def _picture(figure: Any) -> Image:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return Image(data.getvalue())

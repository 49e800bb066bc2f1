"""Which display belongs to which type, and the formatters of a shell that are told of it.

Displays stand here and not on the classes, which know nothing of notebooks. A class of the user's with a
`_repr_html_` of its own keeps it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from nbtape.autodiff.tape import GradientTape
from nbtape.core.engine import EagerTensor
from nbtape.core.slices import IndexedSlices
from nbtape.graph.graph import Graph
from nbtape.notebook import cards
from nbtape.notebook.gradients import Gradients
from nbtape.notebook.graphs import page
from nbtape.notebook.numbers import latex, values_of
from nbtape.program.concrete import ConcreteFunction
from nbtape.program.function import Function, Method
from nbtape.state.module import Module
from nbtape.state.saving.checkpoint import Checkpoint
from nbtape.state.variable import Variable
from nbtape.train.data.dataset import Dataset
from nbtape.train.models.model import Model
from nbtape.train.optimizers.optimizer import Optimizer
from nbtape.train.v1.optimizers import GraphOptimizer


class Display(NamedTuple):
    """How objects of a type are shown: as HTML, and as text where what they print differs in each run."""

    html: Callable[[Any], str | None]
    text: Callable[[Any], str] | None = None


DISPLAYS: dict[type, Display] = {
    EagerTensor: Display(cards.tensor_card),
    Variable: Display(cards.variable_card),
    IndexedSlices: Display(cards.slices_card),
    GradientTape: Display(page.tape_card, cards.tape_text),
    Gradients: Display(Gradients.html),
    Graph: Display(page.graph_card),
    ConcreteFunction: Display(page.function_card),
    Function: Display(cards.function_card),
    Method: Display(cards.function_card),
    Module: Display(cards.module_card),
    Model: Display(cards.model_card),
    Optimizer: Display(cards.optimizer_card),
    GraphOptimizer: Display(cards.old_optimizer_card, cards.old_optimizer_text),
    Dataset: Display(cards.dataset_card),
    Checkpoint: Display(cards.checkpoint_card, cards.checkpoint_text),
}
ARRAYS = (EagerTensor, Variable)
FORMS = ("heat", "latex", "plain")  # in which arrays are shown


class Displays:
    """The displays of one shell."""

    def __init__(self, shell: Any):
        self.arrays = FORMS[0]
        formatters = shell.display_formatter.formatters
        self._html, self._text = formatters["text/html"], formatters["text/plain"]
        self._latex = formatters["text/latex"]
        self._restore: list[tuple[Any, type, Any]] = []

    def install(self) -> None:
        for kind, display in DISPLAYS.items():
            show = self._array(display.html) if kind in ARRAYS else display.html
            self._put(self._html, kind, _unless_its_own("_repr_html_", show))
            if display.text is not None:
                self._put(self._text, kind, _printed(display.text))
        for kind in ARRAYS:
            self._put(self._latex, kind, _unless_its_own("_repr_latex_", self._in_latex))

    def remove(self) -> None:
        """Leave the shell as it was."""
        while self._restore:
            formatter, kind, before = self._restore.pop()
            formatter.pop(kind, None)
            if before is not None:
                formatter.for_type(kind, before)

    def _put(self, formatter: Any, kind: type, show: Callable) -> None:
        self._restore.append((formatter, kind, formatter.type_printers.get(kind)))
        formatter.for_type(kind, show)

    def _array(self, show: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
        return lambda x: None if self.arrays != "heat" else show(x)

    def _in_latex(self, x: Any) -> str | None:
        values = values_of(x) if self.arrays == "latex" else None
        text = None if values is None else latex(values)
        return None if text is None else f"$$ {text} $$"


def _unless_its_own(method: str, show: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    def shown(x: Any) -> str | None:
        own = getattr(type(x), method, None)
        return own(x) if own is not None else show(x)

    return shown


def _printed(text: Callable[[Any], str]) -> Callable[[Any, Any, bool], None]:
    def shown(x: Any, printer: Any, cycle: bool) -> None:
        plain = type(x).__repr__ is object.__repr__
        printer.text(text(x) if plain else repr(x))

    return shown

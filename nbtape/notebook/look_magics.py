"""`%vars`, `%tapes`, `%source`, `%trace` and `%arrays`: what there is, and how it is shown."""

from collections.abc import Iterable
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from nbtape.autodiff.tape import GradientTape
from nbtape.core import context
from nbtape.core.report import size
from nbtape.notebook.cards import (
    VARIABLE_HEAD,
    held_bytes,
    ops_of,
    plain_name,
    totals,
    variable_row,
    variables_table,
)
from nbtape.notebook.display import FORMS, Displays
from nbtape.notebook.expressions import value
from nbtape.notebook.highlight import highlighted
from nbtape.notebook.html import Raw, element, folded, joined, table
from nbtape.notebook.options import usage
from nbtape.notebook.tables import bundle, text_table
from nbtape.state.variable import Variable, living
from nbtape.train.optimizers.look import SCOPE

_VARS = usage("vars", "%vars [SCOPE]")
_TAPES = usage("tapes", "%tapes")
_SOURCE = usage("source", "%source FUNCTION")
_TRACE = usage("trace", "%trace FUNCTION")
_ARRAYS = usage("arrays", f"%arrays {'|'.join(FORMS)}")
_NUMBERS = range(4, 8)  # columns of the table of variables


@magics_class
class LookMagics(Magics):
    """The magics of one shell that show what there is."""

    shell: Any

    def __init__(self, shell: Any, displays: Displays):
        super().__init__(shell)
        self._displays = displays

    @no_var_expand
    @line_magic
    def vars(self, line: str) -> None:
        """Show the variables that are alive, by scope: `%vars [SCOPE]`

        With SCOPE only those whose names begin with it. A variable without a name of its own goes by that of
        the Python variable that holds it.

            %vars encoder
        """
        scopes, _ = _VARS.parse(line)
        prefix = "".join(scopes[:1])
        names = {id(x): name for name, x in self.shell.user_ns.items() if not name.startswith("_")}
        named = [(_name(v, names), v) for v in living() if not v.name.startswith(SCOPE)]
        named = sorted([(name, v) for name, v in named if name.startswith(prefix)], key=lambda pair: pair[0])
        if not named:
            print(f"no variable is alive{f' whose name begins with {prefix}' if prefix else ''}")
            return
        rows = [variable_row(name, v)[:-1] for name, v in named]
        told = totals([v for _, v in named])
        text = text_table(VARIABLE_HEAD[:-1], rows, _NUMBERS)
        html = joined([_tree(named, ""), element("div", told)])
        self.shell.display_pub.publish({"text/plain": f"{text}\n{told}", "text/html": html})

    @no_var_expand
    @line_magic
    def tapes(self, line: str) -> None:
        """Show the tapes that have names or are open, and the bytes that they hold: `%tapes`

        A tape lets go of them with the last name for it: `del tape`.
        """
        _TAPES.parse(line)
        found = {}
        for name, t in self.shell.user_ns.items():
            if isinstance(t, GradientTape) and not name.startswith("_"):
                found[id(t)] = name, t
        for t in context.open_tapes.values():
            found.setdefault(id(t), ("", t))  # pyright: ignore[reportArgumentType]
        rows = [
            (
                name,
                "open" if id(t) in context.open_tapes else "",
                sum(ops_of(t).values()),
                size(held_bytes(t)),
            )
            for name, t in found.values()
        ]
        self.shell.display_pub.publish(bundle("", ("tape", "", "operations", "holds"), rows, {2, 3}))

    @no_var_expand
    @line_magic
    def source(self, line: str) -> None:
        """Show the kernels that a function became, with what they move and compute: `%source FUNCTION`

        %source step
        """
        __tracebackhide__ = True
        f = self._function(_SOURCE, line)
        plan, source = f.plan, f.source
        head = ("", "unit", "moves", "flops", "parts")
        rows = [
            (str(i), "  " * u.depth + u.what, size(u.bytes) if u.bytes else "", f"{u.flops:,}", u.parts)
            for i, u in enumerate(plan.units, 1)
        ]
        shown = [table(head, rows, right={2, 3, 4}), folded("source", highlighted(source), True)]
        self.shell.display_pub.publish({"text/plain": f"{plan!r}\n\n{source}", "text/html": joined(shown)})

    @no_var_expand
    @line_magic
    def trace(self, line: str) -> None:
        """Show how often a function was traced, and why: `%trace FUNCTION`

        `FUNCTION.traces()` also says how long each trace took.

            %trace step
        """
        __tracebackhide__ = True
        f = self._function(_TRACE, line)
        rows = [(i, t.signature, t.cause, t.nodes) for i, t in enumerate(f.traces(), 1)]
        if not rows:
            print(f"{f!r} has not been traced: call it first")
            return
        head = ("", "signature", "traced because", "operations")
        self.shell.display_pub.publish(bundle(repr(f), head, rows, {3}))

    @no_var_expand
    @line_magic
    def arrays(self, line: str) -> None:
        """Choose how tensors and variables are shown: `%arrays heat|latex|plain`

        `heat` is a heat map with statistics, `latex` typesets small matrices, `plain` is text alone.
        """
        words, _ = _ARRAYS.parse(line)
        if words:
            if words[1:] or words[0] not in FORMS:
                raise UsageError(f"arrays have no form {line.strip()!r}: {_ARRAYS.text}")
            self._displays.arrays = words[0]
        print(f"arrays are shown as {self._displays.arrays}")

    def _function(self, usage: Any, line: str) -> Any:
        """The compiled function that is meant."""
        __tracebackhide__ = True
        words, _ = usage.parse(line)
        f = value(self.shell, words[0]) if len(words) == 1 else None
        if not hasattr(f, "traces"):
            raise UsageError(f"what tf.function made is wanted: {usage.text}")
        return f


def _name(v: Variable, names: dict[int, str]) -> str:
    own = plain_name(v)
    return names.get(id(v), own) if own.rpartition("/")[2] == "Variable" else own


def _tree(named: Iterable[tuple[str, Variable]], prefix: str) -> Raw:
    """Variables by scope: those right in it in a table, each scope below behind a line that folds."""
    here: list[tuple[str, Variable]] = []
    below: dict[str, list[tuple[str, Variable]]] = {}
    for name, v in named:
        scope, inside, _ = name[len(prefix) :].partition("/")
        (below.setdefault(scope, []) if inside else here).append((name, v))
    parts = [variables_table([(name[len(prefix) :], v) for name, v in here])] if here else []
    for scope, inside in below.items():
        summary = f"{prefix}{scope}/: {totals([v for _, v in inside])}"
        parts.append(folded(summary, _tree(inside, f"{prefix}{scope}/"), True))
    return joined(parts)

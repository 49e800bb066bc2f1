"""`%load_ext nbtape`: `%%tape` runs a cell under a GradientTape, `%grad` prints a table of gradients."""

import ast
import threading
import warnings
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand

from nbtape.autodiff.tape import GradientTape
from nbtape.core import context, nest
from nbtape.core.engine import Tensor, tensor
from nbtape.core.errors import GradientWarning
from nbtape.core.report import describe
from nbtape.notebook.cells import CellNames, forget, open_first, runs_of, words
from nbtape.notebook.display import GradientTable


@magics_class
class TapeMagics(Magics):
    """The magics of one shell, and the tapes that its running cells have open."""

    shell: Any  # IPython's own annotation admits None

    def __init__(self, shell: Any):
        super().__init__(shell)
        self._name = "tape"  # of the last tape that %%tape made
        self._open: list[tuple[GradientTape, int, Any]] = []  # with the thread and the cell that opened it
        self.cell_names = CellNames(shell.compile)

    @no_var_expand
    @line_cell_magic
    def tape(self, line: str, cell: str | None = None) -> None:
        """Run the cell under a GradientTape: `%%tape [NAME] [-w EXPRESSION ...]`

        The tape is bound to NAME (`tape` if there is none) and is persistent: later cells can ask it for
        gradients, with `%grad` or tape.gradient(...), for as long as the name stays bound to it. Trainable
        variables are watched by themselves, tensors by `-w` (`--watch`). All else is as in a plain cell.
        On a line of its own, `%tape` records from there to the end of the cell.

            %%tape -w x
            y = tf.sin(x)
        """
        __tracebackhide__ = True
        name, watched = self._tape_options(line)
        tape = GradientTape(persistent=True)
        running = getattr(self.shell.displayhook, "exec_result", None)
        tape.watch([self._value(text) for text in watched])
        self._name = name
        self.shell.user_ns[name] = tape
        if cell is not None:  # called as a function, by an exported script: see `open_first` for notebooks
            with tape:
                self._run(cell)
            return
        self._open.append((tape, threading.get_ident(), running))
        tape.__enter__()

    @no_var_expand
    @line_magic
    def grad(self, line: str) -> None:
        """Print the gradients of a target: `%grad [-t TAPE] TARGET [SOURCE ...]`

        Target and sources are expressions, set apart by blanks; one that has blanks stands in brackets.
        Without sources: all that the tape watches. TAPE is that of the last `%%tape`, or the variable `tape`.
        Where a gradient is None the table says why.

            %grad loss model.w model.b
        """
        __tracebackhide__ = True
        asked = words(line)
        name = self._name
        if asked[:1] in (["-t"], ["--tape"]):
            name, asked = (asked[1:2] or [""])[0], asked[2:]
        if not asked:
            raise UsageError("%grad wants a target, then sources if not all: %grad loss w b")
        tape = self.shell.user_ns.get(name)
        if not isinstance(tape, GradientTape):
            raise UsageError(f"{name!r} is no tape: begin a cell with %%tape, or name one: %grad -t NAME y x")
        target = self._value(asked[0])
        sources = self._named(asked[1:]) if asked[1:] else self._watched(tape)
        if not sources:
            raise UsageError(f"{name!r} watches nothing: use a trainable variable, or %%tape -w x")
        with context.paused():  # an open tape does not see what is only looked at
            table = _table(tape, asked[0], target, sources)
        self.shell.display_pub.publish(table.bundle())

    def close(self, result: Any) -> None:
        """The cell with this result has ended: so have its tapes."""
        thread, kept = threading.get_ident(), []
        for entry in self._open:
            tape, owner, running = entry
            if owner == thread and (result is None or running is None or running is result):
                tape.__exit__()
            else:
                kept.append(entry)
        self._open = kept

    def _tape_options(self, line: str) -> tuple[str, list[str]]:
        """The name of the tape and what it is to watch."""
        name, watched = [], None
        for word in words(line):
            if word in ("-w", "--watch"):
                watched = watched or []
            elif word.startswith("-"):
                raise UsageError(f"%%tape has no option {word}: %%tape [NAME] [-w EXPRESSION ...]")
            else:
                (name if watched is None else watched).append(word)
        if len(name) > 1 or not all(word.isidentifier() for word in name):
            raise UsageError(f"{' '.join(name)!r} is no name for a tape: %%tape [NAME] [-w EXPRESSION ...]")
        return (name or ["tape"])[0], watched or []

    def _value(self, text: str) -> Any:
        """The value of an expression in the user's namespace."""
        __tracebackhide__ = True  # what is wrong with the expression is the user's business, not this file's
        _parsed(text)
        return self.shell.ev(text)

    def _named(self, texts: list[str]) -> list[tuple[str, Any]]:
        """Each source with its name; a list of sources, or another structure of them, is taken apart."""
        __tracebackhide__ = True
        found: list[tuple[str, Any]] = []
        for text in [element for given in texts for element in _elements(given)]:
            value = self._value(text)
            if nest.is_nested(value):
                parts = enumerate(nest.flatten(value))
                found += [(f"{text}[{i}]" + _own_name(part), part) for i, part in parts]
            else:
                found.append((text, value))
        return found

    def _watched(self, tape: GradientTape) -> list[tuple[str, Any]]:
        """All that `tape` watches, under the names that the user has for it."""
        names = {id(value): name for name, value in self.shell.user_ns.items() if not name.startswith("_")}
        sources = [*tape.watched_variables(), *tape.watched_tensors()]
        return [(names.get(id(x)) or _own_name(x).strip() or describe(x), x) for x in sources]

    def _run(self, cell: str) -> None:
        """Run a cell's text where its names live, and display the value of its last expression."""
        code = self.shell.transform_cell(cell)
        filename = self.shell.compile.cache(code, self.shell.execution_count)
        body = self.shell.transform_ast(self.shell.compile.ast_parse(code, filename)).body
        last = [body.pop()] if body and isinstance(body[-1], ast.Expr) else []
        for tree, mode in ((ast.Module(body, []), "exec"), (ast.Interactive(last), "single")):
            exec(self.shell.compile(tree, filename, mode), self.shell.user_ns)


def _parsed(text: str) -> ast.expr:
    __tracebackhide__ = True
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        message = f"{text!r} is no expression: one that has blanks stands in brackets, (a + b)"
    raise UsageError(message)


def _elements(text: str) -> list[str]:
    """`[a, b]` -> `a`, `b`: the elements of a list that is written out, else the expression itself."""
    __tracebackhide__ = True
    tree = _parsed(text)
    if not isinstance(tree, ast.List | ast.Tuple):
        return [text]
    return [ast.get_source_segment(text, element) or "" for element in tree.elts]


def _own_name(x: Any) -> str:
    """What a variable was named, if it was."""
    name = "" if isinstance(x, Tensor) else str(getattr(x, "name", "")).removesuffix(":0")
    return f" {name}" if name not in ("", "Variable") else ""


def _table(tape: GradientTape, text: str, target: Any, sources: list[tuple[str, Any]]) -> GradientTable:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GradientWarning)  # the table says it
        gradients = tape.gradient(target, [x for _, x in sources])
    flat = [tensor(t) for t in nest.flatten(target)]
    if len(flat) == 1 and not flat[0].ndim:
        table = GradientTable(f"gradients of {text} = {flat[0].numpy().item():.6g}")
    else:
        table = GradientTable(f"gradients of the sum of {text}, {', '.join(describe(t) for t in flat)}")
    for (name, x), g in zip(sources, gradients, strict=True):
        reason = "" if g is not None else tape.explain(nest.flatten(target)[0], x).splitlines()[0]
        table.add(name, x, g, reason)
    return table


def _installed(shell: Any) -> Any:
    return shell.magics_manager.registry.get(TapeMagics.__name__)


def load_ipython_extension(shell: Any) -> None:
    """Give `shell` the magics, and let messages name its cells."""
    if _installed(shell) is not None:
        return
    magics = TapeMagics(shell)
    shell.register_magics(magics)
    shell.input_transformers_cleanup.append(open_first)
    shell.events.register("post_run_cell", magics.close)
    magics.cell_names.install()
    runs_of(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take back all that `load_ipython_extension` gave."""
    magics = _installed(shell)
    if magics is None:
        return
    magics.cell_names.remove()
    forget(shell)
    shell.events.unregister("post_run_cell", magics.close)
    shell.input_transformers_cleanup.remove(open_first)
    for kind, names in magics.magics.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)
    del shell.magics_manager.registry[TapeMagics.__name__]

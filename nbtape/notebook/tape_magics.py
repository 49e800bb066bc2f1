"""`%%tape` and what else is open until the end of a cell: `%%scope`, `%%device`."""

import ast
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from time import perf_counter
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from nbtape.autodiff.tape import GradientTape
from nbtape.autodiff.trap import nan_trap
from nbtape.core import context
from nbtape.graph.v1.device import device
from nbtape.graph.v1.device_memory import description
from nbtape.graph.v1.hardware import list_logical_devices
from nbtape.notebook import background
from nbtape.notebook.cards import tape_line
from nbtape.notebook.cells import Openings
from nbtape.notebook.expressions import value, watched
from nbtape.notebook.graphs.profile import keep_times
from nbtape.notebook.html import element, joined
from nbtape.notebook.options import Option, Usage, usage
from nbtape.notebook.tables import bundle
from nbtape.state.scopes.opening import variable_scope
from nbtape.state.scopes.store import get_variable_scope

_TAPE = usage(
    "tape",
    "%%tape [NAME] [-w EXPRESSION ...] [--check] [--profile] [--background] [--quiet]",
    Option("--watch", -1, "-w"),
    Option("--check"),
    Option("--profile"),
    Option("--background"),
    Option("--quiet", 0, "-q"),
)
_SCOPE = usage("scope", "%%scope NAME")
_DEVICE = usage("device", "%%device NAME")


class Profile(context.Recorder):
    """Time by kind of operation: that of each since the one before, with the Python between them."""

    each_op = False

    def __init__(self):
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.times: Counter[str] = Counter()
        self.each: dict[int, float] = {}  # by the id of what came out first

    def __enter__(self) -> "Profile":
        context.push(self)
        self._last = perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        context.pop(self)

    def record(self, op: Any, xs: tuple, attrs: dict, ys: tuple, place: Any) -> None:
        now = perf_counter()
        self.seconds[op.name] += now - self._last
        self.times[op.name] += 1
        if ys:
            self.each[id(ys[0])] = now - self._last
        self._last = now

    def bundle(self) -> dict[str, str]:
        """The times in a table, the longest first."""
        total = sum(self.seconds.values()) or 1.0
        rows = [
            (name, str(self.times[name]), f"{1e3 * s:.3f}", f"{s / total:.0%}")
            for name, s in sorted(self.seconds.items(), key=lambda item: -item[1])
        ]
        return bundle("", ("operation", "times", "ms", "share"), rows, {1, 2, 3})


@magics_class
class TapeMagics(Magics):
    """The magics of one shell that open something until the end of the cell."""

    shell: Any  # IPython's own annotation admits None

    def __init__(self, shell: Any):
        super().__init__(shell)
        self.last = "tape"  # the name of the last tape that %%tape made
        self.openings = Openings(shell)
        self.extension: Any = None  # that gave the shell these magics

    @no_var_expand
    @line_cell_magic
    def tape(self, line: str, cell: str | None = None) -> None:
        """Run the cell under a GradientTape: `%%tape [NAME] [-w EXPRESSION ...] [OPTIONS]`

        The tape is bound to NAME (`tape` if there is none) and is persistent: later cells can ask it for
        gradients, with `%grad` or tape.gradient(...), for as long as the name stays bound to it. Trainable
        variables are watched by themselves, tensors by `-w` (`--watch`). All else is as in a plain cell; at
        its end a line says what was recorded, unless `-q` (`--quiet`) is given.

        `--check` raises at the first operation that makes inf or nan, and says where. `--profile` shows the
        time by kind of operation, and tf.show(tape, colour="time") that of each. On a line of its own,
        `%tape` records from there to the end of the cell.

        `--background` returns at once and runs the cell in a thread: other cells run meanwhile, and a live
        panel (`tf.live`) stays alive when the page is loaded again. What its last line gives is not shown.

            %%tape -w x
            y = tf.sin(x)
        """
        __tracebackhide__ = True
        names, options = _TAPE.parse(line)
        if len(names) > 1 or not all(name.isidentifier() for name in names):
            raise UsageError(f"{' '.join(names)!r} is no name for a tape: {_TAPE.text}")
        name = (names or ["tape"])[0]
        tape = GradientTape(persistent=True)
        tape.watch([value(self.shell, text) for text in options.get("--watch", [])])
        self.last = name
        self.shell.user_ns[name] = tape
        tell = _nothing if "--quiet" in options else lambda: self._tell(name, tape)
        opened: list[tuple[Any, Callable[[], None]]] = [(tape, tell)]
        if "--profile" in options:
            profile = Profile()
            keep_times(tape, profile.each)
            opened.append((profile, lambda: self.shell.display_pub.publish(profile.bundle())))
        if "--check" in options:
            opened.append((nan_trap(), _nothing))
        if "--background" in options:
            if cell is None:
                raise UsageError("--background is for a whole cell: %%tape --background")
            code = self._compiled(cell, ["exec"])
            background.start(self.shell, partial(self._run, code, opened))
            return
        self._until_the_end(opened, cell)

    @no_var_expand
    @line_cell_magic
    def scope(self, line: str, cell: str | None = None) -> None:
        """Run the cell in a scope of variables: `%%scope NAME`

        Names of variables made in the cell begin with `NAME/`, as in tf.compat.v1.variable_scope. On a line
        of its own, `%scope NAME` holds to the end of the cell, and `%scope` alone prints the scope.

            %%scope encoder
            w = tf.compat.v1.get_variable("w", [2, 3])
        """
        __tracebackhide__ = True
        names, _ = _SCOPE.parse(line)
        if not names and cell is None:
            print(get_variable_scope().name or "the root scope")
            return
        self._until_the_end([(variable_scope(_one(names, _SCOPE)), _nothing)], cell)

    @no_var_expand
    @line_cell_magic
    def device(self, line: str, cell: str | None = None) -> None:
        """Run the cell on a device: `%%device NAME`

        On a line of its own, `%device NAME` holds to the end of the cell, and `%device` alone lists the
        devices that there are.

            %device /GPU:0
        """
        __tracebackhide__ = True
        names, _ = _DEVICE.parse(line)
        if not names and cell is None:
            print(*[description(found) for found in list_logical_devices()], sep="\n")
            return
        self._until_the_end([(device(_one(names, _DEVICE)), _nothing)], cell)

    def _until_the_end(self, opened: list[tuple[Any, Callable[[], None]]], cell: str | None) -> None:
        """Open each until the cell has ended; what stands beside it is called when all went well."""
        __tracebackhide__ = True
        if cell is None:
            for manager, then in opened:
                self.openings.enter(manager, then)
            return
        # Called as a function, by an exported script: see `open_first` for notebooks.
        self._run(self._compiled(cell, ["exec", "single"]), opened)

    def _compiled(self, cell: str, modes: list[str]) -> list[Any]:
        """The code of a cell: all of it, or apart the last expression, whose value is displayed."""
        __tracebackhide__ = True
        code = "\n" + self.shell.transform_cell(cell)  # in the place of the magic's own line
        # Not execution_count, which some releases of IPython advance before the cell runs.
        number = len(self.shell.history_manager.input_hist_parsed) - 1
        filename = self.shell.compile.cache(code, number, raw_code=code)
        body = self.shell.transform_ast(self.shell.compile.ast_parse(code, filename)).body
        last = [body.pop()] if "single" in modes and body and isinstance(body[-1], ast.Expr) else []
        trees = [ast.Module(body, []), ast.Interactive(last)]
        return [self.shell.compile(tree, filename, mode) for tree, mode in zip(trees, modes)]

    def _run(self, code: list[Any], opened: list[tuple[Any, Callable[[], None]]]) -> None:
        """Run code where the user's names live, with all open; what stands beside is called at the end."""
        __tracebackhide__ = True
        with ExitStack() as stack:
            for manager, _ in opened:
                stack.enter_context(manager)
            for part in code:
                exec(part, self.shell.user_ns)
        for _, then in opened:
            then()

    def _tell(self, name: str, tape: GradientTape) -> None:
        """Show in a line what a tape recorded."""
        told = tape_line(tape, [name for name, _ in watched(self.shell, tape)])
        html = element("div", joined([element("b", name), f": {told}"], ""))
        self.shell.display_pub.publish({"text/plain": f"{name}: {told}", "text/html": html})


def _nothing() -> None:
    """What most openings do at their end."""


def _one(names: list[str], usage: Usage) -> str:
    if len(names) != 1:
        raise UsageError(f"one name is wanted: {usage.text}")
    return names[0].strip("'\"")

"""Cells as IPython sees them: their names in messages, `%%tape` at their head, and what ends with them."""

import ast
import threading
import warnings
from collections.abc import Callable, Hashable
from typing import Any

from IPython.core.inputtransformer2 import cell_magic

from nbtape.core import source
from nbtape.core.cells import Run
from nbtape.core.errors import GradientWarning

_HEADS = ("%%tape", "%%scope", "%%device")  # cell magics that only open something until the cell has ended


def open_first(lines: list[str]) -> list[str]:
    """`%%tape` at the head of a cell becomes `%tape`, which opens a tape until the cell has ended.

    To IPython it is then a plain cell, with its line numbers, tracebacks, top-level await and last value.
    A cell that runs in the background stays a cell magic, which takes its text.
    """
    head = lines[0].split() if lines else []
    if not head or head[0] not in _HEADS or "--background" in head:
        return lines
    return [lines[0].lstrip()[1:], *cell_magic(open_first(lines[1:]))]


open_first.has_side_effects = True  # type: ignore[attr-defined]  # so that a terminal waits for the rest of the cell


class Silent(ast.NodeTransformer):
    """Let the magics that show what they return stand at the end of a cell without being shown once more."""

    def __init__(self, magics: set[str]):
        self.magics = magics

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        match node.value:
            case ast.Call(
                func=ast.Attribute(attr="run_line_magic"), args=[ast.Constant(value=str(name)), *_]
            ):
                if name in self.magics:
                    tested = ast.Compare(node.value, [ast.Is()], [ast.Constant(None)])
                    quiet = ast.If(test=tested, body=[ast.Pass()], orelse=[])
                    return ast.fix_missing_locations(ast.copy_location(quiet, node))
        return node


class Openings:
    """What magics opened until the cells that they stand in have ended: tapes, scopes."""

    def __init__(self, shell: Any):
        self._shell = shell
        self._open: list[tuple[Any, int, Any, Callable[[], None]]] = []

    def enter(self, manager: Any, then: Callable[[], None]) -> None:
        """Open `manager` until the cell has ended; `then` is called after that, if all went well."""
        running = getattr(self._shell.displayhook, "exec_result", None)
        manager.__enter__()
        self._open.append((manager, threading.get_ident(), running, then))

    def close(self, result: Any) -> None:
        """The cell with this result has ended: so has what it opened, the last first."""
        thread, kept, ended = threading.get_ident(), [], []
        for entry in self._open:
            _, owner, running, _ = entry
            mine = owner == thread and (result is None or running is None or running is result)
            (ended if mine else kept).append(entry)
        self._open = kept
        for manager, *_ in reversed(ended):
            manager.__exit__(None, None, None)
        if result is not None and result.success:
            for *_, then in ended:
                then()


class CellNames:
    """While installed, errors, explanations and GradientWarnings say `Cell In[7]`, not the cell's file."""

    def __init__(self, compiler: Any):
        self._compiler = compiler
        self._restore: list[Callable[[], None]] = []

    def install(self) -> None:
        old_name, old_format = source.name_file[0], warnings.formatwarning

        def name(filename: str) -> str:
            found = self._compiler.format_code_name(filename)
            return " ".join(found) if found else old_name(filename)

        def text(message: Any, category: Any, filename: str, lineno: int, line: str | None = None) -> str:
            if issubclass(category, GradientWarning):
                return f"{name(filename)}, line {lineno}: {category.__name__}: {message}\n"
            return old_format(message, category, filename, lineno, line)

        def restore() -> None:  # who replaced one of them since then keeps what they put there
            if source.name_file[0] is name:
                source.name_file[0] = old_name
            if warnings.formatwarning is text:
                warnings.formatwarning = old_format

        source.name_file[0], warnings.formatwarning = name, text
        self._restore.append(restore)

    def remove(self) -> None:
        while self._restore:
            self._restore.pop()()


class Runs:
    """The cells of a shell that run, the innermost last, and the notes that each leaves to its user."""

    def __init__(self, shell: Any):
        self._shell = shell
        self._open: list[tuple[Any, Run]] = []
        self._cells: dict[str, Hashable] = {}  # by what messages call their runs
        shell.events.register("pre_run_cell", self._begin)
        shell.events.register("post_run_cell", self._end)
        result = shell.displayhook.exec_result
        if result is not None:  # of the cell that asks for the first time
            self._begin(result.info)

    @property
    def last(self) -> Run | None:
        """The run of the cell that runs now."""
        if not self._open:
            return None
        info, run = self._open[-1]
        result = self._shell.displayhook.exec_result
        if not run.name and result is not None and result.info is info:
            self._name(run, result)
        return run

    def close(self) -> None:
        """Watch the shell no longer."""
        self._shell.events.unregister("pre_run_cell", self._begin)
        self._shell.events.unregister("post_run_cell", self._end)

    def _begin(self, info: Any) -> None:
        # Front ends that give their cells no ids leave only the text to know them by.
        self._open.append((info, Run(info.cell_id or info.raw_cell.strip(), "", self._cell_of)))

    def _end(self, result: Any) -> None:
        while self._open and (result is None or self._open[-1][0] is result.info):
            _, run = self._open.pop()
            if result is not None:
                self._name(run, result)
            if run.notes:
                print("Variables", "; ".join([f"{heading}: {_few(x)}" for heading, x in run.notes.items()]))

    def _name(self, run: Run, result: Any) -> None:
        """Call a run by its number, which only its result has."""
        run.name = f"Cell In[{result.execution_count}]"
        self._cells[run.name] = run.cell

    def _cell_of(self, filename: str) -> Hashable:
        return self._cells.get(" ".join(self._shell.compile.format_code_name(filename) or ()), filename)


def _few(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


_SHOWN = 4  # of the variables in a note


def runs_of(shell: Any) -> Runs:
    """The runs of a shell's cells, which is watched from the first call on."""
    return _watching(shell) or Runs(shell)


def forget(shell: Any) -> None:
    """Watch a shell no longer, until somebody asks for its runs."""
    found = _watching(shell)
    if found is not None:
        found.close()


def _watching(shell: Any) -> Runs | None:
    owners = [getattr(callback, "__self__", None) for callback in shell.events.callbacks["pre_run_cell"]]
    return next((owner for owner in owners if isinstance(owner, Runs)), None)

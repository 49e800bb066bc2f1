"""`%load_ext nbtape`: the magics, displays and names of cells, given to a shell and taken back."""

from typing import Any

from nbtape.notebook.cells import CellNames, Silent, forget, open_first, runs_of
from nbtape.notebook.derivative_magics import DerivativeMagics
from nbtape.notebook.display import Displays
from nbtape.notebook.live.train_magic import TrainMagics
from nbtape.notebook.look_magics import LookMagics
from nbtape.notebook.options import completions_of
from nbtape.notebook.tape_magics import TapeMagics

_SHOWING = {"grad", "jacobian", "hessian", "jvp", "gradcheck"}  # which show what they return


class Extension:
    """What a shell was given."""

    def __init__(self, shell: Any):
        self._shell = shell
        self._tapes, self._displays = TapeMagics(shell), Displays(shell)
        self._magics = [
            self._tapes,
            DerivativeMagics(shell, self._tapes),
            LookMagics(shell, self._displays),
            TrainMagics(shell),
        ]
        self._completions = completions_of(shell.Completer)
        self._cell_names, self._silent = CellNames(shell.compile), Silent(_SHOWING)

    def install(self) -> None:
        shell = self._shell
        shell.register_magics(*self._magics)
        self._tapes.extension = self
        shell.input_transformers_cleanup.append(open_first)
        shell.ast_transformers.append(self._silent)
        shell.Completer.custom_matchers.append(self._completions)
        shell.events.register("post_run_cell", self._tapes.openings.close)
        self._cell_names.install()
        self._displays.install()
        runs_of(shell)

    def remove(self) -> None:
        shell = self._shell
        self._displays.remove()
        self._cell_names.remove()
        forget(shell)
        shell.events.unregister("post_run_cell", self._tapes.openings.close)
        shell.Completer.custom_matchers.remove(self._completions)
        if self._silent in shell.ast_transformers:  # a shell drops one that failed
            shell.ast_transformers.remove(self._silent)
        shell.input_transformers_cleanup.remove(open_first)
        for magics in self._magics:
            for kind, names in magics.magics.items():
                for name in names:
                    shell.magics_manager.magics[kind].pop(name, None)
            del shell.magics_manager.registry[type(magics).__name__]


def _installed(shell: Any) -> Extension | None:
    """The extension of a shell, which its magics hold, so that it goes when the shell does."""
    return getattr(shell.magics_manager.registry.get(TapeMagics.__name__), "extension", None)


def load_ipython_extension(shell: Any) -> None:
    """Give `shell` the magics and displays, and let messages name its cells."""
    if _installed(shell) is None:
        Extension(shell).install()


def unload_ipython_extension(shell: Any) -> None:
    """Take back all that `load_ipython_extension` gave."""
    extension = _installed(shell)
    if extension is not None:
        extension.remove()

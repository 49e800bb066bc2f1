"""Which notebook cell made a variable, so that a cell may be run again.

Where operations run at once, a name belongs to the cell that made the variable. That cell, run again, finds
the variable, or makes another one if shape or dtype are others by now; code elsewhere may not take the name.
Code is told apart by where it is written, too: a function that calls `get_variable` finds the same variable
whichever cell calls it.
"""

from collections.abc import Hashable
from typing import Any, NamedTuple

from nbtape.core import source
from nbtape.core.cells import Run, running
from nbtape.core.dtype import DType
from nbtape.core.shape import TensorShape
from nbtape.state.scopes.variable_scope import ScopeNames

_TAKEN = (
    "Variable {name} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in "
    "VarScope? It was made by {maker}, and is claimed by {claimant}. nbtape.reset() starts afresh."
)


class Claim(NamedTuple):
    run: Run
    home: Hashable  # the cell, or the file, where `get_variable` was written


class Claims:
    """The claims that cells have on the variables of a store, by name, and the scopes that they opened."""

    def __init__(self):
        self._claims: dict[str, Claim] = {}
        self._opened: dict[Hashable, tuple[Run, list[str]]] = {}

    def made(self, name: str) -> None:
        """The cell that runs made a variable."""
        run = running[0]()
        if run is not None:
            self._claims[name] = Claim(run, _home(run))

    def replaces(self, name: str, found: Any, shape: TensorShape | None, dtype: DType, shared: bool) -> bool:
        """Whether a variable has to give way to a new one of the same name.

        Raises ValueError where the name belongs to another cell and is not `shared`.
        """
        run, claim = running[0](), self._claims.get(name)
        if run is None or claim is None or claim.run is run:
            return False
        if claim.run.cell == run.cell:
            self._claims[name] = Claim(run, _home(run))
            if dtype == found.dtype.base_dtype and (shape is None or shape.is_compatible_with(found.shape)):
                run.note("used again", name)
                return False
            new = _spelled(found.shape if shape is None else shape, dtype)
            run.note("replaced", f"{name} from {_spelled(found.shape, found.dtype.base_dtype)} to {new}")
            return True
        if shared or claim.home == _home(run):
            return False
        raise ValueError(_TAKEN.format(name=name, maker=claim.run.name, claimant=run.name))

    def opens(self, scopes: ScopeNames) -> None:
        """Let names of scopes that the running cell took in its last run be free again."""
        run = running[0]()
        if run is None:
            return
        last, names = self._opened.get(run.cell, (None, []))
        if last is not run:
            self._opened[run.cell] = run, []
            for name in names:
                scopes.forget(name)

    def opened(self, name: str) -> None:
        """The running cell took the name of a scope."""
        run = running[0]()
        last, names = self._opened.get(run and run.cell, (None, []))
        if last is run:
            names.append(name)


def _home(run: Run) -> Hashable:
    place = source.here()
    return None if place is None else run.cell_of(place[0].co_filename)


def _spelled(shape: Any, dtype: DType) -> str:
    return f"{dtype.name}{shape}"

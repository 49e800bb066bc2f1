"""The state of a block of converted code: variables, attributes and items that it reads and sets.

Blocks are functions that share the variables of the function around them, so a variable is a closure cell.
"""

from collections.abc import Callable
from types import CellType, FunctionType
from typing import Any


class Undefined:
    """What a name has that nothing was assigned to."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = Undefined()


class Place:
    """Something with a name that can be read and set; UNDEFINED stands for nothing at all."""

    name: str

    def get(self) -> Any:
        raise LookupError(self.name)

    def set(self, value: Any) -> None:
        raise LookupError(self.name)


class Variable(Place):
    """A variable of a function."""

    def __init__(self, name: str, cell: CellType):
        self.name, self._cell = name, cell

    def get(self) -> Any:
        try:
            return self._cell.cell_contents
        except ValueError:
            return UNDEFINED

    def set(self, value: Any) -> None:
        if value is not UNDEFINED:
            self._cell.cell_contents = value
        elif self.get() is not UNDEFINED:
            del self._cell.cell_contents


class Internal(Place):
    """Something that a loop carries beside the user's variables."""

    def __init__(self, name: str, value: Any):
        self.name, self.value = name, value

    def get(self) -> Any:
        return self.value

    def set(self, value: Any) -> None:
        self.value = value


class Attribute(Place):
    """An attribute of what `owner()` gives."""

    def __init__(self, name: str, owner: Callable[[], Any], attribute: str):
        self.name, self._owner, self._attribute = name, owner, attribute

    def get(self) -> Any:
        try:
            return getattr(self._owner(), self._attribute)
        except (AttributeError, NameError):
            return UNDEFINED

    def set(self, value: Any) -> None:
        if value is self.get():
            return
        if value is UNDEFINED:
            delattr(self._owner(), self._attribute)
        else:
            setattr(self._owner(), self._attribute, value)


class Item(Place):
    """The item `key()` of what `owner()` gives."""

    def __init__(self, name: str, owner: Callable[[], Any], key: Callable[[], Any]):
        self.name, self._owner, self._key = name, owner, key

    def get(self) -> Any:
        try:
            return self._owner()[self._key()]
        except (LookupError, NameError):
            return UNDEFINED

    def set(self, value: Any) -> None:
        if value is self.get():
            return
        if value is UNDEFINED:
            del self._owner()[self._key()]
        else:
            self._owner()[self._key()] = value


class State:
    """The places that blocks modify, those first whose values are asked for later."""

    def __init__(self, kept: tuple, others: tuple, *blocks: FunctionType):
        cells = {
            name: cell
            for block in blocks
            for name, cell in zip(block.__code__.co_freevars, block.__closure__ or ())
        }
        self._places = [x if isinstance(x, Place) else Variable(x, cells[x]) for x in (*kept, *others)]
        self.names = [place.name for place in self._places[: len(kept)]]

    def carry(self, place: Internal) -> None:
        """Keep one more place, before all others."""
        self._places.insert(0, place)
        self.names.insert(0, place.name)

    def get(self) -> list:
        return [place.get() for place in self._places]

    def set(self, values: list) -> None:
        for place, value in zip(self._places, values, strict=True):
            place.set(value)

    def kept(self) -> list:
        return self.get()[: len(self.names)]

    def run(self, values: list, block: Callable[[], Any]) -> list:
        """What the kept places hold after `block` has run on `values`."""
        self.set(values)
        block()
        return self.kept()

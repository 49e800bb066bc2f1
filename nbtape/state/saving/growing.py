"""Lists and dicts that tell when they grow, as long as a checkpoint has values for more than they hold."""

import weakref
from collections.abc import Iterable
from typing import Any

from nbtape.state.saving.tracking import arrived, escaped, spread, took, unescaped


class _Growing:
    """A container in an attribute of an owner, which `path` leads to."""

    _owner: weakref.ref | None = None
    _path = ""

    def _at(self, name: str, value: Any) -> Any:
        """What to hold for `value`: a container that grows as well, for a container."""
        owner = None if self._owner is None else self._owner()
        return value if owner is None else growing(value, owner, f"{self._path}/{name}")

    def _tell(self, name: str, value: Any) -> None:
        owner = None if self._owner is None else self._owner()
        if owner is not None:
            took(owner, dict(spread(f"{self._path}/{name}", value)))

    def _tell_all(self) -> None:
        owner = None if self._owner is None else self._owner()
        if owner is not None:
            arrived(owner, unescaped(self._path.split("/")[0]))


class GrowingList(_Growing, list):
    """A list that tells when it grows."""

    def append(self, value: Any) -> None:
        value = self._at(str(len(self)), value)
        super().append(value)
        self._tell(str(len(self) - 1), value)

    def extend(self, values: Iterable) -> None:
        for value in list(values):
            self.append(value)

    def __iadd__(self, values: Iterable) -> Any:
        self.extend(values)
        return self

    def insert(self, index: Any, value: Any) -> None:
        super().insert(index, value)
        self._tell_all()

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        self._tell_all()

    def __reduce__(self) -> Any:
        return list, (list(self),)


class GrowingDict(_Growing, dict):
    """A dict that tells when it grows."""

    def __setitem__(self, name: Any, value: Any) -> None:
        value = self._at(escaped(str(name)), value)
        super().__setitem__(name, value)
        self._tell(escaped(str(name)), value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def setdefault(self, name: Any, default: Any = None) -> Any:
        if name not in self:
            self[name] = default
        return self[name]

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def growing(value: Any, owner: Any, path: str) -> Any:
    """A list or dict as one that tells `owner`, and those in it; anything else as it is."""
    if type(value) is list:
        made: Any = GrowingList([growing(x, owner, f"{path}/{i}") for i, x in enumerate(value)])
    elif type(value) is dict:
        made = GrowingDict({k: growing(x, owner, f"{path}/{escaped(str(k))}") for k, x in value.items()})
    else:
        return value
    made._owner, made._path = weakref.ref(owner), path
    return made

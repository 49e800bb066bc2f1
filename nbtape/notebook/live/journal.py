"""What was changed by hand while a run went on, as a program that changes it again."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nbtape.notebook.live.mailbox import Command, checked

_MATTER = {"learning_rate", "trainable", "restore", "stop"}  # the rest changes when, and not what
_PROGRAM = """\
import nbtape as nt

# What was changed by hand: after how many steps, what, and how. To do the same again:
#   with nt.live(model, optimizer=optimizer, replay=interventions) as live: ...
interventions = [
{rows}]
"""


class Journal:
    """Interventions with the number of steps that were made before each.

    >>> from nbtape.notebook.live.journal import Journal
    >>> journal = Journal([(120, "learning_rate", 0.001), (300, "trainable", "dense/kernel", False)])
    >>> for entry in journal:
    ...     print(entry)
    (120, 'learning_rate', 0.001)
    (300, 'trainable', 'dense/kernel', False)
    """

    def __init__(self, entries: Iterable[Sequence] = ()):
        self._entries = [(int(step), *checked(name, args)) for step, name, *args in entries]

    def add(self, step: int, command: Command) -> None:
        """Note a command that was carried out after `step` steps."""
        self._entries.append((step, *command))

    def __iter__(self) -> Iterator[tuple]:
        return ((step, name, *args) for step, name, args in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def interventions(self) -> list[tuple]:
        """The entries that change what comes out."""
        return [entry for entry in self if entry[1] in _MATTER]

    def code(self) -> str:
        """A program that names the interventions, for `replay`."""
        return _PROGRAM.format(rows="".join([f"    {entry!r},\n" for entry in self.interventions]))


class Replay:
    """The interventions of an earlier run, each when its time comes; and where to keep what is restored."""

    def __init__(self, entries: Any = ()):
        given = entries.interventions if isinstance(entries, Journal) else Journal(entries).interventions
        saves: list[tuple[int, str, list]] = [(entry[2], "", []) for entry in given if entry[1] == "restore"]
        todo = [(step, name, args) for step, name, *args in given]
        self._todo = sorted([*saves, *todo], key=lambda entry: entry[0])

    @property
    def next(self) -> float:
        """After how many steps there is something to do."""
        return self._todo[0][0] if self._todo else float("inf")

    @property
    def scopes(self) -> list[str]:
        """What will be frozen, or trained again."""
        return [args[0] for _, name, args in self._todo if name == "trainable"]

    def due(self, step: int) -> Iterator[Command | None]:
        """What to do now: a command, or None to keep a snapshot."""
        while self._todo and self._todo[0][0] <= step:
            _, name, args = self._todo.pop(0)
            yield Command(name, tuple(args)) if name else None

"""Which notebook cell runs, for what is to last from one run of it to the next.

The notebook floor knows, and is asked through `running`; in a program of files there is none.
"""

from collections.abc import Callable, Hashable


class Run:
    """One run of a cell.

    `cell` stays the same when the cell is edited and run again; `name` is how messages call the run;
    `cell_of` gives the cell that a file's name stands for, or the name itself.
    """

    def __init__(self, cell: Hashable, name: str, cell_of: Callable[[str], Hashable]):
        self.cell, self.name, self.cell_of = cell, name, cell_of
        self.notes: dict[str, list[str]] = {}  # what the user is told, in a line, when the cell has ended

    def note(self, heading: str, item: str) -> None:
        """Tell the user of one more `item` under a heading."""
        self.notes.setdefault(heading, []).append(item)


running: list[Callable[[], Run | None]] = [lambda: None]

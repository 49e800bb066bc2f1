"""Stretches of a plan: kernels that run one after another without a word from the host.

The words of all kernels lie ready; a call writes those that hold an address which is another one than in the
call before. From the third run on the whole stretch is one graph of the driver, launched at once, of which
only the kernels are updated whose words changed. To copy what comes into buffers with fixed addresses instead
would cost its bandwidth each time, and the pool gives a loop the same few addresses again and again.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbtape.compile.card.actions import Launch
from nbtape.core.memory import CardArray

_RUNS = 3  # the run at which a stretch becomes a graph


class Stretch:
    """Launches, and what they check, at which the host looks when all are on their way."""

    def __init__(self, host: Any, launches: Sequence[Launch]):
        self.host, self.card, self.launches = host, host.card, launches
        self.tables = [_table(launch) for launch in launches]
        self.calls = [
            host.card.prepared(launch.kernel.text, table, launch.blocks, launch.lanes)
            for launch, table in zip(launches, self.tables)
        ]
        self.pointers: dict[int, list] = {}  # by slot: call, word and byte, of all words that point there
        self.last: dict[int, int] = {}  # the address of each slot in the call before
        for k, launch in enumerate(launches):
            for j, word in enumerate(launch.words):
                if word.layout is not None:
                    slot, offset = host.place(word.layout)
                    self.pointers.setdefault(slot, []).append((k, j, offset))
        self.checks = [launch.check for launch in launches if launch.check is not None]
        self.runs, self.graph = 0, None
        self.stale: set[int] = set()  # calls whose words are others than in the graph

    def __call__(self, arrays: list) -> None:
        self.tell(arrays)
        self.run()
        for check in self.checks:
            if self.host.read(check.flag, arrays).any():
                check.fail(self.host.read(check.found, arrays))

    def tell(self, arrays: list[CardArray]) -> None:
        """Write where the arrays of this call are."""
        for slot, pointers in self.pointers.items():
            array = arrays[slot]
            address = array.block.address + array.offset
            if self.last.get(slot) != address:
                self.last[slot] = address
                for k, j, offset in pointers:
                    self.tables[k][j] = address + offset
                    self.stale.add(k)

    def run(self) -> None:
        """Launch all, by the graph where that is less work."""
        if self.graph is None and self.runs == _RUNS - 1 and len(self.calls) > 1:
            self.graph = self.card.graph(self.calls)
            self.stale.clear()
        self.runs += 1
        if self.graph is not None and 2 * len(self.stale) <= len(self.calls):
            for k in self.stale:
                self.graph.update(k)
            self.stale.clear()
            self.graph.replay()
            return
        for call in self.calls:
            call.run()


def _table(launch: Launch) -> np.ndarray:
    """The words of a launch, without its addresses."""
    table = np.zeros(len(launch.words), np.int64)
    for k, word in enumerate(launch.words):
        if word.layout is None:
            table[k : k + 1].view(word.kind)[0] = word.value
    return table

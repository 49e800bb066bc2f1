"""Cells one above the other, StackedRNNCells, and cells that are written otherwise, as layers repeat them."""

from collections.abc import Sequence
from typing import Any

from nbtape.core import nest
from nbtape.ops.create import zeros
from nbtape.ops.measure import shape
from nbtape.train.config import deserialize
from nbtape.train.layers.calls import parameters
from nbtape.train.layers.cells import Cell
from nbtape.train.layers.layer import Layer


class _Foreign:
    """A cell that is written otherwise, by its `call(inputs, states)`, in the three parts of one here."""

    def __init__(self, cell: Any):
        self._cell = cell
        self._trains = isinstance(cell, Layer) and parameters(type(cell)).training

    def noise(self, batch: Any, training: Any) -> Any:
        return {"training": training} if self._trains else {}

    def project(self, x: Any, noise: Any) -> Any:
        return x

    def step(self, x: Any, states: list, noise: Any) -> tuple[Any, list]:
        run = self._cell if callable(self._cell) else self._cell.call
        y, after = run(x, states, **noise)  # type: ignore[reportGeneralTypeIssues]
        return y, list(after) if isinstance(after, list | tuple) else [after]


def in_parts(cell: Any) -> Any:
    """The cell, or one in three parts that does what its `call` does."""
    whole = isinstance(cell, StackedRNNCells) or isinstance(cell, Cell) and type(cell).call is Cell.call
    return cell if whole else _Foreign(cell)


def check_cell(cell: Any, whose: str) -> None:
    for name in ("call", "state_size"):
        if not hasattr(cell, name):
            raise ValueError(f"{whose} must have a `{name}`. Received cell without a `{name}`: {cell}")


def output_size(cell: Any) -> int:
    found = getattr(cell, "output_size", None)
    return nest.flatten(cell.state_size)[0] if found is None else found


def output_state(cell: Any) -> int | None:
    """Which of a cell's states, in a flat list of them, its output is; None where that is not known."""
    if isinstance(cell, StackedRNNCells):
        last = cell.cells[-1]
        return None if output_state(last) is None else -len(nest.flatten(last.state_size))
    return 0 if isinstance(in_parts(cell), Cell) else None


def initial_state(cell: Any, batch: Any, dtype: Any) -> list:
    """What a cell starts from: its own `get_initial_state`, or zeros."""
    if hasattr(cell, "get_initial_state"):
        found = cell.get_initial_state(batch_size=batch)
    else:
        found = nest.map_structure(lambda n: zeros([batch, n], dtype), cell.state_size)
    return list(found) if isinstance(found, list | tuple) else [found]


class StackedRNNCells(Layer):
    """Cells one above the other: each takes the output of the one below. States are a list for each cell.

    >>> cells = [tf.keras.layers.LSTMCell(4), tf.keras.layers.GRUCell(5)]
    >>> tf.keras.layers.RNN(tf.keras.layers.StackedRNNCells(cells))(tf.ones([2, 7, 3])).shape
    TensorShape([2, 5])
    """

    settings = ("cells",)

    def __init__(self, cells: Sequence[Any], **kwargs: Any):
        super().__init__(**kwargs)
        for cell in cells:
            check_cell(cell, "All cells")
        self.cells = list(cells)

    @property
    def state_size(self) -> list:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return output_size(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], output_size(cell))

    def get_initial_state(self, batch_size: Any = None) -> list:
        return [initial_state(cell, batch_size, self._dtype) for cell in self.cells]

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        noise = self.noise(shape(inputs)[0], training)
        return self.step(self.project(inputs, noise), states, noise)

    def noise(self, batch: Any, training: Any) -> list[Any]:
        return [in_parts(cell).noise(batch, training) for cell in self.cells]

    def project(self, x: Any, noise: list) -> Any:
        return in_parts(self.cells[0]).project(x, noise[0])

    def step(self, x: Any, states: list, noise: list) -> tuple[Any, list]:
        new = []
        for i, (whole, own, drawn) in enumerate(zip(self.cells, states, noise)):
            cell = in_parts(whole)
            x, after = cell.step(cell.project(x, drawn) if i else x, list(own), drawn)
            new.append(after)
        return x, new

    @classmethod
    def from_config(cls, config: dict) -> Any:
        return cls(**config | {"cells": [deserialize(cell) for cell in config["cells"]]})

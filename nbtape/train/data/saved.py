"""Datasets in files: saved as a whole and loaded again; lines of texts, and names of files."""

import glob
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from nbtape.core import nest
from nbtape.core.dtype import string
from nbtape.core.errors import NotFoundError, invalid
from nbtape.core.shape import TensorSpec
from nbtape.train.data.cache import read_rows, write_rows
from nbtape.train.data.element import as_object, leaves
from nbtape.train.data.stream import Stream, arrays_of, state_of

_ROWS, _SPEC = "rows.npz", "element_spec.npz"


def write_dataset(path: str, rows: list[list], spec: Any) -> None:
    """Write the rows of a dataset, and their structure, into a folder."""
    if not all(s is None or isinstance(s, TensorSpec) for s in leaves(spec)):
        raise invalid(f"A dataset of {spec} cannot be saved: its elements are not all tensors.")
    os.makedirs(path, exist_ok=True)
    told = nest.map_structure(lambda s: None if s is None else [s.dtype.name, _dims(s), s.name], spec)
    np.savez(os.path.join(path, _SPEC), allow_pickle=False, **arrays_of(told))
    write_rows(os.path.join(path, _ROWS), rows)


def _dims(spec: TensorSpec) -> Any:
    return None if spec.shape.rank is None else {"dims": spec.shape.as_list()}


def read_dataset(path: str, spec: Any) -> tuple[list[list], Any]:
    """The rows of a dataset that was written into a folder, and their structure, if none is given."""
    file = os.path.join(path, _SPEC)
    if not os.path.exists(file):
        raise NotFoundError(None, None, f"There is no saved dataset in {path}: {file} is missing.")
    if spec is None:
        with np.load(file, allow_pickle=False) as arrays:
            spec = _spec_of(state_of(arrays))
    return read_rows(os.path.join(path, _ROWS), leaves(spec)), spec


def _spec_of(told: Any) -> Any:
    if isinstance(told, tuple):
        return tuple([_spec_of(part) for part in told])
    if isinstance(told, dict):
        return {key: _spec_of(part) for key, part in told.items()}
    if not isinstance(told, list):
        return None
    dtype, dims, name = told
    return TensorSpec(None if dims is None else dims["dims"], dtype, name)


class Lines(Stream):
    """The lines of text files, without what ends them."""

    kept = ("_done",)

    def __init__(self, names: list[str]):
        self._names, self._done = names, 0
        self._lines = self._read()

    def _read(self) -> Iterator[bytes]:
        for name in self._names:
            try:
                with open(name, "rb") as file:
                    yield from file
            except OSError as error:
                raise NotFoundError(None, None, f"{name}; {error.strerror}") from None

    def __next__(self) -> list:
        line = next(self._lines)
        self._done += 1
        return [as_object(line.rstrip(b"\n").removesuffix(b"\r"))]

    def restore(self, state: Any) -> None:
        self._lines, self._done = self._read(), 0
        self.take(state["_done"])


LINE = TensorSpec((), string)


def files_of(patterns: Any) -> list[str]:
    """The names of the files that glob patterns fit, in order."""
    found = sorted({name for pattern in patterns for name in glob.glob(pattern)})
    if not found:
        raise invalid(f"No files matched pattern: {', '.join(patterns)}")
    return found


def texts_of(x: Any) -> list[str]:
    """File names that a user gives: one, or several."""
    values = np.ravel(np.asarray(x)) if not isinstance(x, os.PathLike) else [os.fspath(x)]
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]

"""IMDB: reviews of films as lists of the numbers of words, and whether they were favourable."""

import json
import os
import re
import zipfile
from typing import Any

import numpy as np

from nbtape.train.datasets.download import get_file
from nbtape.train.datasets.images import Split, local

_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_HASH = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
_INDEX_HASH = "bfafd718b763782e994055a2d397834f"


def load_imdb(
    path: Any = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Split, Split]:
    """25,000 reviews for training and as many for tests: arrays of lists of ints, and of classes 0 and 1.

    Words are numbered by how often they come. Those up to `skip_top` and from `num_words` on become
    `oov_char`; each review begins with `start_char`; `maxlen` leaves longer ones out. The numbers are moved
    by `index_from`, which leaves room for these. The order is drawn by `seed`, as in Keras.
    """
    found = local(path) or get_file(os.fspath(path), f"{_KERAS}imdb.npz", file_hash=_HASH)
    arrays = _read(found)
    draw = np.random.RandomState(seed)
    splits = [_shuffled(arrays, part, draw) for part in ("train", "test")]
    begin = [] if start_char is None else [start_char]
    splits = [([[*begin, *[w + index_from for w in x]] for x in xs], ys) for xs, ys in splits]
    if maxlen:
        splits = [_no_longer_than(maxlen, *split) for split in splits]
    if not num_words:
        num_words = max(max(x, default=0) for xs, _ in splits for x in xs)

    def known(x: list[int]) -> list[int]:
        if oov_char is None:
            return [w for w in x if skip_top <= w < num_words]
        return [w if skip_top <= w < num_words else oov_char for w in x]

    train, test = [(_as_objects([known(x) for x in xs]), ys) for xs, ys in splits]
    return train, test


def load_imdb_words(path: Any = "imdb_word_index.json") -> dict[str, int]:
    """The numbers of the words, by word, from 1 on: without what `load_data` adds as `index_from`."""
    found = local(path) or get_file(
        os.fspath(path), f"{_KERAS}imdb_word_index.json", file_hash=_INDEX_HASH, hash_algorithm="md5"
    )
    with open(found, encoding="utf-8") as file:
        return json.load(file)


def _shuffled(arrays: dict, part: str, draw: "np.random.RandomState") -> tuple[list, np.ndarray]:
    xs, ys = arrays[f"x_{part}"], arrays[f"y_{part}"]
    order = np.arange(len(xs))
    draw.shuffle(order)
    return [xs[i] for i in order.tolist()], ys[order]


def _no_longer_than(n: int, xs: list, ys: np.ndarray) -> tuple[list, np.ndarray]:
    short = [i for i, x in enumerate(xs) if len(x) < n]
    if not short:
        raise ValueError(
            f"After filtering for sequences shorter than maxlen={n}, no sequence was kept. Increase maxlen."
        )
    return [xs[i] for i in short], ys[short]


def _as_objects(lists: list) -> np.ndarray:
    out = np.empty(len(lists), object)
    out[:] = lists
    return out


# Keras's file holds arrays of objects, which NumPy keeps as pickles. A pickle is a program that may do
# anything, so none is run here: its bytes are read as what they are in this file, lists of whole numbers, or
# refused.


def _read(path: str) -> dict[str, Any]:
    """The arrays of the file: of numbers, or lists of lists of numbers."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            if f"{name}.npy" not in archive.namelist():
                raise ValueError(f"{path} has no array {name}.")
            with archive.open(f"{name}.npy") as file:
                version = np.lib.format.read_magic(file)
                shape, _, dtype = _HEADERS[version](file)
                data = file.read()
            found[name] = lists_of_ints(data) if dtype.kind == "O" else np.frombuffer(data, dtype)
            if len(found[name]) != shape[0]:
                raise ValueError(f"{path} holds {len(found[name])} elements of {name}, not {shape[0]}.")
    return found


_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_INT = rb"K.|M..|J....|\x95.{8}"  # of one, two or four bytes; and, between these, the size of what follows
_INTS = re.compile(_INT, re.DOTALL)
_TOKEN = re.compile(rb"(?P<list>\](?:q.|r....|\x94)?)|(?P<ints>(?:" + _INT + rb")+)|[(ea]", re.DOTALL)


class _Ints(dict):
    """Whole numbers by the bytes that stand for them, of which most come often."""

    def __missing__(self, token: bytes) -> int:
        found = self[token] = int.from_bytes(token[1:], "little", signed=token[:1] == b"J")
        return found


def lists_of_ints(data: bytes) -> list[list[int]]:
    """The lists in a pickled array of lists of whole numbers; ValueError for any other pickle.

    Example:
        >>> lists_of_ints(b"...\\x89](](K\\x07K\\x08e]et...")
        [[7, 8], []]
    """
    at = data.find(b"\x89]") + 1  # the array is not in Fortran's order, and these are its objects
    token = _TOKEN.match(data, at) if at else None
    ints, lists = _Ints(), []
    while token is not None:
        at = token.end()
        if data[at : at + 1] == b"t":  # the end of what makes up the array
            return lists
        token = _TOKEN.match(data, at)
        if token is not None and token["list"]:
            lists.append([])
        elif token is not None and token["ints"] and lists:
            lists[-1] += [ints[x] for x in _INTS.findall(token["ints"]) if x[:1] != b"\x95"]
    raise ValueError(_NOT_LISTS)


_NOT_LISTS = "This file holds a pickle that is not just lists of whole numbers, and is not opened."

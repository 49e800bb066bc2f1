"""Bundles: files of named arrays, in the safetensors format, which are there whole or not at all.

The header has a checksum of its own and one of each array, so that a file that was cut short or altered is
refused. What safetensors has no type for is kept as a type that it has: complex numbers as pairs, strings as
their lengths and their bytes.
"""

import glob
import json
import os
import secrets
import threading
import weakref
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any

import numpy as np

from nbtape.core.dtype import DType, as_dtype, of, string
from nbtape.core.errors import DataLossError, NotFoundError

SUFFIX = ".safetensors"
MODEL = ".keras"  # what Keras has whole models end in
_PARTIAL = ".partial"
_CODES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8",
    "bool": "BOOL",
}  # fmt: skip
# What the header starts with, up to the digits of its checksum.
_OPENING, _DIGITS = b'{"__metadata__":{"crc32":"', 8
_LONGEST = 1 << 30  # of headers; what says that it is longer was altered
_MISSING = "Unsuccessful TensorSliceReader constructor: Failed to find any matching files for {}"
_BROKEN = (
    "{} was cut short, was altered, or was not written by nbtape: {}. Nothing was restored from it. Copy the "
    "file anew, or take an older one."
)


def filename(prefix: str) -> str:
    """The file of the checkpoint, or of the model, that users call `prefix`."""
    return prefix if prefix.endswith((SUFFIX, MODEL)) else prefix + SUFFIX


@contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when the block ends: whole, and on the disk.

    What stood at `path` stays until then, whatever happens. What writers of `path` that were killed have left
    behind is removed.
    """
    for left in glob.glob(f"{glob.escape(path)}.*{_PARTIAL}"):
        with suppress(FileNotFoundError):
            os.remove(left)
    partial = f"{path}.{secrets.token_hex(4)}{_PARTIAL}"
    try:
        with open(partial, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(partial)
        raise
    _sync(os.path.dirname(path) or ".")


def _sync(folder: str) -> None:
    """Put the names in a folder on the disk, where the system and its kind of file system can do that."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        with suppress(OSError):
            os.fsync(descriptor)
        os.close(descriptor)


def write(prefix: str, arrays: Mapping[str, Any]) -> None:
    """Write `arrays` by name as the file of `prefix`."""
    given = {name: np.asarray(x) for name, x in arrays.items()}
    stored = {name: _stored(x) for name, x in given.items()}
    # As safetensors wants it: what has the widest elements comes first, so that all are aligned.
    order = sorted(stored, key=lambda name: (-stored[name].itemsize, name))
    entries, notes, end = {}, {}, 0
    for name in order:
        data, x, begin = stored[name], given[name], end
        end += data.nbytes
        entries[name] = {"dtype": _CODES[of(data).name], "shape": data.shape, "data_offsets": (begin, end)}
        notes[name] = {"dtype": of(x).name, "shape": x.shape, "crc32": _crc(data)}
    head = _header(entries, notes)
    with replacing(filename(prefix)) as file:
        file.write(len(head).to_bytes(8, "little"))
        file.write(head)
        for name in order:
            file.write(_bytes_of(stored[name]))


def _header(entries: dict, notes: dict) -> bytes:
    metadata = {"crc32": "0" * _DIGITS, "nbtape": json.dumps(notes, separators=(",", ":"))}
    head = json.dumps({"__metadata__": metadata} | entries, separators=(",", ":")).encode()
    return _signed(head + b" " * (-len(head) % 8))


def _signed(head: bytes) -> bytes:
    """A header with the checksum that it should have, which is that of the header with zeros in its place."""
    before, after = head[: len(_OPENING)], head[len(_OPENING) + _DIGITS :]
    return before + b"%08x" % zlib.crc32(before + b"0" * _DIGITS + after) + after


def _stored(x: np.ndarray) -> np.ndarray:
    """An array as one of a type that safetensors has."""
    if x.dtype == object:
        items = [str(item).encode() if isinstance(item, str) else bytes(item) for item in x.ravel()]
        lengths = np.array([len(item) for item in items], "<i8")
        return np.frombuffer(lengths.tobytes() + b"".join(items), np.uint8)
    x = np.ascontiguousarray(x).reshape(x.shape)
    return x[..., None].view(f"f{x.itemsize // 2}") if x.dtype.kind == "c" else x


def _loaded(x: np.ndarray, shape: tuple, dtype: DType) -> np.ndarray:
    """What `_stored` made `x` of."""
    if dtype is not string:
        return x.view(dtype.np).reshape(shape) if dtype.is_complex else x
    count = int(np.prod(shape, dtype=np.int64))
    lengths, items = x[: 8 * count].view("<i8"), x[8 * count :].tobytes()
    found, begin = np.empty(count, object), 0
    for i, length in enumerate(lengths.tolist()):
        found[i], begin = items[begin : begin + length], begin + length
    return found.reshape(shape)


def _bytes_of(x: np.ndarray) -> memoryview:
    return x.reshape(-1).view(np.uint8).data


def _crc(x: np.ndarray) -> int:
    return zlib.crc32(_bytes_of(x))


class CheckpointReader:
    """A checkpoint as arrays by name; what `tf.train.load_checkpoint` gives.

    >>> path = tf.train.Checkpoint(v=tf.Variable([1.0, 2.0])).write("example")
    >>> reader = tf.train.load_checkpoint(path)
    >>> reader.get_variable_to_shape_map()
    {'_CHECKPOINTABLE_OBJECT_GRAPH': [], 'v/.ATTRIBUTES/VARIABLE_VALUE': [2]}
    >>> reader.get_tensor("v/.ATTRIBUTES/VARIABLE_VALUE")
    array([1., 2.], dtype=float32)
    """

    def __init__(self, prefix: str):
        self.prefix, self._path, self._lock = prefix, filename(prefix), threading.Lock()
        try:
            # It stays open, so that it is this file to the end, even if another takes its place or its name.
            self._file = file = open(self._path, "rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotFoundError(None, None, _MISSING.format(prefix)) from None
        weakref.finalize(self, file.close)
        size, length = os.fstat(file.fileno()).st_size, int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, _LONGEST):
            raise self._broken("it is too short")
        head = file.read(length)
        if not head.startswith(_OPENING) or head != _signed(head):
            raise self._broken("its header does not have the checksum that it should have")
        entries = json.loads(head)
        notes = json.loads(entries.pop("__metadata__")["nbtape"])
        self._entries, self._notes, self._start = entries, notes, 8 + length
        if size != self._start + max([entry["data_offsets"][1] for entry in entries.values()], default=0):
            raise self._broken("it does not have the length that it should have")

    def _broken(self, why: str) -> DataLossError:
        return DataLossError(None, None, _BROKEN.format(self._path, why))

    def __contains__(self, name: object) -> bool:
        return name in self._notes

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._notes))

    def shape(self, name: str) -> tuple:
        return tuple(self._notes[name]["shape"])

    def dtype(self, name: str) -> DType:
        return as_dtype(self._notes[name]["dtype"])

    def read(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """The arrays of these names; raises NotFoundError for names that are not there."""
        found = {name: x for name, x in self._checked(names)}
        return {name: _loaded(x, self.shape(name), self.dtype(name)) for name, x in found.items()}

    def check(self) -> None:
        """Raise DataLossError if any array was altered."""
        for _ in self._checked(self):
            pass

    def _checked(self, names: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
        for name in names:
            if name not in self._entries:
                raise NotFoundError(None, None, f"Key {name} not found in checkpoint")
            entry = self._entries[name]
            x = np.empty(entry["shape"], _NUMPY[entry["dtype"]])
            with self._lock:
                self._file.seek(self._start + entry["data_offsets"][0])
                count = self._file.readinto(_bytes_of(x))
            if count != x.nbytes or _crc(x) != self._notes[name]["crc32"]:
                raise self._broken(f"{name} does not have the checksum that it should have")
            yield name, x

    # Under TensorFlow's names

    def has_tensor(self, tensor_str: str) -> bool:
        return tensor_str in self

    def get_tensor(self, tensor_str: str) -> Any:
        """The array of a name; raises NotFoundError where there is none."""
        found = self.read([tensor_str])[tensor_str]
        return found if found.shape else found[()]

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shape of each array, by name."""
        return {name: list(self.shape(name)) for name in self}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """The dtype of each array, by name."""
        return {name: self.dtype(name) for name in self}

    def debug_string(self) -> bytes:
        """A line of text for each array."""
        kinds = {name: self.dtype(name).name for name in self}
        lines = [
            f"{name} (DT_{_KINDS.get(kind, kind).upper()}) [{','.join(map(str, self.shape(name)))}]\n"
            for name, kind in kinds.items()
        ]
        return "".join(lines).encode()


_KINDS = {"float16": "half", "float32": "float", "float64": "double"}
_NUMPY = {code: as_dtype(name).np for name, code in _CODES.items()}

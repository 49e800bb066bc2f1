"""MNIST, Fashion-MNIST and CIFAR-10: pictures and their classes, from the files as they are published."""

import gzip
import os
import zipfile
from typing import Any

import numpy as np

from nbtape.core.kernel import late
from nbtape.train.datasets.download import cache_home, get_file, keras_home

Split = tuple[np.ndarray, np.ndarray]

_opened_tar = late("tarfile:open")
_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_MNIST_HASH = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_CIFAR = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_CIFAR_HASH = "c32a1d4ab5d03f1284b67883e8d87530"
_NPZ = ("x_train", "y_train", "x_test", "y_test")
_IDX = {  # the names of MNIST's files, and the MD5 of those of Fashion-MNIST
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}
_IDX_DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def load_mnist(path: Any = "mnist.npz") -> tuple[Split, Split]:
    """Handwritten digits: 60,000 pictures of 28x28 bytes with their classes for training, 10,000 for tests.

    `path` is the name under which the file is kept, or where one lies: Keras's `.npz`, or a folder with the
    original idx files, packed or not.
    """
    found = local(path)
    if found is None:
        found = get_file(os.fspath(path), f"{_KERAS}mnist.npz", file_hash=_MNIST_HASH)
    return _from_folder(found) if os.path.isdir(found) else from_npz(found)


def load_fashion_mnist(path: Any = "fashion-mnist") -> tuple[Split, Split]:
    """Pictures of ten kinds of clothes, of the sizes and numbers of MNIST.

    `path` is the name of the folder under which the files are kept, or where they lie: a folder with idx
    files, or an `.npz`.
    """
    found = local(path)
    if found is not None:
        return _from_folder(found) if os.path.isdir(found) else from_npz(found)
    folder = os.path.join("datasets", os.fspath(path))
    files = [
        get_file(f"{name}.gz", f"{_KERAS}{name}.gz", cache_subdir=folder, file_hash=digest)
        for name, digest in _IDX.items()
    ]
    return _paired([read_idx(file) for file in files])


def load_cifar10(path: Any = "cifar-10-binary.tar.gz") -> tuple[Split, Split]:
    """Pictures of ten kinds of things: 50,000 of 32x32x3 bytes for training, 10,000 for tests.

    They come from the binary version of the files; the Python version is pickles, which may run anything.
    `path` is the name under which the archive is kept, or where it lies, or an `.npz`.
    """
    found = local(path)
    if found is None:
        found = get_file(os.fspath(path), _CIFAR, file_hash=_CIFAR_HASH)
    if zipfile.is_zipfile(found):
        return from_npz(found)
    parts = _members(found, [*[f"data_batch_{i}.bin" for i in range(1, 6)], "test_batch.bin"])
    batches = [_records(part, found) for part in parts]
    train = [np.concatenate([batch[k] for batch in batches[:-1]]) for k in range(2)]
    return (train[0], train[1]), batches[-1]


def local(path: Any) -> str | None:
    """Where a path is, if it is one and not only the name under which a file is kept."""
    path = os.path.expanduser(os.fspath(path))
    if os.path.exists(path):
        return path
    if os.path.isabs(path):
        raise FileNotFoundError(f"There is no file {path}.")
    folders = [os.path.join(home, "datasets", path) for home in (keras_home(), cache_home())]
    return next((f for f in folders if os.path.isdir(f) and _idx_files(f)), None)


def from_npz(path: str) -> tuple[Split, Split]:
    """The four arrays of a file such as Keras's."""
    try:
        with np.load(path, allow_pickle=False) as file:
            a, b, c, d = [file[name] for name in _NPZ]
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is no data set: wanted an .npz file with the arrays {', '.join(_NPZ)} ({error})."
        ) from None
    return (a, b), (c, d)


def _idx_files(folder: str) -> list[str]:
    """The four files, if they are there."""
    names = [(os.path.join(folder, name), os.path.join(folder, f"{name}.gz")) for name in _IDX]
    found = [next((p for p in pair if os.path.exists(p)), None) for pair in names]
    return [p for p in found if p is not None] if None not in found else []


def _from_folder(folder: str) -> tuple[Split, Split]:
    files = _idx_files(folder)
    if not files:
        raise FileNotFoundError(f"{folder} has not all of {', '.join(_IDX)} (each may end in .gz).")
    return _paired([read_idx(file) for file in files])


def _paired(arrays: list[np.ndarray]) -> tuple[Split, Split]:
    a, b, c, d = arrays
    return (a, b), (c, d)


def read_idx(path: str) -> np.ndarray:
    """The array of an idx file: two zero bytes, one for the dtype, one for the rank, sizes, and values."""
    with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
        data = file.read()
    dtype = _IDX_DTYPES.get(data[2]) if len(data) > 3 and data[:2] == b"\0\0" else None
    start = 4 + 4 * data[3] if dtype else 0
    shape = np.frombuffer(data[4:start], ">u4").tolist()
    if dtype is None or len(data) - start != int(np.prod(shape)) * np.dtype(dtype).itemsize:
        raise ValueError(f"{path} is no whole idx file.")
    values = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return values.astype(values.dtype.newbyteorder("="))


def _members(path: str, names: list[str]) -> list[bytes]:
    """The bytes of files in an archive, or in a folder."""
    if os.path.isdir(path):
        files = [os.path.join(path, name) for name in names]
        if missing := [f for f in files if not os.path.exists(f)]:
            raise FileNotFoundError(f"{missing[0]} is missing: wanted the binary version of CIFAR-10.")
        return [np.fromfile(f, np.uint8).tobytes() for f in files]
    with _opened_tar(path) as archive:
        found = {os.path.basename(m.name): archive.extractfile(m).read() for m in archive if m.isfile()}
    if missing := [name for name in names if name not in found]:
        raise ValueError(
            f"{path} has no {missing[0]}: wanted the binary version of CIFAR-10, {os.path.basename(_CIFAR)}."
        )
    return [found[name] for name in names]


def _records(data: bytes, path: str) -> Split:
    """Pictures and classes: a byte for the class, then the planes of red, green and blue."""
    if len(data) % 3073:
        raise ValueError(f"{path} is no whole file of CIFAR-10.")
    rows = np.frombuffer(data, np.uint8).reshape(-1, 3073)
    pictures = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures), rows[:, :1].copy()

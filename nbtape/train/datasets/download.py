"""Files from the network: fetched once, checked, and gone on with where a connection broke."""

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from nbtape.core.kernel import late

_request, _urlopen = late("urllib.request:Request"), late("urllib.request:urlopen")
_opened_tar, _is_tar = late("tarfile:open"), late("tarfile:is_tarfile")
_CHUNK = 1 << 20
_SECONDS = 30  # after which a silent server is given up


def keras_home() -> str:
    """The folder where Keras keeps its files."""
    return os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")


def cache_home() -> str:
    """The folder where nbtape keeps what it fetched."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "nbtape")


def get_file(
    fname: Any = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: Any = None,
    force_download: bool = False,
) -> str:
    """The path of a file from the network, which is fetched if it is not there yet.

    A file that Keras fetched is taken as it lies. Others are kept under `cache_dir`, the user's cache folder
    by default. With a hash (MD5 or SHA-256) only a file that has it is taken. With `extract` an archive is
    unpacked beside it, and the path is that of the folder.

    Raises ConnectionError where it cannot be fetched, ValueError where what came is not what it should be.
    """
    if origin is None:
        raise ValueError('Please specify the "origin" argument (URL of the file to download).')
    name = os.fspath(fname) if fname else os.path.basename(urlsplit(origin).path)
    if not name:
        raise ValueError(f"There is no file name at the end of {origin!r}: give one as `fname`.")
    if os.path.basename(name) != name:
        raise ValueError(
            f"`fname` is a name without folders, and {name!r} is not. The folder is "
            "`cache_dir`/`cache_subdir`."
        )
    extract = extract or untar
    stored = name if not extract or "." in name else f"{name}_archive"
    homes = [keras_home(), cache_home()] if cache_dir is None else [os.path.expanduser(os.fspath(cache_dir))]
    places = [os.path.join(home, cache_subdir, stored) for home in homes]
    checked = _check(file_hash or md5_hash, "md5" if md5_hash and not file_hash else hash_algorithm)
    path = next((p for p in places if os.path.exists(p) and checked(p)), None)
    if path is None or force_download:
        path = places[-1]
        fetch(origin, path, checked)
    return _extracted(path, name, archive_format) if extract else path


def _check(digest: str | None, algorithm: str) -> Callable[[str], bool]:
    """What says whether a file has a digest; any has none."""
    if digest is None:
        return lambda path: True
    if algorithm == "auto":
        algorithm = "md5" if len(digest) == 32 else "sha256"

    def checked(path: str) -> bool:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest() == digest.lower()

    return checked


def fetch(origin: str, path: str, checked: Callable[[str], bool]) -> None:
    """Fetch a file to `path`, where it is as soon as it is whole and `checked`; the part that is there of an
    attempt before is kept.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = f"{path}.part"
    print(f"Downloading data from {origin}")
    resumed = os.path.exists(part)
    _append(origin, path, part)
    if not checked(part) and resumed:  # of another file, perhaps
        os.remove(part)
        _append(origin, path, part)
    if not checked(part):
        os.remove(part)
        raise ValueError(
            f"Incomplete or corrupted file detected: what came from {origin} does not have the hash that the "
            f"file should have. It was deleted."
        )
    os.replace(part, path)


def _append(origin: str, path: str, part: str) -> None:
    """Fetch what is missing of a file."""
    have = os.path.getsize(part) if os.path.exists(part) else 0
    headers = {"User-Agent": "nbtape"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with _urlopen(_request(origin, headers=headers), timeout=_SECONDS) as answer:
            resumes = answer.status == 206
            length = answer.headers.get("Content-Length")
            with open(part, "ab" if resumes else "wb") as file:
                shutil.copyfileobj(answer, file, _CHUNK)
                file.flush()
                os.fsync(file.fileno())
                whole = (have if resumes else 0) + int(length) if length else file.tell()
    except OSError as error:
        if have and getattr(error, "code", None) == 416:  # there is no more: all of it was there
            return
        raise ConnectionError(_unreachable(origin, path, error)) from error
    if os.path.getsize(part) < whole:
        raise ConnectionError(_unreachable(origin, path, "the connection broke; call it again to go on"))


def _unreachable(origin: str, path: str, why: Any) -> str:
    return (
        f"URL fetch failure on {origin}: {why}\n"
        f"Without a network, fetch the file elsewhere and put it at {path},\n"
        "or use tf.keras.datasets.digits.load_data(): real handwritten digits that need no download."
    )


def _extracted(path: str, name: str, archive_format: Any) -> str:
    """The folder with what is in an archive, unpacked if it is not there yet."""
    stem = name.split(".")[0]
    folder = os.path.join(os.path.dirname(path), stem if stem == name else f"{stem}_extracted")
    if os.path.isdir(folder):
        return folder
    formats = ("tar", "zip") if archive_format == "auto" else archive_format or ()
    partial = f"{folder}.part"
    shutil.rmtree(partial, ignore_errors=True)
    if "tar" in formats and _is_tar(path):
        with _opened_tar(path) as archive:
            archive.extractall(partial, filter="data")
    elif "zip" in formats and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(partial)
    else:
        raise ValueError(f"{path} is no archive of a format in {archive_format!r}.")
    os.replace(partial, folder)
    return folder

"""Object files on disk, each under the hash of all that it was made from, shared by all processes."""

import errno
import hashlib
import os
import re
import sys
import tempfile
import time
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import llvmlite

from nbtape.compile.code.objects import target

ABI = 3  # to be raised when what is made of a text changes, though the text does not
LIMIT = 256 << 20  # bytes on disk, above which what was used least recently goes
_DAY = 86400
_KERNELS = Path(__file__).parents[2] / "kernels"
_UNWRITABLE = """nbtape cannot write to {folder} ({error}).
Kernels are compiled anew by every process; set NBTAPE_CACHE_DIR to a folder where they may be kept."""


def key(text: str) -> str:
    """The hash of a kernel's text and of what else decides what it is compiled to."""
    return hashlib.sha256("\0".join([text, _source(text), *_salt()]).encode()).hexdigest()


def read(text: str) -> bytes | None:
    """The object file of a text, if it was compiled before, by any process."""
    folder = cache_folder()
    if folder is None:
        return None
    path = folder / f"{key(text)}.o"
    try:
        stored = path.read_bytes()
        if hashlib.sha256(stored[32:]).digest() != stored[:32]:
            path.unlink(missing_ok=True)  # half of it was lost, say by a crash of the machine
            return None
        if time.time() - path.stat().st_mtime > _DAY:
            os.utime(path)  # for `prune` to see that it is used
    except OSError:
        return None
    return stored[32:]


def write(text: str, data: bytes) -> None:
    """Keep an object file for other processes and for later."""
    folder = cache_folder()
    if folder is None:
        return
    try:
        file = tempfile.NamedTemporaryFile(suffix=".new", dir=folder, delete=False)
    except OSError:
        return  # somebody removed the folder: the next process compiles it again
    try:
        with file:
            file.write(hashlib.sha256(data).digest() + data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(file.name, folder / f"{key(text)}.o")  # readers find all of it or nothing
    except OSError:  # the disk is full; or, on Windows, another process reads what this one would replace
        Path(file.name).unlink(missing_ok=True)
    if _first_of_many():
        prune(folder)


def prune(folder: Path, limit: int = LIMIT) -> None:
    """Remove what was used least recently, until three quarters of the limit are left."""
    files = []
    for entry in os.scandir(folder):
        try:
            stat = entry.stat()
        except OSError:  # another process prunes too
            continue
        if entry.name.endswith((".o", ".new")):
            files.append((stat.st_mtime, max(stat.st_size, 4096), entry.path))
    total = sum(size for _, size, _ in files)
    if total <= limit:
        return
    for _, size, path in sorted(files):
        if total <= limit * 3 // 4:
            break
        Path(path).unlink(missing_ok=True)
        total -= size


_written = 0


def _first_of_many() -> bool:
    global _written
    _written += 1
    return _written % 256 == 1


def cache_folder() -> Path | None:
    """Where object files are kept; None where no folder can be written to."""
    return _made(os.environ.get("NBTAPE_CACHE_DIR") or _usual())


def _usual() -> str:
    """Where this system's programs keep what they can make again."""
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or os.path.expanduser("~"), "nbtape", "cache")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches/nbtape")
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nbtape")


@cache
def _made(folder: str) -> Path | None:
    """A folder that can be written to, or None, after a warning."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not _private(os.stat(folder)):
            raise PermissionError(errno.EPERM, "others can write to it too, and what lies in it is run")
        with tempfile.TemporaryFile(dir=folder):
            return Path(folder)
    except OSError as error:
        warnings.warn(_UNWRITABLE.format(folder=folder, error=error.strerror), RuntimeWarning, stacklevel=2)
        return None


def _private(folder: os.stat_result) -> bool:
    """Whether only this user can put files into a folder; where systems do not tell, yes."""
    return not hasattr(os, "getuid") or (folder.st_uid == os.getuid() and not folder.st_mode & 0o022)


@cache
def _salt() -> tuple[str, ...]:
    numba = find_spec("numba")  # not imported: who finds all kernels here need not wait for it
    version = Path(numba.origin).with_name("_version.py").read_text() if numba and numba.origin else ""
    return str(ABI), llvmlite.__version__, version, *target()


def _source(text: str) -> str:
    """The hashes of the files of `kernels/` that a text imports from."""
    return " ".join(
        map(_file, sorted(set(re.findall(r"^from nbtape\.kernels\.([\w.]+) import", text, re.M))))
    )


@cache
def _file(name: str) -> str:
    text = _KERNELS.joinpath(*name.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    return hashlib.sha256(f"{text} {_source(text)}".encode()).hexdigest()

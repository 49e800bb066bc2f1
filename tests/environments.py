"""Environments with other versions of a package, made once and kept in the user's cache."""

import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "nbtape", "environments")
_SHARED = "import site; site.addsitedir({!r})\n"


class Unavailable(Exception):
    """An environment could not be made, and why."""


def environment(requirement: str) -> Path:
    """The Python of an environment with this requirement, and all else from the one that runs the tests."""
    key = hashlib.sha256(f"{requirement} {sys.prefix} {sys.version}".encode()).hexdigest()[:12]
    folder = _CACHE / f"{requirement.partition('=')[0]}-{key}"
    if not folder.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_CACHE) as made:
            _make(Path(made, "made"), requirement)
            try:
                os.rename(Path(made, "made"), folder)
            except OSError:  # another process was faster
                if not folder.exists():
                    raise
    return folder / "bin" / "python"


def _make(folder: Path, requirement: str) -> None:
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    own = sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
    Path(own, "_shared.pth").write_text(_SHARED.format(sysconfig.get_path("purelib")))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--retries=0"]
    done = subprocess.run([*pip, "--disable-pip-version-check", requirement], capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"pip install {requirement}: {done.stderr.strip().rpartition(chr(10))[2]}")

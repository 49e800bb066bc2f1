"""What is installed, and how it runs here: for `nbtape doctor`, `nt.doctor()` and reports of problems."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nbtape.compile.code.cache import cache_folder
from nbtape.core.report import size
from nbtape.graph.v1.device_memory import description
from nbtape.graph.v1.hardware import list_logical_devices
from nbtape.notebook.live.route import expected, probe
from nbtape.notebook.tables import text_table
from nbtape.ops.blas import thread_count

_PACKAGES = (
    "nbtape numpy numba llvmlite numba-cuda scipy matplotlib anywidget ipywidgets ipython ipykernel "
    "jupyterlab".split()
)


def doctor() -> None:
    """Print what is installed and how it runs here: versions, route of controls, devices, threads, cache.

    >>> nt.doctor()
    Python      ...
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    first, *rest = report(shell)
    print(text_table(first, rest))


def report(shell: Any = None) -> list[tuple[str, str]]:
    """What `doctor` prints, line by line."""
    installed = [(name, _version(name)) for name in _PACKAGES]
    return [
        ("Python", f"{platform.python_version()}, {platform.platform()}"),
        *installed,
        ("controls", _controls(shell)),
        ("devices", "; ".join([description(device) for device in list_logical_devices()])),
        ("threads", f"{thread_count()} of {os.cpu_count()} cores"),
        ("kernels", _cache()),
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _controls(shell: Any) -> str:
    """How wishes from a live panel would reach a run in this process, or in a kernel of this Python."""
    if hasattr(shell, "kernel"):
        route = probe(shell)
    else:
        numbers = _version("ipykernel").split(".")[:2]
        if not all(x.isdigit() for x in numbers):
            return "none: ipykernel is not installed"
        given = tuple(map(int, numbers))
        route = expected(True, given, given >= (7,))
    return f"{route.kind}: {route.reason}"


def _cache() -> str:
    """Where compiled kernels are kept, and how much they are."""
    place = cache_folder()
    if place is None:
        return "not kept: no folder can be written to, set NBTAPE_CACHE_DIR"
    files = [entry.stat().st_size for entry in os.scandir(place) if entry.name.endswith(".o")]
    return f"{len(files)} in {_short(place)}, {size(sum(files))}"


def _short(place: Path) -> str:
    home = Path.home()
    return f"~/{place.relative_to(home)}" if place.is_relative_to(home) else str(place)

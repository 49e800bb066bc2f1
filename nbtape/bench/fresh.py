"""What new processes wait for, with empty caches and with full ones, and their memory."""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

from nbtape.bench.libraries import PEERS, environment_of, installed

STEPS = 200  # after which memory is measured
# The environment variables that say where libraries keep what they compiled.
FOLDERS = ("NBTAPE_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR")

Rows = dict[str, dict[str, float]]


def newly(libraries: list[str], cases: list[str], rounds: int, pick: Callable[..., Any]) -> tuple[Rows, Rows]:
    """Rows of seconds and of megabytes, by library: what `pick` takes of several processes."""
    seconds: Rows = {}
    memory: Rows = {}
    for library, way, python in installed("fresh", libraries):
        name = f"{library} {way}"
        for case in cases:
            pairs = [_twice(library, way, case, python) for _ in range(rounds)]
            for cache, found in zip(("cold", "warm"), zip(*pairs)):
                if not all(found):
                    print(f"{name}, {case}: the process ended with an error, see above")
                    continue
                if cache == "warm":
                    seconds.setdefault("import", {})[name] = pick([f["import"] for f in found])
                    memory.setdefault(f"{case}, {STEPS} steps", {})[name] = pick([f["memory"] for f in found])
                for key, words in ("first", "first result"), ("fused", "compiled result, from the start"):
                    row = seconds.setdefault(f"{case}, {cache} cache: {words}", {})
                    row[name] = pick([f[key] for f in found])
    return seconds, memory


def _twice(library: str, way: str, case: str, python: str) -> list[dict | None]:
    """What two processes measured, of which the second finds what the first compiled."""
    with tempfile.TemporaryDirectory() as folder:
        caches = {name: folder for name in FOLDERS} | {"PYTENSOR_FLAGS": f"compiledir={folder}"}
        environment = environment_of(library) | caches | {"NBTAPE_COMPILE": "background"}
        return [_process([python, str(PEERS / "fresh.py"), library, way, case], environment) for _ in "12"]


def _process(command: list[str], environment: dict[str, str]) -> dict | None:
    environment = environment | {"NBTAPE_BENCH_STARTED": str(time.time())}
    done = subprocess.run([*command, str(STEPS)], stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout) if done.returncode == 0 else None

"""What a new process waits for: `python fresh.py library way case steps` prints a line of JSON.

import      seconds until the library is there
first       seconds until the first step is done, after that
fused       seconds until a step ran as machine code, after the start of Python, but without making the data
memory      the most memory in MB that the process had, after so many steps
"""

import importlib
import json
import os
import sys
import time

import problems  # pyright: ignore[reportMissingImports]

try:
    import resource
except ImportError:  # on Windows nobody counts
    resource = None
MANY = 100_000  # steps after which nobody waits any more


def main():
    started = float(os.environ["NBTAPE_BENCH_STARTED"])  # before Python was
    channel = os.fdopen(os.dup(1), "w", 1)
    os.dup2(2, 1)  # what a library prints must not come between
    library, way, case, steps = sys.argv[1:]
    made = time.time()
    data = problems.data(case)
    making = time.time() - made
    begin = time.perf_counter()
    peer = importlib.import_module(f"{library}_compiled")
    ready = time.perf_counter()
    step, _ = peer.build(case, data, way)
    peer.wait(step())
    first = time.perf_counter()
    fused = getattr(peer, "fused", lambda: True)
    for _ in range(MANY):
        if fused():
            break
        peer.wait(step())
    peer.wait(step())
    found = {"import": ready - begin, "first": first - ready, "fused": time.time() - started - making}
    for _ in range(int(steps)):
        result = step()
        peer.wait(result)
    if resource:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found["memory"] = most / (2**20 if sys.platform == "darwin" else 1024)
    print(json.dumps(found), file=channel)


main()

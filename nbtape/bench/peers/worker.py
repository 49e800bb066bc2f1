"""The process that runs one library: asked over stdin, it answers over stdout, a line of JSON each.

Run as a file, by the interpreter that has the library, which needs nothing else but NumPy; so what stands in
this folder is no package. A library's own file, `torch_peer.py`, has four names:

NAME        what the library is called, with its version
gradients   (case, a, b) -> step: a function that gives dy/da and dy/db of the case
training    (data) -> (step, weights): one Adam step on the next batch, giving the loss; the weights as arrays
wait        (result) -> None: until the result of a step is there
"""

import gc
import importlib
import json
import os
import sys
import time

import workloads  # pyright: ignore[reportMissingImports]

SAMPLE = 0.1  # seconds that a sample is to last


def sample(step, wait, steps):
    """Seconds a step takes, over `steps` of them."""
    start = time.perf_counter()
    for _ in range(steps):
        result = step()
    wait(result)
    return (time.perf_counter() - start) / steps


def calibrated(step, wait):
    """How many steps last for a sample; taken after a few, which also warms up caches and compilers."""
    steps = 1
    while (seconds := sample(step, wait, steps) * steps) < SAMPLE / 2:
        steps = max(steps + 1, min(steps * 10, int(steps * SAMPLE / max(seconds, 1e-9))))
    return steps


def answer(peer, request, live):
    """What to say to a request: {"load": case} or {"time": case}."""
    if case := request.get("load"):
        step = workloads.check(case, peer)
        live[case] = step, calibrated(step, peer.wait)
        return {"steps": live[case][1]}
    step, steps = live[request["time"]]
    gc.collect()
    return {"seconds": sample(step, peer.wait, steps)}


def main():
    channel = os.fdopen(os.dup(1), "w", 1)
    os.dup2(2, 1)  # what a library prints must not come between the answers
    peer = importlib.import_module(f"{sys.argv[1]}_peer")
    print(json.dumps({"name": peer.NAME}), file=channel)
    live: dict = {}
    for line in sys.stdin:
        try:
            reply = answer(peer, json.loads(line), live)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(reply), file=channel)


main()

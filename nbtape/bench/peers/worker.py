"""The process that runs one library: asked over stdin, it answers over stdout, a line of JSON each.

Run as a file, by the interpreter that has the library, which needs nothing else but NumPy; so what stands in
this folder is no package. A library's file for eager execution, `torch_peer.py`, has four names:

NAME        what the library is called, with its version
gradients   (case, a, b) -> step: a function that gives dy/da and dy/db of the case
training    (data) -> (step, weights): one Adam step on the next batch, giving the loss; the weights as arrays
wait        (result) -> None: until the result of a step is there

and its files for compiled programs and for sessions, `torch_compiled.py`, `tensorflow_graph.py`, NAME, `wait`
and

build       (case, data, way) -> (step, answers): one step of the case, compiled in one of the library's ways;
            and a function that gives, before any other step, the arrays that `problems.check` expects

and its file for cards, `torch_gpu.py`, the same and, where the library has a clock on the card,

seconds     (step, steps) -> the seconds that the card takes for a step, over so many

and its file for data, `torch_data.py`, what `feeding` says.
"""

import gc
import importlib
import json
import os
import sys
import time

import feeding  # pyright: ignore[reportMissingImports]
import problems  # pyright: ignore[reportMissingImports]
import workloads  # pyright: ignore[reportMissingImports]

SAMPLE = 0.1  # seconds that a sample is to last


def sample(step, wait, steps):
    """Seconds a step takes, over `steps` of them."""
    start = time.perf_counter()
    for _ in range(steps):
        result = step()
    wait(result)
    return (time.perf_counter() - start) / steps


def calibrated(step, clock):
    """How many steps last for a sample; taken after a few, which also warms up caches and compilers."""
    steps = 1
    while (seconds := clock(step, steps) * steps) < SAMPLE / 2:
        steps = max(steps + 1, min(steps * 10, int(steps * SAMPLE / max(seconds, 1e-9))))
    return steps


def answer(check, clock, request, live):
    """What to say to a request: {"load": case}, {"time": case} or {"drop": case}."""
    if case := request.get("load"):
        step = check(case)
        live[case] = step, calibrated(step, clock)
        return {"steps": live[case][1]}
    if case := request.get("drop"):
        live.pop(case, None)
        gc.collect()
        return {}
    step, steps = live[request["time"]]
    gc.collect()
    return {"seconds": clock(step, steps)}


def loaded(library, mode, way):
    """A library's module, and what gives a checked step of a case."""
    if mode == "eager":
        peer = importlib.import_module(f"{library}_peer")
        return peer, lambda case: workloads.check(case, peer)
    peer = importlib.import_module(f"{library}_{mode}")
    if mode == "data":
        return peer, lambda case: feeding.check(case, peer)
    return peer, lambda case: problems.check(case, peer, way)


def main():
    channel = os.fdopen(os.dup(1), "w", 1)
    os.dup2(2, 1)  # what a library prints must not come between the answers
    peer, check = loaded(*sys.argv[1:])
    timed = getattr(peer, "seconds", None) or (lambda step, steps: sample(step, peer.wait, steps))
    print(json.dumps({"name": peer.NAME}), file=channel)
    live: dict = {}
    for line in sys.stdin:
        try:
            reply = answer(check, timed, json.loads(line), live)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(reply), file=channel)


main()

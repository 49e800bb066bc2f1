"""A process that compiles kernels for another: texts come in on stdin, object files go out on stdout.

The first message out says that the worker is ready. Then each request, `{"text": ...}`, has one answer,
`{"object": ...}` in base64, or `{"error": ...}`.
"""

import base64
import gc
import os
import sys
import traceback
from typing import Any

from nbtape.compile.code import cache
from nbtape.compile.code.objects import load
from nbtape.compile.code.pipe import receive, send
from nbtape.compile.cpu import compile_text


def answer(text: str) -> dict[str, Any]:
    try:
        data = compile_text(text)
        load(text, data)  # what cannot be loaded takes down the process that tries: better this one
        cache.write(text, data)
    except Exception:
        return {"error": traceback.format_exc()}
    return {"object": base64.b64encode(data).decode()}


def main() -> None:
    """Answer requests until the pipe is closed."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints goes to stderr and not between the messages
    if hasattr(os, "nice"):
        os.nice(10)
    gc.freeze()  # Numba's thousands of objects stay; to look through them again and again takes a tenth
    gc.set_threshold(50_000)  # about what one text leaves: to look for it while it grows takes 1/16
    send(answers, {"ready": True})
    while (request := receive(requests)) is not None:
        send(answers, answer(request["text"]))

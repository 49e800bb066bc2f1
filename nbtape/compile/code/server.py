"""Kernels are compiled by other processes, so that a notebook neither waits nor carries Numba's memory."""

import base64
import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import IO

from nbtape.compile.code import (
    cache,
    objects,
)
from nbtape.compile.code.objects import CompileError
from nbtape.compile.code.pipe import receive, send
from nbtape.core.kernel import late

WORKERS = 2
MUCH = 4  # texts that wait, for which a second worker is started
IDLE = 60.0  # seconds without a text, after which a worker ends
_FAILED = "{reason}\nThis is the kernel that could not be compiled:\n{text}"
# nbtape's own __init__ imports all of nbtape, of which a worker needs little: it starts without. So it does
# without SciPy and cffi, which Numba looks for, and which no kernel calls: to import them takes 0.3 s.
_MAIN = """
import json, sys, types
sys.path[:], root = json.loads(sys.argv[1])
sys.modules["scipy"] = sys.modules["cffi"] = None
sys.modules["nbtape"] = nbtape = types.ModuleType("nbtape")
nbtape.__path__ = [root]
from nbtape.compile.code.worker import main
main()
"""
# NUMBA_OPT: `compile_text` optimises a kernel as a whole; where Numba did so part by part, that takes longer.
_SETTINGS = {
    "NUMBA_DISABLE_JIT": "0",
    "NUMBA_NUM_THREADS": "1",
    "NUMBA_OPT": "0",
    "OPENBLAS_NUM_THREADS": "1",
}
_compile_text = late("nbtape.compile.cpu:compile_text")


class Worker:
    """A process that compiles, and this one where no other can be started; `worker.py` is what it runs."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.errors: IO[bytes] | None = None
        self.last_words = ""
        self.refused = False

    def start(self) -> bool:
        """Start the process, if there is none; whether there is one now."""
        if self.process or self.refused:
            return not self.refused
        path = [entry for entry in sys.path if entry]  # a notebook may lie beside a numpy.py
        arguments = json.dumps([path, str(Path(__file__).parents[2])])
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _MAIN, arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                env=os.environ | _SETTINGS,
                start_new_session=True,  # Ctrl-C is for the notebook
            )
            self.refused = self._answer() is None
        except OSError:
            self.refused = True
            self.stop()
        return not self.refused

    def compile(self, text: str) -> bytes:
        """The object file of a text. One death over it is forgiven: somebody may have ended the process."""
        for _ in range(2):
            if not self.start():
                return _here(text)
            answer = self._answer(text)
            if answer and "object" in answer:
                return base64.b64decode(answer["object"])
            if answer:
                raise CompileError(_FAILED.format(reason=answer["error"], text=text))
        reason = f"{self.last_words}\nThe process that compiled it died."
        raise CompileError(_FAILED.format(reason=reason, text=text))

    def _answer(self, text: str | None = None) -> dict[str, str] | None:
        """What the process says to a text, or once it is ready; None if it died."""
        assert self.process and self.process.stdin and self.process.stdout
        try:
            if text is not None:
                send(self.process.stdin, {"text": text})
            answer = receive(self.process.stdout)
        except OSError:
            answer = None
        if answer is None:
            self.stop()
        return answer

    def stop(self) -> None:
        """End the process, if it has not ended by itself."""
        # Taken before they are closed: two threads may stop one worker.
        process, self.process = self.process, None
        errors, self.errors = self.errors, None
        if process:
            with contextlib.suppress(BrokenPipeError), process:
                process.terminate()
        if errors:
            with errors as file:
                file.seek(0)
                self.last_words = file.read()[-2000:].decode(errors="replace")


def _here(text: str) -> bytes:
    try:
        data = _compile_text(text)
    except Exception as error:
        raise CompileError(_FAILED.format(reason=error, text=text)) from error
    cache.write(text, data)
    return data


class Server:
    """Texts in, addresses of their machine code out; each text is compiled once, whoever asks for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.futures: dict[str, Future[int]] = {}  # of what is being compiled, and what cannot be
        self.texts: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.workers: set[Worker] = set()

    def request(self, texts: Iterable[str]) -> list[Future[int]]:
        """For each text a Future of its machine code's address."""
        with self.lock:
            return [self.futures.get(text) or self._add(text) for text in texts]

    def warm_up(self) -> None:
        """Start a worker, if there is none, before there is a text for it."""
        with self.lock:
            if not self.workers:
                self._hire()

    def _add(self, text: str) -> Future[int]:
        future: Future[int] = Future()
        future.set_running_or_notify_cancel()  # others may wait for the same text: nobody can call it off
        if (address := objects.find(text)) is not None:
            future.set_result(address)
            return future
        self.futures[text] = future
        self.texts.put(text)
        if len(self.workers) < (WORKERS if self.texts.qsize() >= MUCH else 1):
            self._hire()
        return future

    def _hire(self) -> None:
        worker = Worker()
        self.workers.add(worker)
        threading.Thread(target=self._serve, args=[worker], name="nbtape-compile", daemon=True).start()

    def _serve(self, worker: Worker) -> None:
        """Have a worker compile what comes, until for a while nothing has come."""
        worker.start()
        while (text := self._next(worker)) is not None:
            future = self.futures[text]
            try:
                address = objects.load(text, worker.compile(text))
            except Exception as error:
                future.set_exception(error)
                continue
            with self.lock:
                del self.futures[text]
            future.set_result(address)
        worker.stop()

    def _next(self, worker: Worker) -> str | None:
        while True:
            try:
                return self.texts.get(timeout=IDLE)
            except queue.Empty:
                with self.lock:
                    if self.texts.empty():
                        self.workers.remove(worker)
                        return None


_server = Server()


def server() -> Server:
    """This process's server."""
    return _server


def _after_fork() -> None:
    """A child has a server of its own: its parent's threads are not there, and the pipes not for it."""
    global _server
    nothing = os.open(os.devnull, os.O_RDWR)
    for worker in _server.workers:
        if worker.process:
            for pipe in (worker.process.stdin, worker.process.stdout):
                if pipe and not pipe.closed:
                    os.dup2(nothing, pipe.fileno())
    os.close(nothing)
    _inherited.append(_server)
    _server = Server()


_inherited: list[Server] = []  # kept, since an abandoned Popen complains
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

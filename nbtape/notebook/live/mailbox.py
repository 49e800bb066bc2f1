"""What a browser asks for, checked and kept until the training thread has time.

Messages come on threads of the kernel, and are text from outside: one that is not on the list is refused, and
none is carried out where it arrives.
"""

import math
import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeGuard

_LONG = 1000  # characters of a name
_MANY = 256  # requests that wait, and browsers that are told apart
_GREATEST_RATE = 1e6


class Command(NamedTuple):
    """A request: what to do and with what."""

    name: str
    args: tuple = ()


def _is_name(x: Any) -> TypeGuard[str]:
    return isinstance(x, str) and 0 < len(x) <= _LONG


def _is_rate(x: Any) -> bool:
    return type(x) in (int, float) and math.isfinite(x) and 0 <= x <= _GREATEST_RATE


def _is_flag(x: Any) -> bool:
    return type(x) is bool


def _is_count(x: Any) -> TypeGuard[int]:
    return type(x) is int and 0 <= x < 2**53


COMMANDS: dict[str, tuple[Callable[[Any], bool], ...]] = {
    "ready": (),
    "pause": (),
    "resume": (),
    "step": (),
    "stop": (),
    "learning_rate": (_is_rate,),
    "trainable": (_is_name, _is_flag),  # a variable, or a scope and all that is in it
    "restore": (_is_count,),  # the step of a snapshot
    "graph": (),  # show that of the step, or show it no more
}


def checked(name: Any, args: Any) -> Command:
    """The command, if there is one of this name and these are arguments for it; else raises ValueError.

    >>> from nbtape.notebook.live.mailbox import checked
    >>> checked("learning_rate", [0.01])
    Command(name='learning_rate', args=(0.01,))
    """
    checks = COMMANDS.get(name) if isinstance(name, str) else None
    if checks is None:
        raise ValueError(f"there is no command {str(name)[:40]!r}; there are {', '.join(COMMANDS)}")
    if not isinstance(args, list | tuple) or len(args) != len(checks):
        raise ValueError(f"{name} takes {len(checks)} arguments")
    for check, x in zip(checks, args):
        if not check(x):
            raise ValueError(f"{name} does not take {str(x)[:40]!r}")
    return Command(name, tuple(args))


class Mailbox:
    """Commands in the order in which they came, each once, however often it was sent."""

    def __init__(self):
        self._queue: SimpleQueue[Command] = SimpleQueue()
        self._last: dict[str, int] = {}  # the highest number of each browser
        self._lock = threading.Lock()
        self.empty = self._queue.empty

    @property
    def browsers(self) -> int:
        """How many pages have written; one that is loaded again counts as another."""
        return len(self._last)

    def put(self, message: Any) -> bool:
        """Take in `{"client", "seq", "command", "args"}`; False where it is refused or came before."""
        if not isinstance(message, dict):
            return False
        client, number = message.get("client"), message.get("seq")
        if not _is_name(client) or not _is_count(number):
            return False
        try:
            command = checked(message.get("command"), message.get("args", []))
        except ValueError:
            return False
        with self._lock:
            if number <= self._last.get(client, -1) or self._queue.qsize() >= _MANY:
                return False
            if client not in self._last and len(self._last) >= _MANY:
                del self._last[next(iter(self._last))]
            self._last[client] = number
            self._queue.put(command)
        return True

    def post(self, command: Command) -> None:
        """Take in a command of the program itself."""
        self._queue.put(command)

    def taken(self, timeout: float | None = None) -> Iterable[Command]:
        """What came, waiting for at most `timeout` seconds if that is nothing."""
        found = []
        try:
            if timeout is not None:
                found.append(self._queue.get(timeout=timeout))
            while True:
                found.append(self._queue.get_nowait())
        except Empty:
            return found

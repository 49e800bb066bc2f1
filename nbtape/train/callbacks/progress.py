"""The progress bar of `fit`: tqdm's, in a terminal and in a notebook; elsewhere a line an epoch."""

import sys
import time
from typing import Any

import numpy as np

from nbtape.core.kernel import late
from nbtape.train.callbacks.callback import Callback

_tqdm = late("tqdm.auto:tqdm")
_PAUSE = 0.2  # seconds between two looks of the bar, which cost more than a small step does


class ProgbarLogger(Callback):
    """A bar for each epoch, with the loss and the metrics so far.

    Where nobody watches, with `verbose=2`, or without tqdm, each epoch gets a line when it is over.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._title, self._count, self._shown = "", 0, 0.0
        self._is_training = False
        self._steps: dict[bool, int] = {}  # in an epoch, and in an evaluation, as the last one showed

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._is_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        self._is_training = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._begin(f"Epoch {epoch + 1}/{(self.params or {}).get('epochs', epoch + 1)}")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._end(logs)

    def on_test_begin(self, logs: dict | None = None) -> None:
        if not self._is_training:
            self._begin("")

    def on_test_end(self, logs: dict | None = None) -> None:
        if not self._is_training:
            self._end(logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._step(batch, logs)

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if not self._is_training:
            self._step(batch, logs)

    def _begin(self, title: str) -> None:
        self._title, self._count, self._shown = title, 0, time.monotonic()
        if (self.params or {}).get("verbose") == 2 or not _is_watched():
            return
        steps = (self.params or {}).get("steps") or self._steps.get(self._is_training)
        try:
            self._bar = _tqdm(desc=title or None, total=steps, file=sys.stdout, unit="batch")
        except ModuleNotFoundError:  # tqdm is an extra
            self._bar = None

    def _step(self, batch: int, logs: dict | None) -> None:
        self._count = batch + 1
        if self._bar is not None and time.monotonic() - self._shown > _PAUSE:
            self._show(logs)
            self._shown = time.monotonic()

    def _show(self, logs: dict | None) -> None:
        self._bar.set_postfix_str(described(logs), refresh=False)
        self._bar.update(self._count - self._bar.n)

    def _end(self, logs: dict | None) -> None:
        self._steps[self._is_training] = self._count
        if self._bar is None:
            before = [self._title] if self._title else []
            sys.stdout.write(" - ".join([*before, described(logs)]) + "\n")
            return
        self._bar.total = self._count
        self._show(logs)
        self._bar.close()
        self._bar = None


def described(logs: dict | None) -> str:
    """The loss and the metrics on one line."""
    return " - ".join(f"{name}: {_number(value)}" for name, value in (logs or {}).items())


def _number(value: Any) -> str:
    """As Keras writes it: small numbers with an exponent."""
    if np.ndim(value):
        return np.array2string(np.asarray(value), precision=4)
    return f"{float(value):.4f}" if abs(value) > 1e-3 else f"{float(value):.4e}"


def _is_watched() -> bool:
    """Whether a bar would be seen moving: on a terminal, or in a notebook, whose output is no terminal."""
    return sys.stdout.isatty() or type(sys.stdout).__module__.startswith("ipykernel")

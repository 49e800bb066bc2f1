"""Callbacks that keep what was measured, change the learning rate by the epoch, or do what they are told."""

import csv
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.train.callbacks.callback import Callback


class History(Callback):
    """What `fit` returns: in `history`, the loss and the metrics of each epoch.

    >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> model.fit(np.ones((8, 2)), np.zeros((8, 1)), epochs=3, verbose=0)
    <History of 3 epochs: loss>
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        return f"<History of {len(self.epoch)} epochs: {', '.join(self.history)}>"


class LambdaCallback(Callback):
    """A callback made of functions.

    >>> seen = []
    >>> callback = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    >>> callback.on_epoch_end(3, {})
    >>> seen
    [3]
    """

    def __init__(self, **functions: Any):
        for name, f in functions.items():
            if not hasattr(Callback, name):
                raise ValueError(f"There is no event {name!r}.")
            if f is not None:
                setattr(self, name, f)


class TerminateOnNaN(Callback):
    """Stop training at a loss that is nan or infinite; or raise RuntimeError, if `raise_error`.

    >>> callback = tf.keras.callbacks.TerminateOnNaN(raise_error=True)
    >>> callback.on_batch_end(7, {"loss": float("inf")})
    Traceback (most recent call last):
    RuntimeError: NaN or Inf loss encountered at batch 7. Loss value: inf. Terminating training immediately.
    """

    def __init__(self, raise_error: bool = False):
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating training "
                "immediately."
            )
        told(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch to `schedule(epoch, rate)`, or to `schedule(epoch)`.

    >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> halved = tf.keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    >>> x = np.ones((4, 1), np.float32)
    >>> history = model.fit(x, x, epochs=2, verbose=0, callbacks=[halved]).history
    >>> np.round(history["learning_rate"], 4).tolist()
    [0.005, 0.0025]
    """

    def __init__(self, schedule: Callable, verbose: int = 0):
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        optimizer = self.model.optimizer
        try:
            rate = self.schedule(epoch, float(optimizer.learning_rate))
        except TypeError:  # Keras takes functions of the epoch alone too
            rate = self.schedule(epoch)
        if not isinstance(rate, float | np.floating):
            raise ValueError(f"The output of the `schedule` function should be a float. Got: {rate}")
        optimizer.learning_rate = rate
        if self.verbose:
            told(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class CSVLogger(Callback):
    """Write the loss and the metrics of each epoch to a file, a line an epoch; `append` to what there is.

    >>> logger = tf.keras.callbacks.CSVLogger("training.csv")
    >>> logger.on_train_begin(); logger.on_epoch_end(0, {"loss": 0.5}); logger.on_train_end()
    >>> from pathlib import Path; Path("training.csv").read_text().split()
    ['epoch,loss,val_loss', '0,0.5,NA']
    """

    def __init__(self, filename: str | os.PathLike, separator: str = ",", append: bool = False):
        self.filename, self.separator, self.append = os.fspath(filename), separator, append
        self._file: Any = None
        self._names: list[str] | None = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.on_train_end()
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")
        self._names = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")
        if self._names is None:
            self._names = sorted(logs)
            if not any(name.startswith("val_") for name in self._names):  # epochs to come may validate
                self._names += [f"val_{name}" for name in self._names]
            if self._file.tell() == 0:
                writer.writerow(["epoch", *self._names])
        writer.writerow([epoch, *[_cell(logs.get(name, "NA")) for name in self._names]])
        self._file.flush()

    def on_train_end(self, logs: dict | None = None) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


def _cell(value: Any) -> Any:
    return value if isinstance(value, str) or not np.ndim(value) else f"[{', '.join(map(str, value))}]"


def told(text: str) -> None:
    """Tell the user what a callback did."""
    sys.stdout.write(text + "\n")

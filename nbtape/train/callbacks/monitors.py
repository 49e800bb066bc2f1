"""Callbacks that watch one number, and act when it improves or no longer does."""

import warnings
from typing import Any

import numpy as np

from nbtape.core import source
from nbtape.train.callbacks.callback import Callback
from nbtape.train.callbacks.simple import told
from nbtape.train.lookup import direction


class MonitorCallback(Callback):
    """The base of callbacks that compare `monitor`, the name of a loss or metric, with its best so far.

    `mode` is "min" or "max" for what is better, or "auto", which goes by the metric. What improves by no more
    than `min_delta` does not.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0.0):
        if mode not in ("auto", "min", "max"):
            text = f"{type(self).__name__} mode {mode!r} is unknown, fallback to auto mode."
            warnings.warn(text, stacklevel=source.depth())
            mode = "auto"
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.best: float | None = None

    def _improves(self, value: float, on: float | None) -> bool:
        if on is None:
            return True
        if self._better() == "up":
            return value - self.min_delta > on
        return value + self.min_delta < on

    def _better(self) -> str:
        if self.mode != "auto":
            return {"min": "down", "max": "up"}[self.mode]
        name = self.monitor.removeprefix("val_")
        named = {metric.name: metric for metric in getattr(self.model, "metrics", ())}
        found = getattr(named.get(name), "direction", None) or direction(name)
        if found is None:
            raise ValueError(
                f"{type(self).__name__} callback received monitor={self.monitor}, but it is not known "
                "whether that metric should be maximized or minimized. Pass `mode='max'` in order to monitor "
                "based on the highest metric value, or pass `mode='min'` in order to use the lowest value."
            )
        return found

    def _value(self, logs: dict | None, what: str) -> Any:
        """The number that is watched, or None and a warning where there is none."""
        logs = logs or {}
        if self.monitor not in logs:
            warnings.warn(
                f"{what} conditioned on metric `{self.monitor}` which is not available. Available metrics "
                f"are: {','.join(logs)}",
                stacklevel=source.depth(),
            )
        return logs.get(self.monitor)


class EarlyStopping(MonitorCallback):
    """Stop when `monitor` has not improved for `patience` epochs, counted from `start_from_epoch`.

    Epochs that do not improve on `baseline` do not count as improving. With `restore_best_weights` the model
    ends with those of its best epoch.

    >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> stop = tf.keras.callbacks.EarlyStopping("loss", min_delta=1e9, patience=2)
    >>> x = np.ones((4, 1), np.float32)
    >>> len(model.fit(x, x, epochs=9, verbose=0, callbacks=[stop]).history["loss"])
    3
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: Any = None

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        value = self._value(logs, "Early stopping")
        if value is None or epoch < self.start_from_epoch:
            return
        if self._improves(value, self.best) or (self.restore_best_weights and self.best_weights is None):
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
        self.wait += 1
        if self._improves(value, self.best):
            self.best = value
            if self.baseline is None or self._improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            told(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                told(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class ReduceLROnPlateau(MonitorCallback):
    """Multiply the learning rate by `factor` when `monitor` has not improved for `patience` epochs.

    It goes no lower than `min_lr`, and waits `cooldown` epochs before it counts again.

    >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    >>> model.compile(tf.keras.optimizers.SGD(0.5), "mse")
    >>> reduce = tf.keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
    >>> x = np.ones((4, 1), np.float32)
    >>> model.fit(x, x, epochs=3, verbose=0, callbacks=[reduce]).history["learning_rate"]
    [0.5, 0.5, 0.25]
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        super().__init__(monitor, mode, min_delta)
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.best, self.wait, self.cooldown_counter = None, 0, 0

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        value = self._value(logs, "Learning rate reduction is")
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._improves(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if rate <= np.float32(self.min_lr):
            return
        rate = max(rate * self.factor, self.min_lr)
        optimizer.learning_rate = rate
        self.cooldown_counter, self.wait = self.cooldown, 0
        if self.verbose:
            told(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")

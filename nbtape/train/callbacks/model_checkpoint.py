"""Callbacks that write a model, or its weights, as it trains, or put moving averages in their place."""

import os
import warnings
from typing import Any

import numpy as np

from nbtape.core import source
from nbtape.state.saving.bundle import MODEL, SUFFIX
from nbtape.train.callbacks.callback import Callback
from nbtape.train.callbacks.monitors import MonitorCallback
from nbtape.train.callbacks.simple import told


class ModelCheckpoint(MonitorCallback):
    """Write the model after each epoch, or after every `save_freq` batches; or only the best. What is written
    is what `model.save` writes, or `model.save_weights` if `save_weights_only`.

    `filepath` may name the epoch, the batch and what is in the logs, as "{epoch:02d}-{val_loss:.2f}". With
    `save_best_only` it is written when `monitor` improves, on `initial_value_threshold` at first.

    >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> keep = tf.keras.callbacks.ModelCheckpoint("{epoch}.weights.safetensors", save_weights_only=True)
    >>> x = np.ones((4, 1), np.float32)
    >>> _ = model.fit(x, x, epochs=2, verbose=0, callbacks=[keep])
    >>> import os; os.path.exists("1.weights.safetensors"), os.path.exists("2.weights.safetensors")
    (True, True)
    """

    def __init__(
        self,
        filepath: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ):
        super().__init__(monitor, mode)
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer values"
            )
        self.filepath, self.verbose, self.save_weights_only = os.fspath(filepath), verbose, save_weights_only
        if not save_weights_only and not self.filepath.endswith((MODEL, SUFFIX)):
            raise ValueError(
                "The filepath provided must end in `.keras` or in `.safetensors`. Received: "
                f"filepath={self.filepath}"
            )
        self.save_freq: Any = save_freq
        self.save_best_only, self.best = save_best_only, initial_value_threshold
        self._epoch = self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._batches += 1
        if self.save_freq != "epoch" and self._batches >= self.save_freq:
            self._batches = 0
            self._save(logs or {}, {"batch": batch + 1})

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(logs or {}, {})

    def _save(self, logs: dict, more: dict) -> None:
        try:
            path = self.filepath.format(**{"epoch": self._epoch + 1} | more | logs)
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}'
            ) from error
        if self.save_best_only and not self._is_best(logs, path):
            return
        if os.path.isdir(path):
            raise OSError(
                "Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an existing "
                f"directory: {path}"
            )
        if self.verbose and not self.save_best_only:
            told(f"\nEpoch {self._epoch + 1}: saving model to {path}")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.verbose:
            told(f"\nEpoch {self._epoch + 1}: finished saving model to {path}")

    def _is_best(self, logs: dict, path: str) -> bool:
        value = logs.get(self.monitor)
        if value is None or np.ndim(value):
            why = f"with {self.monitor} available" if value is None else "when `monitor` is a scalar value"
            warnings.warn(f"Can save best model only {why}.", stacklevel=source.depth())
            return True
        improves = self._improves(value, self.best)
        if self.verbose:
            best = "None" if self.best is None else f"{self.best:.5f}"
            change = f"improved from {best} to {value:.5f}, saving model to {path}"
            change = change if improves else f"did not improve from {best}"
            told(f"\nEpoch {self._epoch + 1}: {self.monitor} {change}")
        self.best = value if improves else self.best
        return improves


class SwapEMAWeights(Callback):
    """Let the moving averages that the optimizer keeps (`use_ema=True`) stand for the weights in evaluation
    and prediction; and, if `swap_on_epoch`, at the end of each epoch, where others save the model.

    >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    >>> model.compile(tf.keras.optimizers.SGD(use_ema=True), "mse")
    >>> x = np.ones((4, 1), np.float32)
    >>> _ = model.fit(x, x, verbose=0)
    >>> _ = model.evaluate(x, x, verbose=0, callbacks=[tf.keras.callbacks.SwapEMAWeights()])
    """

    def __init__(self, swap_on_epoch: bool = False):
        self.swap_on_epoch = swap_on_epoch

    def _swap(self, to: bool) -> None:
        """Have the averages in the model, or no longer."""
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if not optimizer.use_ema:
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. Received: "
                "use_ema=False"
            )
        if to is not optimizer.has_swapped:
            optimizer.swap_averages()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(True)

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._swap(True)

    def on_test_end(self, logs: dict | None = None) -> None:
        self._swap(False)

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self._swap(True)

    def on_predict_end(self, logs: dict | None = None) -> None:
        self._swap(False)

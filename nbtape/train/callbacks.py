"""Callbacks, which look on while a model trains, and what `fit` prints."""

import sys
from typing import Any


class Callback:
    """The base of callbacks: each method is called at the time its name says, with what is known then.

    >>> class Stop(tf.keras.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = True
    """

    model: Any = None
    params: dict

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict) -> None:
        self.params = params

    def on_train_begin(self, logs: dict | None = None) -> None: ...
    def on_train_end(self, logs: dict | None = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None: ...
    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None: ...
    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None: ...


class History(Callback):
    """What `fit` returns: in `history`, the loss and the metrics of each epoch."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


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


class Callbacks:
    """The callbacks of one `fit`, and its history."""

    def __init__(self, model: Any, given: Any, epochs: int, verbose: Any):
        self.history = History()
        listed = list(given) if isinstance(given, list | tuple) else [given] * (given is not None)
        self._callbacks: list[Any] = [self.history, *listed]
        self._epochs, self._verbose = epochs, bool(verbose)
        model.stop_training = False
        for callback in self._callbacks:
            callback.set_params({"epochs": epochs, "verbose": verbose})
            callback.set_model(model)

    def __call__(self, event: str, *args: Any) -> None:
        """Tell every callback of an event: its name without "on_", the number, the logs."""
        for callback in self._callbacks:
            getattr(callback, "on_" + event)(*args)
        if event == "epoch_end":
            self.show(args[1], f"Epoch {args[0] + 1}/{self._epochs} - ")

    def show(self, logs: dict[str, float], before: str = "") -> None:
        """Print a line with the loss and the metrics, unless told not to."""
        if self._verbose:
            numbers = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
            sys.stdout.write(f"{before}{numbers}\n")

"""The callbacks of one training, told together."""

from collections.abc import Callable
from typing import Any

from nbtape.core import nest
from nbtape.train.callbacks.callback import Callback
from nbtape.train.callbacks.progress import ProgbarLogger
from nbtape.train.callbacks.simple import History

_SAME = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class CallbackList(Callback):
    """Callbacks that are told together, one after another; and by request a History, and a progress bar.

    `params` are those that callbacks see.

    >>> callbacks = tf.keras.callbacks.CallbackList(add_history=True, epochs=2)
    >>> callbacks.on_epoch_end(0, {"loss": 0.5})
    >>> callbacks.history.history
    {'loss': [0.5]}
    """

    history: History | None = None

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        self.callbacks: list[Any] = [] if callbacks is None else nest.flatten(callbacks)
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if self.history is None and add_history:
            self.history = History()
            self.callbacks.append(self.history)
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self._heard: dict[str, list[Callable]] = {}  # the methods that do anything, by event
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    @classmethod
    def of(cls, callbacks: Any, model: Any, verbose: Any, **params: Any) -> "CallbackList":
        """The list of callbacks for a training of `model`: as it is, if one was made for it."""
        if isinstance(callbacks, CallbackList):
            return callbacks
        shown = bool(verbose)
        return cls(callbacks, True, shown, model, verbose=1 if verbose == "auto" else verbose, **params)

    def append(self, callback: Any) -> None:
        """Add a callback, which is told last."""
        self.callbacks.append(callback)
        self._heard = {}

    def set_model(self, model: Any) -> None:
        self.model = model
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def tell(self, event: str, *args: Any) -> None:
        """Call the method named `event` of those callbacks that do anything then."""
        heard = self._heard.get(event)
        if heard is None:
            heard = [getattr(c, event) for c in self.callbacks if _hears(c, event)]
            self._heard[event] = heard
        for method in heard:
            method(*args)

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.tell("on_train_begin", logs)

    def on_train_end(self, logs: dict | None = None) -> None:
        self.tell("on_train_end", logs)

    def on_test_begin(self, logs: dict | None = None) -> None:
        self.tell("on_test_begin", logs)

    def on_test_end(self, logs: dict | None = None) -> None:
        self.tell("on_test_end", logs)

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self.tell("on_predict_begin", logs)

    def on_predict_end(self, logs: dict | None = None) -> None:
        self.tell("on_predict_end", logs)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.tell("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.tell("on_epoch_end", epoch, logs)

    def on_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.tell("on_batch_begin", batch, logs)

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.tell("on_batch_end", batch, logs)

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.tell("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.tell("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.tell("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.tell("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.tell("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.tell("on_predict_batch_end", batch, logs)


def _hears(callback: Any, event: str) -> bool:
    """Whether a callback does anything at an event, by a method of its own or by the shorter name's."""
    method = getattr(callback, event)
    own = getattr(method, "__func__", method) is not getattr(Callback, event)
    return own or (event in _SAME and _hears(callback, _SAME[event]))

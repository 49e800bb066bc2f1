"""The live panel as a callback of `fit`."""

import sys
from typing import Any

from nbtape.notebook.live.session import Live as Run, Stopped
from nbtape.train.callbacks.callback import Callback


class Live(Callback):
    """Shows a training by `fit` on the live panel, and lets it be steered there; takes what `nt.live` takes.

    `live` is the run, with its history, journal and figures.

    >>> model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> shown = tf.keras.callbacks.Live(name="a line")
    >>> _ = model.fit(np.ones((8, 2)), np.zeros((8, 1)), 4, epochs=3, verbose=0, callbacks=[shown])
    live a line: 6 of 6 steps, done, loss ...
    >>> list(shown.live.history)
    ['loss']
    """

    live: Run | None = None

    def __init__(self, name: str = "", **options: Any):
        self._name, self._options = name, options

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.live = None

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        if self.live is not None:
            return
        # Only now are the weights of a model there that was told no shape.
        told = self.params or {}
        steps = told["epochs"] * told["steps"] if told.get("epochs") and told.get("steps") else None
        self.live = Run(
            None, self.model, optimizer=self.model.optimizer, steps=steps, name=self._name, **self._options
        )
        self.live.called = self.model._step("train_step")
        self.live.__enter__()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if self.live is None or self.live.state not in ("running", "paused"):
            return
        try:
            self.live.log(**(logs or {}))
        except Stopped:
            self.model.stop_training = True
        except BaseException:
            self.live.__exit__(*sys.exc_info())
            raise

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self.live is not None:
            self.live.note(**{k: v for k, v in (logs or {}).items() if k.startswith("val_")})

    def on_train_end(self, logs: dict | None = None) -> None:
        if self.live is not None:
            self.live.__exit__(
                *(Stopped, Stopped(), None) if self.live.state == "stopped" else (None, None, None)
            )

"""The callback that writes what TensorBoard shows of a training."""

import os
import time
from typing import Any

import numpy as np

from nbtape.train.callbacks.callback import Callback
from nbtape.train.summaries.record import histogram, image, scalar
from nbtape.train.summaries.tracing import trace_export, trace_off, trace_on
from nbtape.train.summaries.writers import SummaryWriter, create_file_writer

_NOT_WRITTEN = (
    "The TensorBoard callback writes numbers, weights and graphs, and no profiles or embeddings. Leave "
    "`profile_batch` and `embeddings_freq` at 0, and look at `fn.plan` for what a function costs."
)


class TensorBoard(Callback):
    """Write the loss and the metrics of each epoch for TensorBoard, in `log_dir`/train and /validation.

    With `update_freq` "batch" or a number, those of every batch or of every so many too. Weights are written
    as histograms every `histogram_freq` epochs, and if `write_images` as images; with `write_graph` the graph
    of the train step, and with `write_steps_per_second` its speed. Needs the package tensorboard.

    >>> callback = tf.keras.callbacks.TensorBoard("logs", histogram_freq=1)
    >>> model = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = np.ones((4, 1), np.float32)
    >>> _ = model.fit(x, x, verbose=0, callbacks=[callback])
    >>> import os; sorted(os.listdir("logs"))
    ['train']
    """

    def __init__(
        self,
        log_dir: str | os.PathLike = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ):
        if profile_batch or embeddings_freq:
            raise ValueError(_NOT_WRITTEN)
        self.log_dir, self.histogram_freq = os.fspath(log_dir), histogram_freq
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._writers: dict[str, SummaryWriter] = {}
        self._batches, self._is_tracing = 0, False
        self._began = self._batch_began = 0.0
        self._steps_before = 0

    def _write(self, where: str, step: int, values: dict[str, Any]) -> None:
        """Write numbers to the file of the training or of the validation."""
        with self._writer(where).as_default():
            for name, value in values.items():
                if not np.ndim(value):
                    scalar(name, value, step=step)

    def _writer(self, where: str) -> SummaryWriter:
        if where not in self._writers:
            self._writers[where] = create_file_writer(os.path.join(self.log_dir, where))
        return self._writers[where]

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._batches, self._is_tracing = 0, self.write_graph
        if self.write_graph:
            trace_on()

    def on_train_end(self, logs: dict | None = None) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
        self._export()

    def _export(self) -> None:
        """Write the graphs that ran, once there are any."""
        if self._is_tracing and self._batches:
            with self._writer("train").as_default():
                trace_export("train_step", step=0)
        elif self._is_tracing:
            trace_off()
        self._is_tracing = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._began, self._steps_before = time.monotonic(), self._batches

    def on_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self._batches += 1
        self._batch_began = time.monotonic()

    def on_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._export()
        if self.update_freq == "epoch" or self._batches % self.update_freq:
            return
        values = {f"batch_{name}": value for name, value in (logs or {}).items()}
        if self.write_steps_per_second:
            values["batch_steps_per_second"] = 1.0 / max(time.monotonic() - self._batch_began, 1e-9)
        self._write("train", self._batches, values)

    def on_test_end(self, logs: dict | None = None) -> None:
        step = int(self.model.optimizer.iterations)
        values = {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}
        self._write("validation", step, values)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        train = {f"epoch_{name}": value for name, value in logs.items() if not name.startswith("val_")}
        held = {f"epoch_{name[4:]}": value for name, value in logs.items() if name.startswith("val_")}
        train["epoch_learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            passed = max(time.monotonic() - self._began, 1e-9)
            train["epoch_steps_per_second"] = (self._batches - self._steps_before) / passed
        self._write("train", epoch, train)
        if held:
            self._write("validation", epoch, held)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)

    def _write_weights(self, epoch: int) -> None:
        with self._writer("train").as_default():
            for weight in self.model.weights:
                name = weight.name.replace(":", "_")
                histogram(f"{name}/histogram", weight, step=epoch)
                pixels = _pixels(np.asarray(weight)) if self.write_images else None
                if pixels is not None:
                    image(f"{name}/image", pixels, step=epoch)


def _pixels(weight: np.ndarray) -> np.ndarray | None:
    """A weight as images, in rows that are longer than columns; None where it has too many axes."""
    x = np.squeeze(weight)
    if x.ndim < 2:
        return x.reshape(1, -1, 1, 1)
    if x.ndim == 2:
        x = x.T if x.shape[0] > x.shape[1] else x
        return x[None, :, :, None]
    if x.ndim == 3:
        return np.moveaxis(x, -1, 0)[..., None]
    return x if x.ndim == 4 and x.shape[-1] in (1, 3, 4) else None

"""What trains models: `compile`, `fit`, `evaluate`, `predict`, and the steps that they repeat.

A step is one `tf.function`: the forward pass, the gradients, the update of the weights and the means of loss
and metrics compile as a whole.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from nbtape.autodiff.tape import GradientTape
from nbtape.core import nest, source
from nbtape.ops.measure import shape
from nbtape.program.function import function
from nbtape.train import lookup
from nbtape.train.callbacks.callback_list import CallbackList
from nbtape.train.callbacks.simple import History
from nbtape.train.layers.keras_tensor import KerasTensor
from nbtape.train.layers.layer import Layer
from nbtape.train.metrics.metric import Mean, Metric
from nbtape.train.models.batches import Batches, split, unpacked
from nbtape.train.models.compiled import Losses, Metrics, meant, told
from nbtape.train.models.logs import by_name, flat, number, values
from nbtape.train.optimizers.optimizer import Optimizer

_NOT_COMPILED = "You must call `compile()` before using the model."
_OWN_COMPILE = (
    "`compile()` was not called as part of model loading because {} has a `compile` of its own. Call it "
    "yourself, or write `compile_from_config` in the class."
)
_NO_LOSS = "No loss to compute. Give `compile()` a `loss`, or add one with `add_loss()` in a layer."


class Trainer:
    """Training, evaluation and prediction of a model, by `train_step`, `test_step` and `predict_step`."""

    optimizer: Any = None
    loss: Any = None
    run_eagerly = False
    stop_training = False
    history: Any = None
    output_names: list[str] | None = None
    _steps_made: dict[str, Callable]
    _mean_loss: Mean | None = None
    _compiled_with: dict[str, Any]
    _losses: Losses | None = None
    _compiled_metrics: Metrics | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say what trains the model: an optimizer, a loss and metrics, by name or as they are.

        For several outputs `loss`, `loss_weights` and the metrics are lists or dicts by the outputs' names.

        >>> model = tf.keras.Sequential([tf.keras.Input(shape=(1,)), tf.keras.layers.Dense(1)])
        >>> model.compile("sgd", loss=lambda y, p: tf.square(y - p))
        >>> x = np.array([[1.0], [2.0]], np.float32)
        >>> history = model.fit(x, 3.0 * x, epochs=20, verbose=0).history["loss"]
        >>> history[-1] < history[0]
        True
        """
        self.optimizer, self.loss, self.run_eagerly = lookup.optimizer(optimizer), loss, run_eagerly
        names, self._losses = self.output_names, None
        if loss is not None:
            self._losses = Losses(nest.map_structure(lookup.loss, loss), loss_weights, names)
        given = metrics is not None or weighted_metrics is not None
        self._compiled_metrics = Metrics(metrics, weighted_metrics, names) if given else None
        self._mean_loss, self._steps_made = Mean("loss"), {}
        self._compiled_with = {
            "optimizer": self.optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "auto_scale_loss": auto_scale_loss,
        }

    def get_compile_config(self) -> dict | None:
        """What `compile` was given, as a config; None before it was called."""
        return told(self._compiled_with) if self.compiled else None

    def compile_from_config(self, config: dict) -> None:
        """Call `compile` with what `get_compile_config` gave."""
        if type(self).compile is not Trainer.compile:
            warnings.warn(_OWN_COMPILE.format(type(self).__name__), stacklevel=source.depth())
            return
        self.compile(**meant(config))

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._mean_loss is not None

    @property
    def metrics(self) -> list[Any]:
        """The mean loss, metrics in attributes of the model, and as one what `compile` was given."""
        means = self._losses.means if self._losses else []
        own = [x for x in vars(self).values() if isinstance(x, Metric) and x is not self._mean_loss]
        return [x for x in (self._mean_loss, *means, *own, self._compiled_metrics) if x is not None]

    @property
    def metrics_names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Have all metrics forget all batches."""
        for metric in self.metrics:
            metric.reset_state()

    # Steps, which subclasses may write otherwise

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss that `compile` was given, of each output, plus what the layers add."""
        added: list[Any] = list(self.losses)  # type: ignore[attr-defined]
        own = [] if self._losses is None else self._losses(y, y_pred, sample_weight)
        parts = [*own, *added]
        if not parts:
            raise ValueError(_NO_LOSS)
        return sum(parts[1:], parts[0])

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """What the mean loss and the metrics say after this batch."""
        if self._compiled_metrics is not None:
            self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """What all metrics say so far, by name."""
        return flat({metric.name: metric.result() for metric in self.metrics})

    def _compute(self, data: Any, training: bool) -> tuple:
        x, y, weight = unpacked(data)
        y_pred = self(x, training=training)  # type: ignore[operator]
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight, training=training)
        if self._mean_loss is not None:
            self._mean_loss.update_state(loss, sample_weight=shape(nest.flatten(x)[0])[0])
        return loss, (x, y, y_pred, weight)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step of training on `(x, y, sample_weight)`; returns what `fit` shows."""
        with GradientTape() as tape:
            loss, seen = self._compute(data, True)
            loss = self.optimizer.scale_loss(loss)
        variables = self.trainable_variables  # type: ignore[attr-defined]
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return self.compute_metrics(*seen)

    def test_step(self, data: Any) -> dict[str, Any]:
        """The loss and the metrics of one batch."""
        _, seen = self._compute(data, False)
        return self.compute_metrics(*seen)

    def predict_step(self, data: Any) -> Any:
        """The outputs for one batch."""
        return self(unpacked(data)[0], training=False)  # type: ignore[operator]

    # What users call

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> History:
        """Train for `epochs` rounds over arrays `x` and `y`, or a dataset `x`; returns a History."""
        self._check_compiled()
        if validation_split:
            (x, y, sample_weight), validation_data = split((x, y, sample_weight), validation_split)
        data = Batches(x, y, sample_weight, batch_size, shuffle, steps_per_epoch, class_weight)
        held = None
        if validation_data is not None:
            parts = validation_data if isinstance(validation_data, tuple | list) else (validation_data,)
            held = Batches(*parts, batch_size=validation_batch_size or batch_size, limit=validation_steps)
        self.stop_training = False
        heard: Any = CallbackList.of(callbacks, self, verbose, epochs=epochs, steps=data.count)
        heard.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(initial_epoch, epochs):
            heard.on_epoch_begin(epoch)
            logs = self._round("train", data, heard)
            if held is not None and _is_due(epoch + 1, validation_freq):
                logs |= {f"val_{name}": value for name, value in self._round("test", held, heard).items()}
            heard.on_epoch_end(epoch, by_name(logs))
            if self.stop_training:
                break
        if isinstance(self.optimizer, Optimizer):
            self.optimizer.finalize_variable_values(self.trainable_variables)  # type: ignore[attr-defined]
        heard.on_train_end(logs)
        return heard.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics over all of the data: a number, a list, or a dict if `return_dict`."""
        self._check_compiled()
        data = Batches(x, y, sample_weight, batch_size, limit=steps)
        heard = CallbackList.of(callbacks, self, verbose, epochs=1, steps=data.count)
        return values(self._round("test", data, heard), return_dict)

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto", steps: int | None = None,
        callbacks: Any = None
    ) -> Any:  # fmt: skip
        """The outputs for all of the data, as arrays."""
        data = Batches(x, batch_size=batch_size, limit=steps)
        heard = CallbackList.of(callbacks, self, 0, epochs=1, steps=data.count)
        step, found = self._step("predict_step"), []
        heard.on_predict_begin()
        for i, batch in enumerate(data):
            heard.on_predict_batch_begin(i)
            found.append(step(batch))
            heard.on_predict_batch_end(i, {"outputs": found[-1]})
        heard.on_predict_end()
        return nest.map_structure(lambda *ys: np.concatenate([np.asarray(y) for y in ys]), *found)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step of training; returns the loss and the metrics of this batch."""
        return self._on_batch("train_step", (x, y, sample_weight), class_weight, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """The loss and the metrics of one batch."""
        return self._on_batch("test_step", (x, y, sample_weight), None, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as arrays."""
        return self.predict(x, batch_size=len(nest.flatten(x)[0]))

    # Inside

    def _on_batch(self, name: str, data: tuple, class_weight: dict | None, return_dict: bool) -> Any:
        self._check_compiled()
        size = len(nest.flatten(data[0])[0])
        (batch,) = Batches(*data, batch_size=size, class_weight=class_weight)
        self._prepare(batch)
        self.reset_metrics()
        logs = self._step(name)(batch)
        return values({key: number(value) for key, value in flat(logs).items()}, return_dict)

    def _check_compiled(self) -> None:
        if not self.compiled:
            raise ValueError(_NOT_COMPILED)

    def _step(self, name: str) -> Callable:
        """A step as a function, traced once for each size of batch."""
        if self.run_eagerly:
            return getattr(self, name)
        made = vars(self).setdefault("_steps_made", {})
        if name not in made:
            made[name] = function(getattr(self, name))
        return made[name]

    def _round(self, kind: str, data: Batches, heard: CallbackList) -> dict[str, float]:
        """One pass over the data, of training or of tests."""
        self.reset_metrics()
        step, begin, end = self._step(f"{kind}_step"), f"on_{kind}_batch_begin", f"on_{kind}_batch_end"
        logs: dict[str, float] = {}
        if kind == "test":
            heard.on_test_begin()
        for i, batch in enumerate(data):
            if not self.built:  # type: ignore[attr-defined]
                self._prepare(batch)
            heard.tell(begin, i, None)
            logs = {name: number(value) for name, value in flat(step(batch)).items()}
            heard.tell(end, i, by_name(logs))
            if self.stop_training and kind == "train":
                break
        if kind == "test":
            heard.on_test_end(by_name(logs))
        return logs

    def _prepare(self, batch: tuple) -> None:
        """Make the weights before the first step, which must not make them."""
        if type(self).call is Layer.call:  # type: ignore[attr-defined]
            self.built = True  # the steps are written without a call
        elif not self.built:
            x = nest.map_structure(lambda x: KerasTensor(x.shape, x.dtype), unpacked(batch)[0])
            self(x, training=False)  # type: ignore[operator]


def _is_due(epoch: int, frequency: Any) -> bool:
    """Whether an epoch, counted from 1, is one after which there is a validation."""
    return epoch % frequency == 0 if isinstance(frequency, int) else epoch in frequency

"""What trains models: `compile`, `fit`, `evaluate`, `predict`, and the steps that they repeat.

A step is one `tf.function`: the forward pass, the gradients and the update of the weights compile as a whole.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nbtape.autodiff.tape import GradientTape
from nbtape.core import nest
from nbtape.core.kernel import late
from nbtape.ops.arithmetic import cast
from nbtape.ops.reduce import reduce_mean
from nbtape.ops.shape import squeeze
from nbtape.program.function import function
from nbtape.train import adaptive, optimizers
from nbtape.train.batches import batches, split
from nbtape.train.callbacks import Callbacks, History
from nbtape.train.optimizer import Optimizer

_loss_named = late("nbtape.keras.losses:get")
_metric_named = late("nbtape.keras.metrics:get")
_NOT_COMPILED = "You must call `compile()` before using the model."


class Trainer:
    """Training, evaluation and prediction of a model, by `train_step`, `test_step` and `predict_step`."""

    _steps_made: dict[str, Callable]
    optimizer: Any = None
    loss: Any = None
    run_eagerly = False
    stop_training = False
    _is_compiled = False
    _metrics: Sequence[Any] = ()

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        run_eagerly: bool = False,
        jit_compile: Any = "auto",
        **kwargs: Any,
    ) -> None:
        """Say what trains the model: an optimizer, a loss and metrics, by name or as they are.

        >>> model = tf.keras.Sequential([tf.keras.Input(shape=(1,)), tf.keras.layers.Dense(1)])
        >>> model.compile("sgd", loss=lambda y, p: tf.square(y - p))
        >>> x = np.array([[1.0], [2.0]], np.float32)
        >>> history = model.fit(x, 3.0 * x, epochs=20, verbose=0).history["loss"]
        >>> history[-1] < history[0]
        True
        """
        self.optimizer = _optimizer(optimizer)
        self.loss = nest.map_structure(lambda f: _loss_named(f) if isinstance(f, str) else f, loss)
        self._given_metrics = list(nest.flatten(metrics) if metrics is not None else ())
        self._metrics, self.run_eagerly, self._is_compiled = (), run_eagerly, True
        self._steps_made = {}

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
        parts: list[Any] = list(self.losses)  # type: ignore[attr-defined]
        if self.loss is not None:
            wanted, found = nest.flatten(y), nest.flatten(y_pred)
            functions = nest.flatten(self.loss)
            functions = functions * len(found) if len(functions) == 1 else functions
            parts += [_loss(f, a, b, sample_weight) for f, a, b in zip(functions, wanted, found)]
        if not parts:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        return sum(parts[1:], parts[0])

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """What the metrics say: those with a state after this batch, functions for this batch alone."""
        logs = {}
        for name, metric in self._metrics:
            if hasattr(metric, "update_state"):
                metric.update_state(y, y_pred, sample_weight)
                logs[name] = metric.result()
            else:
                logs[name] = reduce_mean(metric(*_aligned(y, y_pred)))
        return logs

    def train_step(self, data: tuple) -> dict[str, Any]:
        """One step of training on `(x, y, sample_weight)`; returns what `fit` shows."""
        x, y, weight = unpacked(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)  # type: ignore[operator]
            loss = self.compute_loss(x, y, y_pred, weight)
        variables = self.trainable_variables  # type: ignore[attr-defined]
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return {"loss": loss, **self.compute_metrics(x, y, y_pred, weight)}

    def test_step(self, data: tuple) -> dict[str, Any]:
        """The loss and the metrics of one batch."""
        x, y, weight = unpacked(data)
        y_pred = self(x, training=False)  # type: ignore[operator]
        loss = self.compute_loss(x, y, y_pred, weight, training=False)
        return {"loss": loss, **self.compute_metrics(x, y, y_pred, weight)}

    def predict_step(self, data: tuple) -> Any:
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
        validation_freq: int = 1,
    ) -> History:
        """Train for `epochs` rounds over arrays `x` and `y`, or a dataset `x`; returns a History."""
        self._check_compiled()
        if validation_split:
            (x, y, sample_weight), validation_data = split((x, y, sample_weight), validation_split)
        if class_weight is not None:
            sample_weight = np.asarray([class_weight[int(c)] for c in np.ravel(y)], np.float32)
        heard = Callbacks(self, callbacks, epochs, verbose)
        heard("train_begin")
        for epoch in range(initial_epoch, epochs):
            heard("epoch_begin", epoch)
            data = batches(x, y, sample_weight, batch_size, shuffle, steps_per_epoch)
            logs = self._round("train_step", data, heard, "train")
            if validation_data is not None and (epoch + 1) % validation_freq == 0:
                rest = validation_data if isinstance(validation_data, tuple | list) else (validation_data,)
                more = batches(*rest, batch_size=validation_batch_size or batch_size, limit=validation_steps)
                logs |= {f"val_{k}": v for k, v in self._round("test_step", more, heard, "test").items()}
            heard("epoch_end", epoch, logs)
            if self.stop_training:
                break
        heard("train_end")
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
        heard = Callbacks(self, callbacks, 1, verbose)
        logs = self._round("test_step", batches(x, y, sample_weight, batch_size, limit=steps), heard, "test")
        heard.show(logs)
        values = list(logs.values())
        return logs if return_dict else values[0] if len(values) == 1 else values

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto", steps: int | None = None,
        callbacks: Any = None
    ) -> Any:  # fmt: skip
        """The outputs for all of the data, as arrays."""
        step = self._step("predict_step")
        found = [step(data) for data in batches(x, batch_size=batch_size, limit=steps)]
        return nest.map_structure(lambda *ys: np.concatenate([np.asarray(y) for y in ys]), *found)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One step of training; returns the loss and the metrics."""
        return self._on_batch("train_step", (x, y, sample_weight), return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """The loss and the metrics of one batch."""
        return self._on_batch("test_step", (x, y, sample_weight), return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as arrays."""
        return self.predict(x, batch_size=len(nest.flatten(x)[0]))

    # Inside

    def _on_batch(self, name: str, data: tuple, return_dict: bool) -> Any:
        self._check_compiled()
        size = len(nest.flatten(data[0])[0])
        logs = self._round(name, batches(*data, batch_size=size), None, "")
        values = list(logs.values())
        return logs if return_dict else values[0] if len(values) == 1 else values

    def _check_compiled(self) -> None:
        if not self._is_compiled:
            raise ValueError(_NOT_COMPILED)

    def _step(self, name: str) -> Callable:
        """A step as a function, traced once for each size of batch."""
        if self.run_eagerly:
            return getattr(self, name)
        made = vars(self).setdefault("_steps_made", {})
        if name not in made:
            made[name] = function(getattr(self, name))
        return made[name]

    def _round(
        self, name: str, data: Iterator[tuple], heard: Callbacks | None, kind: str
    ) -> dict[str, float]:
        """One pass over the data; numbers for a batch alone are averaged over examples."""
        for _, metric in self._metrics:
            if hasattr(metric, "reset_state"):
                metric.reset_state()
        own = getattr(type(self), name) is getattr(Trainer, name)
        streaming = {n for n, metric in self._metrics if hasattr(metric, "update_state")}
        sums: dict[str, float] = {}
        logs: dict[str, float] = {}
        count = 0
        for i, batch in enumerate(data):
            self._prepare(batch)
            if heard is not None:
                heard(f"{kind}_batch_begin", i)
            found = {key: float(value) for key, value in self._step(name)(batch).items()}
            size = nest.flatten(batch)[0].shape[0] or 1
            count += size
            for key, value in found.items():
                sums[key] = sums.get(key, 0.0) + value * size
            averaged = {key for key in found if own and key not in streaming}
            logs = {key: sums[key] / count if key in averaged else value for key, value in found.items()}
            if heard is not None:
                heard(f"{kind}_batch_end", i, logs)
        return logs

    def _prepare(self, batch: tuple) -> None:
        """Make weights and metrics before the first step, which must not make them."""
        if not self.built:  # type: ignore[attr-defined]
            self(nest.map_structure(lambda x: x[:1], unpacked(batch)[0]), training=False)  # type: ignore[operator]
        if self._is_compiled and len(self._metrics) != len(self._given_metrics):
            found = [_metric(m, unpacked(batch)[1], self) for m in self._given_metrics]
            self._metrics = [(_name(given, m), m) for given, m in zip(self._given_metrics, found)]


def unpacked(data: Any) -> tuple:
    """`(x, y, sample_weight)` of a batch, None where there is none."""
    data = data if isinstance(data, tuple) else (data,)
    return (*data, None, None)[:3]


def _optimizer(identifier: Any) -> Any:
    if isinstance(identifier, Optimizer) or not isinstance(identifier, str):
        return identifier
    for module in (optimizers, adaptive):
        for name, found in vars(module).items():
            if (
                name.lower() == identifier.lower()
                and isinstance(found, type)
                and issubclass(found, Optimizer)
            ):
                return found()  # type: ignore[call-arg]
    raise ValueError(f"Could not interpret optimizer identifier: {identifier}")


def _aligned(y: Any, p: Any) -> tuple[Any, Any]:
    """Labels and predictions of one rank, where they differ by an axis of size 1."""
    if y is None:
        return y, p
    a, b = y.shape.rank, p.shape.rank
    if a == b + 1 and y.shape[-1] == 1:
        return squeeze(y, -1), p
    if b == a + 1 and p.shape[-1] == 1:
        return y, squeeze(p, -1)
    return y, p


def _loss(loss: Any, y: Any, y_pred: Any, weight: Any) -> Any:
    if isinstance(loss, type) or hasattr(loss, "reduction"):
        return loss(y, y_pred) if weight is None else loss(y, y_pred, sample_weight=weight)
    values = loss(*_aligned(y, y_pred))
    return reduce_mean(values if weight is None else values * cast(weight, values.dtype))


def _metric(given: Any, y: Any, model: Any) -> Any:
    """A metric by name; "accuracy" is that of the kind of labels and outputs there are."""
    if given in ("accuracy", "acc"):
        size = model._output_shape[-1]
        if size == 1:
            given = "binary_accuracy"
        else:
            dense = y is not None and y.shape.rank == len(model._output_shape) and y.shape[-1] == size
            given = "categorical_accuracy" if dense else "sparse_categorical_accuracy"
    return _metric_named(given) if isinstance(given, str) else given


def _name(given: Any, metric: Any) -> str:
    return given if isinstance(given, str) else getattr(metric, "name", None) or metric.__name__

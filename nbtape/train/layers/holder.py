"""What layers hold: weights, layers inside, and what both add to the loss."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.dtype import DType, as_dtype
from nbtape.core.switched import switched
from nbtape.state.module import Module
from nbtape.state.scaling import get as initializer_named
from nbtape.state.variable import ResourceVariable, Variable, made
from nbtape.train.constraints import get as constraint_named
from nbtape.train.layers.calls import calls
from nbtape.train.regularizers import get as regularizer_named

_NOT_BUILT = (
    "You tried to call `count_params` on layer '{}', but the layer isn't built. You can build it manually "
    "via: `layer.build(input_shape)`."
)
_BAD_COUNT = (
    "You called `set_weights(weights)` on layer '{}' with a weight list of length {}, but the layer was "
    "expecting {} weights."
)


class Weight(ResourceVariable):
    """A variable of a layer: `path` is its name behind those of the layers that hold it."""

    @property
    def path(self) -> str:
        return self._name.removesuffix(":0")

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Holder(Module):
    """A module whose variables are weights, trained or not, of its own and of layers in its attributes."""

    built = False

    def __init__(self, name: str, trainable: bool, dtype: DType):
        self._name, self._trainable, self._dtype = name, trainable, dtype
        self._weights: list[Variable] = []
        self._regularized: list[tuple[Variable, Callable]] = []
        self._added: list[Any] = []  # by `add_loss`, in the outermost call `_added_in`
        self._added_in = self._called_in = 0

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; what is set here is set in layers inside as well."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._sublayers():
            layer.trainable = value

    def _sublayers(self) -> list[Any]:
        """Layers kept in attributes, also in lists and dicts, in the order in which they were set."""
        return list({id(x): x for x in self._held() if isinstance(x, Holder)}.values())

    def _layers_below(self) -> Iterator["Holder"]:
        for layer in self._sublayers():
            yield layer
            yield from layer._layers_below()

    def _held(self) -> Iterator[Any]:
        for name, value in vars(self).items():
            if name not in self._TF_MODULE_IGNORED_PROPERTIES:
                yield from nest.flatten(value) if isinstance(value, list | tuple | dict) else (value,)

    def _own(self) -> list[Variable]:
        """Variables of this layer alone, those that are trained first."""
        held = [x for x in self._held() if isinstance(x, Variable)]
        found = list({id(v): v for v in [*self._weights, *held]}.values())
        first = [v for v in found if v.trainable is not (v._serial in switched.serials)]  # when it was made
        return first + [v for v in found if all(v is not x for x in first)]

    def _all(self) -> Iterator[tuple["Holder", Variable]]:
        """All variables, each with the layer that holds it."""
        for v in self._own():
            yield self, v
        for layer in self._sublayers():
            yield from layer._all()

    @property
    def variables(self) -> Any:
        """The variables of this layer and of layers inside, those that are trained first in each."""
        return list({id(v): v for _, v in self._all()}.values())

    weights = variables

    @property
    def trainable_variables(self) -> Any:
        """The variables that training changes: none where `trainable` is False."""
        return list({id(v): v for layer, v in self._all() if layer._trainable and v.trainable}.values())

    @property
    def non_trainable_variables(self) -> Any:
        """The variables that training leaves as they are."""
        trained = {id(v) for v in self.trainable_variables}
        return [v for v in self.variables if id(v) not in trained]

    trainable_weights, non_trainable_weights = trainable_variables, non_trainable_variables

    def count_params(self) -> int:
        """How many numbers there are in the weights; raises ValueError before they are made."""
        if not self.built:
            raise ValueError(_NOT_BUILT.format(self._name))
        return sum(v._value.size for v in self.variables)

    def get_weights(self) -> list[np.ndarray]:
        """The values of the weights, as arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Give the weights values, in the order of `weights`; raises ValueError for other shapes.

        >>> layer = tf.keras.layers.Dense(1)
        >>> layer.build((None, 2))
        >>> layer.set_weights([[[3.0], [4.0]], [5.0]])
        >>> layer(tf.constant([[1.0, 1.0]])).numpy()
        array([[12.]], dtype=float32)
        """
        held = self.weights
        if len(weights) != len(held):
            raise ValueError(_BAD_COUNT.format(self._name, len(weights), len(held)))
        values = [np.asarray(value) for value in weights]
        for v, value in zip(held, values):
            if value.shape != v._value.shape:
                raise ValueError(
                    f"Layer {self._name} weight shape {v._value.shape} is not compatible with provided "
                    f"weight shape {value.shape}."
                )
        for v, value in zip(held, values):
            v.assign(value.astype(v.dtype.np))

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: Any = None,
        name: str | None = None,
    ) -> Any:
        """A variable of this layer's: glorot-uniform floats unless told otherwise, zeros of other dtypes."""
        kind: DType = self._dtype if dtype is None else as_dtype(dtype)
        if initializer is None:
            initializer = "glorot_uniform" if kind.is_floating else "zeros"
        with context.paused():
            value = initializer_named(initializer)(tuple(() if shape is None else shape), dtype=kind)
            weight = made(
                Weight,
                value,
                trainable,
                name=name or "variable",
                dtype=kind,
                constraint=constraint_named(constraint),
            )
        self._weights.append(weight)
        regularizer = regularizer_named(regularizer)
        if regularizer is not None:
            self._regularized.append((weight, regularizer))
        return weight

    def add_loss(self, loss: Any) -> None:
        """Add to `losses` until the next call; to be called in `call`."""
        if self._added_in != calls.serial:
            self._added, self._added_in = [], calls.serial
        self._added.extend(nest.flatten(loss))

    @property
    def losses(self) -> list:
        """What the last call added, and what the regularizers say, here and in layers inside."""
        layers = list({id(x): x for x in (self, *self._layers_below())}.values())
        added = [x for layer in layers if layer._added_in >= self._called_in for x in layer._added]
        regularized = [(layer, v, f) for layer in layers for v, f in layer._regularized]
        return added + [f(v) for layer, v, f in regularized if layer._trainable]

"""Sequential: a model of layers one after the other."""

from collections.abc import Sequence
from typing import Any

from nbtape.train.config import deserialize, serialize
from nbtape.train.layers.calls import put_masks
from nbtape.train.layers.keras_tensor import InputSpec, KerasTensor
from nbtape.train.layers.layer import Layer
from nbtape.train.models.model import InputLayer, Model


class Sequential(Model):
    """Layers one after the other. Their weights are made at once where an Input stands first, or the first
    layer has an `input_shape`; else at the first call.

    >>> model = tf.keras.Sequential([tf.keras.layers.Flatten(), tf.keras.layers.Dense(2)])
    >>> model(tf.ones([5, 3, 4])).shape, model.count_params()
    (TensorShape([5, 2]), 26)
    """

    _TF_MODULE_IGNORED_PROPERTIES = Model._TF_MODULE_IGNORED_PROPERTIES | {"_input", "_output"}

    def __init__(self, layers: Sequence[Any] | None = None, trainable: bool = True, name: str | None = None):
        super().__init__(trainable=trainable, name=name)
        self._layers: list[Layer] = []
        self._input: KerasTensor | None = None
        self._given = False  # whether the shape of the input was said, not seen in a call
        self._output: Any = None
        for layer in layers or ():
            self._append(layer)
        self._rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """One more layer at the end."""
        self._append(layer)
        self._rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away."""
        layer = self._layers.pop()
        self._rebuild()
        return layer

    def _append(self, layer: Any) -> None:
        if isinstance(layer, KerasTensor) and layer.history is not None:
            layer = layer.history[0]
        if not isinstance(layer, Layer):
            raise ValueError(
                "Only instances of `keras.Layer` can be added to a Sequential model. "
                f"Received: {layer} (of type {type(layer)})"
            )
        if any(layer.name == x.name for x in self._layers):
            raise ValueError(
                f"All layers added to a Sequential model should have unique names. Name '{layer.name}' is "
                "already the name of a layer in this model. Update the `name` argument to pass a unique name."
            )
        if isinstance(layer, InputLayer):
            if self._layers or self._input is not None:
                raise ValueError(f"Sequential model '{self.name}' has an input already; cannot add {layer}.")
            self._input, self._given = layer.output, True
        else:
            if not self._layers and self._input is None and layer.input_shape_given is not None:
                self._input, self._given = KerasTensor(layer.input_shape_given, layer.dtype), True
            self._layers.append(layer)

    def _rebuild(self) -> None:
        """Make the weights, where the shape of the input is known."""
        self.built = False
        if self._input is not None and self._layers:
            self.build(self._input.shape)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of all layers, for inputs of this shape."""
        if input_shape is None:
            return
        if self._input is None:
            self._input = KerasTensor(input_shape, self._dtype)
        x: Any = self._input
        for layer in self._layers:
            x = layer(x)
        self._output, self._output_shape = x, getattr(x, "shape", None)
        self.input_spec = InputSpec(shape=(None, *self._input.shape[1:]))

    @property
    def layers(self) -> list[Layer]:
        return list(self._layers)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        put_masks(inputs, mask)
        for layer in self._layers:
            inputs = layer(inputs)
        return inputs

    @property
    def inputs(self) -> list[KerasTensor]:
        return [self.input]

    @property
    def outputs(self) -> list[KerasTensor]:
        return [self.output]

    @property
    def input(self) -> KerasTensor:
        """The KerasTensor that goes in; raises AttributeError before its shape is known."""
        if self._input is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined input shape yet.")
        return self._input

    @property
    def output(self) -> Any:
        """The KerasTensor that comes out; raises AttributeError before its shape is known."""
        if self._output is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined outputs yet.")
        return self._output

    @property
    def input_shape(self) -> Any:
        return self.input.shape

    @property
    def output_shape(self) -> Any:
        return self.output.shape

    def get_config(self) -> dict:
        layers = [serialize(layer) for layer in self._layers]
        if self._given and self._input is not None:
            start = {"batch_shape": self._input.shape, "dtype": self._input.dtype.name}
            layers.insert(0, {"module": "keras.models", "class_name": "InputLayer", "config": start})
        config = {"name": self.name, "trainable": self._trainable, "layers": layers}
        if self.built and not self._given and self._input is not None:
            config["build_input_shape"] = self._input.shape
        return config

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Any:
        layers = [deserialize(layer, custom_objects) for layer in config["layers"]]
        model = cls(layers, config.get("trainable", True), config.get("name"))
        if not model.built and "build_input_shape" in config:
            model.build(tuple(config["build_input_shape"]))
        return model

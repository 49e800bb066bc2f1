"""Models: layers that are trained as a whole, by subclassing, or put together from KerasTensors."""

import functools
from collections.abc import Mapping
from typing import Any

from nbtape.core import nest
from nbtape.ops.shape import expand_dims, squeeze
from nbtape.train.config import deserialize, read, serialize, written
from nbtape.train.layers.calls import put_masks, shape_of
from nbtape.train.layers.keras_tensor import InputSpec, KerasTensor
from nbtape.train.layers.layer import Layer
from nbtape.train.layers.nodes import calls_between, config_of, from_config
from nbtape.train.models.saving import save_model
from nbtape.train.models.summary import summary
from nbtape.train.models.trainer import Trainer
from nbtape.train.models.weights import load_weights, save_weights


class InputLayer(Layer):
    """What stands at the start of a model; the layer behind a `tf.keras.Input`."""

    settings = ("batch_shape",)

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool = False,
        batch_shape: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, dtype=dtype, autocast=False, **kwargs)
        if batch_shape is None:
            if shape is None:
                raise ValueError("You must pass a `shape` argument.")
            batch_shape = (batch_size, *((shape,) if isinstance(shape, int) else shape))
        self.batch_shape, self.built = tuple(batch_shape), True
        symbol = KerasTensor(self.batch_shape, self._dtype, self.name)
        symbol.history = self, (), {}, symbol
        self._first_call, self._output_shape = (symbol, symbol), self.batch_shape

    def call(self, *args: Any) -> Any:
        return args[0] if args else self.output


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
) -> KerasTensor:
    """The input of a model: a KerasTensor of `shape`, which leaves out the batch.

    >>> x = tf.keras.Input(shape=(3,))
    >>> model = tf.keras.Model(x, tf.keras.layers.Dense(2)(x))
    >>> model(tf.ones([4, 3])).shape
    TensorShape([4, 2])
    """
    return InputLayer(shape, batch_size, dtype, sparse, batch_shape, name).output


class Model(Trainer, Layer):
    """Layers with what trains them: `compile`, `fit`, `evaluate`, `predict`.

    Subclasses make layers in `__init__` and use them in `call`; `Model(inputs, outputs)`, or a subclass made
    so, has those that lead from KerasTensors to others.

    >>> class Twice(tf.keras.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = tf.keras.layers.Dense(2, kernel_initializer="ones")
    ...     def call(self, x):
    ...         return self.dense(self.dense(x))
    >>> Twice()(tf.constant([[1.0, 2.0]])).numpy()
    array([[6., 6.]], dtype=float32)
    """

    _TF_MODULE_IGNORED_PROPERTIES = Layer._TF_MODULE_IGNORED_PROPERTIES | {"_compiled_with"}

    def __init__(self, *args: Any, **kwargs: Any):
        if not isinstance(self, Functional) and (len(args) > 1 or "outputs" in kwargs):
            self.__class__ = _functional(type(self))
            Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]
        else:
            super().__init__(*args, **kwargs)
            self.stop_training = False

    @property
    def layers(self) -> list[Layer]:
        """The layers right in this model."""
        return self._sublayers()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of a name or at a place; raises ValueError where there is none."""
        layers = self.layers
        if index is not None:
            if index >= len(layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(layers)} layers."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[x.name for x in layers]}.")

    def build(self, input_shape: Any) -> None:
        """Make the weights of all layers, for inputs of this shape."""
        if not _is_shape(input_shape):
            Layer.__call__(self, nest.map_structure(KerasTensor, input_shape))
        elif type(self).call is not Layer.call:
            self.built = True
            self(KerasTensor(input_shape, self._dtype))

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Any:
        """A model made from `get_config()`, with weights of its own."""
        if "input_layers" in config:
            return _functional(cls).from_config(config, custom_objects)
        return cls(**config)

    def to_json(self, **kwargs: Any) -> str:
        """The model without its weights as text, for `tf.keras.models.model_from_json`."""
        return written(serialize(self), **kwargs)

    summary = summary
    save, save_weights, load_weights = save_model, save_weights, load_weights


def _is_shape(x: Any) -> bool:
    return all([n is None or isinstance(n, int) for n in x])


class Functional(Model):
    """The layers that lead from `inputs` to `outputs`, both nested structures of KerasTensors."""

    _TF_MODULE_IGNORED_PROPERTIES = Model._TF_MODULE_IGNORED_PROPERTIES | {
        "_steps", "inputs_structure", "outputs_structure"
    }  # fmt: skip

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.inputs_structure, self.outputs_structure = inputs, outputs
        self._steps, self._layers = calls_between(nest.flatten(inputs), nest.flatten(outputs))
        self.input_spec = [InputSpec(shape=(None, *x.shape[1:])) for x in nest.flatten(inputs)]
        self.built, self._output_shape = True, nest.map_structure(lambda x: x.shape, outputs)
        self.input_names = [x.history[0].name for x in self.inputs]
        self.output_names = [x.history[0].name for x in self.outputs]

    @property
    def inputs(self) -> list[Any]:
        return nest.flatten(self.inputs_structure)

    @property
    def outputs(self) -> list[Any]:
        return nest.flatten(self.outputs_structure)

    @property
    def input(self) -> Any:
        return self.inputs_structure

    @property
    def output(self) -> Any:
        return self.outputs_structure

    @property
    def input_shape(self) -> Any:
        return nest.map_structure(lambda x: x.shape, self.inputs_structure)

    @property
    def output_shape(self) -> Any:
        return nest.map_structure(lambda x: x.shape, self.outputs_structure)

    def build(self, input_shape: Any = None) -> None:
        """Nothing: the weights were made when the layers were put together."""

    def _check(self, inputs: Any) -> None:
        super()._check([_of_rank(x, k.ndim) for x, k in zip(self._flat(inputs), self.inputs)])

    def _flat(self, inputs: Any) -> list:
        """The inputs in a row; those of a dict by the names of the Inputs."""
        if isinstance(inputs, Mapping) and not isinstance(self.inputs_structure, Mapping):
            missing = [name for name in self.input_names if name not in inputs]
            if missing:
                raise ValueError(f"Model '{self.name}' needs inputs named {missing}, got {sorted(inputs)}.")
            return [inputs[name] for name in self.input_names]
        flat = nest.flatten(inputs)
        if len(flat) != len(self.inputs):
            raise ValueError(
                f"Layer '{self.name}' expected {len(self.inputs)} input(s). Received {len(flat)} instead."
            )
        return flat

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        values = {id(k): _of_rank(x, k.ndim) for k, x in zip(self.inputs, self._flat(inputs))}
        put_masks([values[id(k)] for k in self.inputs], mask)

        def value(x: Any) -> Any:
            return values[id(x)] if isinstance(x, KerasTensor) else x

        for layer, args, kwargs, results in self._steps:
            if not args and not kwargs:
                continue
            given = {key: nest.map_structure(value, x) for key, x in kwargs.items() if key != "training"}
            if kwargs.get("training") is not None:
                given["training"] = kwargs["training"]
            found = layer(*nest.map_structure(value, args), **given)
            values |= {id(k): x for k, x in zip(nest.flatten(results), nest.flatten(found))}
        return nest.map_structure(value, self.outputs_structure)

    def get_config(self) -> dict:
        common = {"name": self.name, "trainable": self._trainable}
        return common | config_of(self.inputs_structure, self.outputs_structure, self._steps)

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Any:
        inputs, outputs = from_config(config, custom_objects)
        kind: Any = cls if cls.__init__ is Functional.__init__ else Functional
        return kind(inputs, outputs, config.get("name"), trainable=config.get("trainable", True))


@functools.cache
def _functional(cls: type) -> Any:
    """Functional, as the class `cls` of the user's: with its `train_step`, for example."""
    return (
        Functional if cls is Model else type(cls.__name__, (cls, Functional), {"__module__": cls.__module__})
    )


def _of_rank(x: Any, rank: int) -> Any:
    """`x` with an axis of size 1 more or less at the end, where it lacks one or has one too many."""
    found = shape_of(x)
    if found is None or isinstance(x, KerasTensor):
        return x
    if len(found) == rank - 1:
        return expand_dims(x, -1)
    return squeeze(x, -1) if len(found) == rank + 1 and found[-1] == 1 else x


def model_from_json(json_string: str, custom_objects: dict | None = None) -> Any:
    """A model from what `to_json` gave, with weights of its own."""
    return deserialize(read(json_string, custom_objects), custom_objects)

"""Models: layers that are trained as a whole, by subclassing, or put together from KerasTensors."""

from typing import Any

from nbtape.core import nest
from nbtape.train.keras_tensor import InputSpec, KerasTensor
from nbtape.train.layer import Layer
from nbtape.train.summary import summary
from nbtape.train.trainer import Trainer
from nbtape.train.weights import load_weights, save_weights


class InputLayer(Layer):
    """What stands at the start of a model; the layer behind a `tf.keras.Input`."""

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
        super().__init__(name=name, dtype=dtype, **kwargs)
        if batch_shape is None:
            if shape is None:
                raise ValueError("You must pass a `shape` argument.")
            batch_shape = (batch_size, *((shape,) if isinstance(shape, int) else shape))
        self.batch_shape, self.built = tuple(batch_shape), True
        self.output = KerasTensor(self.batch_shape, self._dtype, self.name)
        self.output.history = self, (), {}, self.output
        self._output_shape = self.batch_shape

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

    Subclasses make layers in `__init__` and use them in `call`; `Model(inputs, outputs)` has those that lead
    from KerasTensors to others.

    >>> class Twice(tf.keras.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = tf.keras.layers.Dense(2, kernel_initializer="ones")
    ...     def call(self, x):
    ...         return self.dense(self.dense(x))
    >>> Twice()(tf.constant([[1.0, 2.0]])).numpy()
    array([[6., 6.]], dtype=float32)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> "Model":
        functional = cls is Model and (len(args) >= 2 or "outputs" in kwargs)
        return object.__new__(Functional if functional else cls)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._compiled: Any = None
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

    summary = summary
    save_weights, load_weights = save_weights, load_weights


def _is_shape(x: Any) -> bool:
    return all([n is None or isinstance(n, int) for n in x])


class Functional(Model):
    """The layers that lead from `inputs` to `outputs`, both nested structures of KerasTensors."""

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.inputs_structure, self.outputs_structure = inputs, outputs
        self._steps = _steps(nest.flatten(outputs), nest.flatten(inputs))
        self._layers = list({id(layer): layer for layer, *_ in self._steps}.values())
        self.input_spec = [InputSpec(shape=(None, *x.shape[1:])) for x in nest.flatten(inputs)]
        self.built, self._output_shape = True, nest.map_structure(lambda x: x.shape, outputs)

    _TF_MODULE_IGNORED_PROPERTIES = frozenset({"_steps", "inputs_structure", "outputs_structure"})

    @property
    def inputs(self) -> list[KerasTensor]:
        return nest.flatten(self.inputs_structure)

    @property
    def outputs(self) -> list[KerasTensor]:
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

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        values = {id(k): x for k, x in zip(self.inputs, nest.flatten(inputs))}

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


def _steps(outputs: list, inputs: list) -> list[tuple]:
    """The calls of layers that lead to `outputs`, each after those that it needs, as histories."""
    steps: dict[int, tuple] = {}  # by identity, since all results of a call share its history
    seen: set[int] = set()
    stops = {id(x) for x in inputs}

    def visit(x: KerasTensor) -> None:
        if id(x) in seen:
            return
        seen.add(id(x))
        if x.history is None or id(x) not in stops and not x.history[1] and not x.history[2]:
            raise ValueError(f"`outputs` must be connected to `inputs`. {x} is not made from {inputs}.")
        _, args, kwargs, _ = x.history
        if id(x) not in stops:
            for before in nest.flatten((args, list(kwargs.values()))):
                if isinstance(before, KerasTensor):
                    visit(before)
        if id(x) not in stops or not args:
            steps[id(x.history)] = x.history

    for x in [*inputs, *outputs]:
        visit(x)
    return list(steps.values())

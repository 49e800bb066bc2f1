"""The base of all layers: weights made when shapes are known, and a call that knows where it stands.

A call casts floats to the layer's dtype, says to every layer inside whether it trains, gives names their
prefix, and makes the weights the first time. Called on a KerasTensor, a layer is traced for the shapes that
it gives, and the result remembers it: models are put together so.
"""

import functools
import inspect
import itertools
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.dtype import DType, as_dtype
from nbtape.core.engine import Tensor, tensor
from nbtape.graph.convert import call as converted
from nbtape.graph.trace import FunctionGraph, fill
from nbtape.ops.arithmetic import cast
from nbtape.ops.measure import shape
from nbtape.state.module import Module
from nbtape.state.scaling import get as initializer_named
from nbtape.state.scope import name_scope
from nbtape.state.variable import ResourceVariable, Variable
from nbtape.train.keras_tensor import InputSpec, KerasTensor
from nbtape.train.regularizers import get as regularizer_named

_WORD = re.compile(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])")
_counts: defaultdict[str, Any] = defaultdict(itertools.count)  # how many layers of each name there were
_serials = itertools.count(1)
_NOT_BUILT = (
    "You tried to call `count_params` on layer '{}', but the layer isn't built. You can build it manually "
    "via: `layer.build(input_shape)`."
)
_BAD_COUNT = (
    "You called `set_weights(weights)` on layer '{}' with a weight list of length {}, but the layer was "
    "expecting {} weights."
)
_NOT_TENSOR = (
    "Only input tensors may be passed as positional arguments. The following argument value should be passed "
    "as a keyword argument: {} (of type {})"
)


class _Calls(threading.local):
    """The innermost call of a layer in this thread."""

    layer: Any = None
    training: bool | None = None
    serial = 0  # of the outermost call around


_calls = _Calls()


class Weight(ResourceVariable):
    """A variable of a layer: `path` is its name behind those of the layers that hold it."""

    @property
    def path(self) -> str:
        return self._name.removesuffix(":0")

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Layer(Module):
    """The base of all layers: subclasses make weights in `build(input_shape)` and compute in `call(inputs)`.

    `name` defaults to the class's, with a number; `trainable` says whether training changes the weights, here
    and in layers inside; floats that come in are cast to `dtype`. `call` may take `training`, which layers
    inside are told as well.

    >>> class Scale(tf.keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.s = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="s")
    ...     def call(self, x):
    ...         return x * self.s
    >>> layer = Scale()
    >>> layer(tf.constant([[1.0, 2.0]])).numpy().tolist(), [w.path for w in layer.weights]
    ([[1.0, 2.0]], ['scale/s'])
    """

    settings: tuple[str, ...] = ()  # attributes that `get_config` saves beside the common ones
    input_spec: Any = None
    supports_masking = False

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ):
        self.input_shape_given = _given_shape(kwargs)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        self._name = _unique(type(self).__name__) if name is None else str(name)
        if "/" in self._name:
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Got: {name}"
            )
        self._name_scope = name_scope(self._name)
        self.built, self.autocast, self._trainable = False, autocast, bool(trainable)
        self._dtype = as_dtype("float32" if dtype is None else dtype)
        self.activity_regularizer = regularizer_named(activity_regularizer)
        self._weights: list[Variable] = []
        self._regularized: list[tuple[Variable, Callable]] = []
        self._added: list[Any] = []  # by `add_loss`, in the outermost call `_added_in`
        self._added_in = self._called_in = 0
        self._output_shape: Any = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _building(cls.build)

    # What it is

    @property
    def dtype(self) -> str:
        """The dtype of weights, and of floats that come in."""
        return self._dtype.name

    variable_dtype = compute_dtype = dtype

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; what is set here is set in layers inside as well."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._sublayers():
            layer.trainable = value

    def _sublayers(self) -> list["Layer"]:
        """Layers kept in attributes, also in lists and dicts, in the order in which they were set."""
        found = {id(x): x for x in self._held() if isinstance(x, Layer)}
        return list(found.values())

    def _held(self) -> Iterator[Any]:
        for name, value in vars(self).items():
            if name not in self._TF_MODULE_IGNORED_PROPERTIES:
                yield from nest.flatten(value) if isinstance(value, list | tuple | dict) else (value,)

    def _own(self) -> list[Variable]:
        """Variables of this layer alone, those that are trained first."""
        held = [x for x in self._held() if isinstance(x, Variable)]
        found = list({id(v): v for v in [*self._weights, *held]}.values())
        return [v for v in found if v.trainable] + [v for v in found if not v.trainable]

    def _all(self) -> Iterator[tuple["Layer", Variable]]:
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

    def get_config(self) -> dict:
        """The arguments that make this layer again, without its weights."""
        common = {"name": self._name, "trainable": self._trainable, "dtype": self.dtype}
        return common | {name: getattr(self, name) for name in self.settings}

    @classmethod
    def from_config(cls, config: dict) -> Any:
        """A layer made from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self._name}, built={self.built}>"

    # What subclasses say and use

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer computes."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented. Write "
            "`def call(self, inputs): ...` in its class."
        )

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
            made: Any = Weight(value, trainable, name=name or "variable", dtype=kind, constraint=constraint)
        self._weights.append(made)
        regularizer = regularizer_named(regularizer)
        if regularizer is not None:
            self._regularized.append((made, regularizer))
        return made

    def add_loss(self, loss: Any) -> None:
        """Add to `losses` until the next call; to be called in `call`."""
        if self._added_in != _calls.serial:
            self._added, self._added_in = [], _calls.serial
        self._added.extend(nest.flatten(loss))

    @property
    def losses(self) -> list:
        """What the last call added, and what the regularizers say, here and in layers inside."""
        layers = list({id(x): x for x in (self, *self._layers_below())}.values())
        added = [x for layer in layers if layer._added_in >= self._called_in for x in layer._added]
        regularized = [(layer, v, f) for layer in layers for v, f in layer._regularized]
        return added + [f(v) for layer, v, f in regularized if layer._trainable]

    def _layers_below(self) -> Iterator["Layer"]:
        for layer in self._sublayers():
            yield layer
            yield from layer._layers_below()

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape that comes out where `input_shape` goes in."""
        found = self(KerasTensor(input_shape, self._dtype))
        return nest.map_structure(lambda x: x.shape, found)

    # The call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = tuple([self._inputs(x) for x in args])
        kwargs = {key: self._inputs(x, False) for key, x in kwargs.items()}
        leaves = nest.flatten((args, list(kwargs.values())))
        symbolic = any([type(x) is KerasTensor for x in leaves])
        outer = _calls.layer, _calls.training
        if outer[0] is None:
            _calls.serial = next(_serials)
        with name_scope(self._name):
            try:
                _calls.training = kwargs["training"] = self._training(kwargs.get("training"), outer[1])
                if not _parameters(type(self)).training:
                    del kwargs["training"]
                _calls.layer = self
                if not self.built:
                    self.build(*self._shapes(args or tuple(kwargs.values())))
                    self.built = True
                if self.input_spec is not None and args:
                    self._check(args[0])
                if symbolic:
                    return self._called_on_symbols(args, kwargs)
                return self._called(args, kwargs)
            finally:
                _calls.layer, _calls.training = outer

    def _called(self, args: tuple, kwargs: dict) -> Any:
        self._called_in = _calls.serial
        graph = context.local.graph
        call = converted(self.call) if getattr(graph, "converts", False) else self.call
        y = call(*args, **kwargs)
        if self.activity_regularizer is not None:
            for x in nest.flatten(y):
                self.add_loss(self.activity_regularizer(x) / cast(shape(x)[0], x.dtype))
        if self._output_shape is None:
            self._output_shape = nest.map_structure(_shape_of, y)
        return y

    def _inputs(self, x: Any, positional: bool = True) -> Any:
        """An argument, with arrays as tensors, and floats of the layer's dtype."""
        if isinstance(x, list | tuple | dict):
            return nest.map_structure(lambda x: self._inputs(x, positional), x)
        if isinstance(x, Tensor | Variable | np.ndarray | np.generic):
            x = tensor(x)
            narrow = self.autocast and x.dtype.is_floating and x.dtype != self._dtype
            return cast(x, self._dtype) if narrow else x
        if positional and x is not None and not isinstance(x, KerasTensor):
            raise ValueError(_NOT_TENSOR.format(x, type(x)))
        return x

    def _training(self, given: Any, outer: Any) -> Any:
        """Whether this call trains: what it was told, or the call around it, or what `call` defaults to."""
        return given if given is not None else outer if outer is not None else _parameters(type(self)).default

    def _shapes(self, args: tuple) -> list:
        """What `build` takes: the shape of the first argument, or of as many as it names."""
        count = _parameters(type(self)).shapes
        return [nest.map_structure(_shape_of, x) for x in args[:count]]

    def _check(self, inputs: Any) -> None:
        specs, leaves = nest.flatten(self.input_spec), nest.flatten(inputs)
        for spec, x in zip(specs, leaves):
            found = _shape_of(x)
            if isinstance(spec, InputSpec) and found is not None:
                spec.check(found, self._name)

    def _called_on_symbols(self, args: tuple, kwargs: dict) -> Any:
        """KerasTensors of what the layer gives for KerasTensors."""
        leaves, rebuild = nest.opened((args, kwargs))
        places = [i for i, x in enumerate(leaves) if isinstance(x, KerasTensor)]

        def run(*xs: Any) -> Any:
            filled = list(leaves)
            for i, x in zip(places, xs):
                filled[i] = x
            args, kwargs = rebuild(filled)
            return self._called(args, kwargs)

        graph = FunctionGraph(self._name)
        graph.converts = True
        structure = fill(graph, run, [leaves[i].spec for i in places]).structure
        self._added = []
        found = nest.map_structure(lambda x: KerasTensor(_shape_of(x), x.dtype), structure)
        history = self, args, kwargs, found
        for x in nest.flatten(found):
            x.history, x.name = history, self._name
        self._output_shape = nest.map_structure(_shape_of, found)
        return found


class _Parameters:
    """What methods of a class take: whether `call` takes `training`, and how many shapes `build` takes."""

    def __init__(self, cls: type):
        named = inspect.signature(cls.call).parameters
        self.training = "training" in named
        default = named["training"].default if self.training else None
        self.default = None if default is inspect.Parameter.empty else default
        taken = list(inspect.signature(cls.build).parameters.values())[1:]
        self.shapes = len([p for p in taken if p.kind is p.POSITIONAL_OR_KEYWORD]) or 1


@functools.cache
def _parameters(cls: type) -> _Parameters:
    return _Parameters(cls)


def _building(build: Callable) -> Callable:
    """`build` so that nothing records it, and names in it start with the layer's."""

    @functools.wraps(build)
    def built(self: Layer, *args: Any, **kwargs: Any) -> None:
        outer, scope = _calls.layer, context.local.scope
        if outer is not self:
            scope += self._name + "/"
        with context.paused(), name_scope(scope or None):
            _calls.layer = self
            try:
                build(self, *args, **kwargs)
            finally:
                _calls.layer = outer
        self.built = True

    return built


def _shape_of(x: Any) -> Any:
    found = getattr(x, "shape", None)
    return None if found is None or getattr(found, "rank", 0) is None else tuple(found)


def _given_shape(kwargs: dict) -> tuple | None:
    """The shape of inputs, with their batch, that a first layer may be told."""
    size = kwargs.pop("batch_size", None)
    if "input_dim" in kwargs:
        kwargs["input_shape"] = (kwargs.pop("input_dim"),)
    if "input_shape" in kwargs:
        given = kwargs.pop("input_shape")
        return (size, *((given,) if isinstance(given, int) else given))
    given = kwargs.pop("batch_input_shape", None)
    return None if given is None else tuple(given)


def _unique(name: str) -> str:
    """A name for one more layer of a class: dense, dense_1, ..."""
    name = _WORD.sub("_", name).lower()
    n = next(_counts[name])
    return f"{name}_{n}" if n else name

"""The base of all layers: weights made when shapes are known, and a call that knows where it stands.

A call casts floats to the layer's dtype, says to every layer inside whether it trains, gives names their
prefix, hands masks on, and makes the weights the first time. Called on a KerasTensor, a layer is traced for
the shapes that it gives, and the result remembers it: models are put together so.
"""

import itertools
import re
import warnings
from typing import Any

import numpy as np

from nbtape.core import context, nest
from nbtape.core.dtype import as_dtype
from nbtape.core.engine import Tensor, tensor
from nbtape.graph.conversion.convert import call as converted
from nbtape.graph.trace import FunctionGraph, fill
from nbtape.ops.arithmetic import cast
from nbtape.ops.measure import shape
from nbtape.state.scopes.scope import name_scope
from nbtape.state.variable import Variable
from nbtape.train.config import given_arguments, known, plain, setting
from nbtape.train.layers.calls import building, calls, given_masks, mask_of, parameters, put_masks, shape_of
from nbtape.train.layers.holder import Holder
from nbtape.train.layers.keras_tensor import InputSpec, KerasTensor, symbols
from nbtape.train.naming import unique
from nbtape.train.regularizers import get as regularizer_named

_WORD = re.compile(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])")
_serials = itertools.count(1)
_NOT_TENSOR = (
    "Only input tensors may be passed as positional arguments. The following argument value should be passed "
    "as a keyword argument: {} (of type {})"
)
_MASK_LOST = (
    "Layer '{}' (of type {}) was passed an input with a mask attached to it. However, this layer does not "
    "support masking and will therefore destroy the mask information. Downstream layers will not see the "
    "mask."
)


class Layer(Holder):
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

    _TF_MODULE_IGNORED_PROPERTIES = frozenset({"_made_with", "_first_call", "_built_for"})
    settings: tuple[str, ...] = ()  # attributes that `get_config` saves beside the common ones
    input_spec: Any = None
    _made_with: tuple[tuple, dict]  # the arguments, for the config of a class that does not say its settings
    supports_masking = False  # whether masks of inputs go on to outputs

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
        name = unique(_WORD.sub("_", type(self).__name__).lower()) if name is None else str(name)
        if "/" in name:
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Got: {name}"
            )
        super().__init__(name, bool(trainable), as_dtype("float32" if dtype is None else dtype))
        self._name_scope, self.autocast = name_scope(name), autocast
        self.activity_regularizer = regularizer_named(activity_regularizer)
        self._output_shape: Any = None
        self._first_call: tuple = ()  # on KerasTensors: what was given, and what came out
        self._built_for: list = []  # what `build` was given

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = object.__new__(cls)
        self._made_with = args, kwargs
        return self

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known(cls)
        if "build" in vars(cls):
            cls.build = building(cls.build)
        if "compute_mask" in vars(cls) and "supports_masking" not in vars(cls):
            cls.supports_masking = True

    @property
    def dtype(self) -> str:
        """The dtype of weights, and of floats that come in."""
        return self._dtype.name

    variable_dtype = compute_dtype = dtype

    @property
    def input(self) -> Any:
        """The KerasTensor, or the structure of them, that the layer was first called on."""
        return self._symbols(0)

    @property
    def output(self) -> Any:
        """What the layer gave for `input`; with it models are made that end here.

        >>> layers = [tf.keras.layers.Dense(2), tf.keras.layers.ReLU()]
        >>> model = tf.keras.Sequential([tf.keras.Input((3,)), *layers])
        >>> tf.keras.Model(model.input, layers[0].output).output_shape
        (None, 2)
        """
        return self._symbols(1)

    def _symbols(self, i: int) -> Any:
        if not self._first_call:
            raise AttributeError(
                f"The layer {self._name} has never been called and thus has no defined input."
            )
        return self._first_call[i]

    def get_config(self) -> dict:
        """The arguments that make this layer again, without its weights.

        Of a class that does not say them they are the arguments that it was made with.
        """
        common = {"name": self._name, "trainable": self._trainable, "dtype": self.dtype}
        if self.activity_regularizer is not None:
            common["activity_regularizer"] = plain(self.activity_regularizer)
        cls = type(self)
        if cls.get_config is Layer.get_config and not cls.__init__.__module__.startswith("nbtape."):
            args, kwargs = self._made_with
            return given_arguments(cls, args, kwargs, common)
        return common | {name: setting(name, getattr(self, name)) for name in self.settings}

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

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of what comes out, where `mask` is that of `inputs`."""
        return mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape that comes out where `input_shape` goes in."""
        found = self(symbols(input_shape, self._dtype))
        return nest.map_structure(lambda x: x.shape, found)

    # The call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = tuple([self._inputs(x) for x in args])
        kwargs = {key: self._inputs(x, False) for key, x in kwargs.items()}
        symbolic = False
        if kwargs or len(args) != 1 or not isinstance(args[0], Tensor):  # the common case is quickly seen
            leaves = nest.flatten((args, list(kwargs.values())))
            symbolic = any([type(x) is KerasTensor for x in leaves])
        outer = calls.layer, calls.training
        if outer[0] is None:
            calls.serial = next(_serials)
        taken = parameters(type(self))
        with name_scope(context.local.scope if outer[0] is self else self._name):
            try:
                calls.training = kwargs["training"] = self._training(kwargs.get("training"), outer[1])
                if not taken.training:
                    del kwargs["training"]
                calls.layer = self
                if self.input_spec is not None and args:
                    self._check(args[0])
                if not self.built:
                    self.build(*self._shapes(args, kwargs))
                    self.built = True
                if symbolic:
                    return self._called_on_symbols(args, kwargs)
                return self._called(args, kwargs)
            finally:
                calls.layer, calls.training = outer

    def _called(self, args: tuple, kwargs: dict) -> Any:
        self._called_in = calls.serial
        taken = parameters(type(self))
        if taken.masks:
            kwargs = kwargs | given_masks(taken, args, kwargs)
        first = args[0] if args else None
        mask = mask_of(first) if kwargs.get("mask") is None else kwargs["mask"]
        graph = context.local.graph
        call = converted(self.call) if getattr(graph, "converts", False) else self.call
        y = call(*args, **kwargs)
        if self.activity_regularizer is not None:
            for x in nest.flatten(y):
                self.add_loss(self.activity_regularizer(x) / cast(shape(x)[0], x.dtype))
        self._pass_mask(first, y, mask)
        if self._output_shape is None:
            self._output_shape = nest.map_structure(shape_of, y)
        return y

    def _pass_mask(self, inputs: Any, y: Any, mask: Any) -> None:
        if mask is None and type(self).compute_mask is Layer.compute_mask:
            return
        if self.supports_masking:
            if any([mask_of(x) is None for x in nest.flatten(y)]):
                found = self.compute_mask(inputs, mask)
                if found is not None:
                    put_masks(y, found)
        elif mask is not None and any([m is not None for m in nest.flatten(mask)]):
            warnings.warn(_MASK_LOST.format(self._name, type(self).__name__), stacklevel=4)

    def _inputs(self, x: Any, positional: bool = True) -> Any:
        """An argument, with arrays as tensors, and floats of the layer's dtype."""
        if isinstance(x, list | tuple | dict):
            return nest.map_structure(lambda x: self._inputs(x, positional), x)
        if isinstance(x, Tensor | Variable | np.ndarray | np.generic):
            x = tensor(x)
            if self.autocast and x.dtype.is_floating and x.dtype != self._dtype:
                mask, x = mask_of(x), cast(x, self._dtype)
                put_masks(x, mask)
            return x
        if positional and x is not None and not isinstance(x, KerasTensor):
            raise ValueError(_NOT_TENSOR.format(x, type(x)))
        return x

    def _training(self, given: Any, outer: Any) -> Any:
        """Whether this call trains: what it was told, or the call around it, or what `call` defaults to."""
        return given if given is not None else outer if outer is not None else parameters(type(self)).default

    def _shapes(self, args: tuple, kwargs: dict) -> list:
        """What `build` takes: the shape of the first argument, and of others that it names: `value_shape`."""
        taken = parameters(type(self))
        given = dict(zip(taken.names, args)) | kwargs
        first = next(iter((*args, *kwargs.values())))
        found = [given.get(name.removesuffix("_shape")) for name in taken.shapes] or [first]
        found[0] = first if found[0] is None else found[0]
        return [nest.map_structure(shape_of, x) for x in found]

    def _check(self, inputs: Any) -> None:
        if isinstance(inputs, Tensor) and isinstance(self.input_spec, InputSpec):
            pairs = [(self.input_spec, inputs)]
        else:
            pairs = list(zip(nest.flatten(self.input_spec), nest.flatten(inputs)))
        for spec, x in pairs:
            found = shape_of(x)
            if isinstance(spec, InputSpec) and found is not None:
                spec.check(found, self._name)

    def _called_on_symbols(self, args: tuple, kwargs: dict) -> Any:
        """KerasTensors of what the layer gives for KerasTensors."""
        leaves, rebuild = nest.opened((args, kwargs))
        scope = context.local.scope
        places = [i for i, x in enumerate(leaves) if isinstance(x, KerasTensor)]

        def run(*xs: Any) -> Any:
            filled = list(leaves)
            for i, x in zip(places, xs):
                filled[i] = x
            args, kwargs = rebuild(filled)
            with name_scope(scope):
                return self._called(args, kwargs)

        graph = FunctionGraph(self._name)
        graph.converts = True
        structure = fill(graph, run, [leaves[i].spec for i in places]).structure
        self._added = []
        found = nest.map_structure(lambda x: KerasTensor(shape_of(x), x.dtype), structure)
        history = self, args, kwargs, found
        for x in nest.flatten(found):
            x.history, x.name = history, self._name
        self._output_shape = nest.map_structure(shape_of, found)
        self._first_call = self._first_call or (args[0] if args else next(iter(kwargs.values())), found)
        return found


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

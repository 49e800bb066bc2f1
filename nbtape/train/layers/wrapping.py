"""Layers around a layer: TimeDistributed, over all steps; Bidirectional, forwards and backwards."""

from typing import Any

from nbtape.core import nest
from nbtape.ops.join import concat, stack, unstack
from nbtape.ops.layout import reverse
from nbtape.ops.measure import shape
from nbtape.ops.shape import reshape, transpose
from nbtape.train.config import deserialize, plain, serialize
from nbtape.train.layers.calls import parameters
from nbtape.train.layers.keras_tensor import InputSpec
from nbtape.train.layers.layer import Layer

_MODES = ("sum", "mul", "ave", "concat", None)


class Wrapper(Layer):
    """The base of layers around a layer."""

    settings = ("layer",)

    def __init__(self, layer: Any, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Please initialize `{type(self).__name__}` layer with a `keras.layers.Layer` instance. "
                f"Received: {layer}"
            )
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    @classmethod
    def from_config(cls, config: dict) -> Any:
        return cls(**config | {"layer": deserialize(config["layer"])})


class TimeDistributed(Wrapper):
    """A layer applied to each step of (batch, steps, ...).

    All steps go through the layer at once, as a larger batch; one after the other where the layer changes
    variables, as batch normalization does.

    >>> layer = tf.keras.layers.TimeDistributed(tf.keras.layers.Dense(2))
    >>> layer(tf.ones([4, 7, 3])).shape
    TensorShape([4, 7, 2])
    """

    supports_masking = True

    def build(self, input_shape: Any) -> None:
        if len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, "
                f"received: {input_shape}"
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        taken = parameters(type(self.layer))
        more = {"training": training} if taken.training else {}
        masked = "mask" in taken.masks and mask is not None
        if inputs.shape[1] is not None and any([not v.trainable for v in self.layer.variables]):
            masks = unstack(mask, axis=1) if masked else None
            ys = [
                self.layer(x, **more, **({} if masks is None else {"mask": masks[i]}))
                for i, x in enumerate(unstack(inputs, axis=1))
            ]
            return stack(ys, axis=1)
        if masked:
            more["mask"] = _folded(mask)
        y = self.layer(_folded(inputs), **more)
        given = shape(inputs)
        front = [given[i] if inputs.shape[i] is None else inputs.shape[i] for i in (0, 1)]
        apart = reshape(y, [*front, *[-1 if n is None else n for n in y.shape[1:]]])
        apart.set_shape((*inputs.shape[:2], *y.shape[1:]))
        return apart


def _folded(x: Any) -> Any:
    """`x` with its steps as more of the batch."""
    rest, given = tuple(x.shape[2:]), shape(x)
    if None not in rest:
        return reshape(x, [-1, *rest])
    return reshape(x, concat([[-1], given[2:]], 0))


class Bidirectional(Layer):
    """A recurrent layer and another one that goes backwards; `merge_mode` says how their outputs are joined.

    It is "concat", "sum", "mul", "ave", or None for both apart. The layer is made anew from its config.

    >>> layer = tf.keras.layers.Bidirectional(tf.keras.layers.LSTM(3, return_sequences=True))
    >>> layer(tf.ones([2, 7, 4])).shape
    TensorShape([2, 7, 6])
    """

    settings = ("merge_mode",)

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for given in (layer, *[backward_layer] * (backward_layer is not None)):
            if not isinstance(given, Layer):
                raise ValueError(
                    "Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. "
                    f"Received: {given}"
                )
        if merge_mode not in _MODES:
            raise ValueError(
                f"Invalid merge mode. Received: {merge_mode}. Merge mode should be one of {_MODES}"
            )
        self.merge_mode = merge_mode
        self.forward_layer: Any = _again(layer, "forward_")
        self.backward_layer: Any = backward_layer or _again(layer, "backward_", True)
        self._check_layers()
        for inner in (self.forward_layer, self.backward_layer):
            if hasattr(inner, "zero_output_for_mask"):
                inner.zero_output_for_mask = inner.return_sequences
        self.stateful, self.return_sequences = layer.stateful, layer.return_sequences
        self.return_state, self.input_spec = layer.return_state, InputSpec(min_ndim=3)
        self._given = weights

    def _check_layers(self) -> None:
        a, b = self.forward_layer, self.backward_layer
        if a.go_backwards == b.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: "
                f"forward_layer.go_backwards={a.go_backwards}, backward_layer.go_backwards={b.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(a, name) != getattr(b, name):
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for attribute "
                    f'"{name}", got "{getattr(a, name)}" for forward layer and "{getattr(b, name)}" for '
                    "backward layer"
                )

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._given is not None:
            self.set_weights(self._given)

    @property
    def states(self) -> Any:
        """The states of both layers, where they are kept."""
        a, b = self.forward_layer.states, self.backward_layer.states
        return (*a, *b) if a and b else None

    def reset_state(self) -> None:
        """Start both layers again from zeros."""
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = nest.flatten(mask)[0] if self.return_sequences else None
        found = mask if self.merge_mode else (mask, mask)
        if not self.return_state:
            return found
        states = [None] * len(self.forward_layer.state_size + self.backward_layer.state_size)
        return (*(found if isinstance(found, tuple) else (found,)), *states)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None) -> Any:
        half = 0 if initial_state is None else len(initial_state) // 2
        starts = [None, None] if initial_state is None else [initial_state[:half], initial_state[half:]]
        ys, states = [], []
        for layer, start in zip((self.forward_layer, self.backward_layer), starts):
            y = layer(sequences, initial_state=start, mask=mask, training=training)
            if self.return_state:
                y, *after = y
                states += after
            ys.append(y)
        if self.return_sequences:
            ys[1] = reverse(ys[1], [1])
        y = self._merged(*ys)
        if not self.return_state:
            return y
        return (*(y if isinstance(y, tuple) else (y,)), *states)

    def _merged(self, a: Any, b: Any) -> Any:
        match self.merge_mode:
            case "concat":
                return concat([a, b], -1)
            case "sum":
                return a + b
            case "ave":
                return (a + b) / 2.0
            case "mul":
                return a * b
        return a, b

    def get_config(self) -> dict:
        both = {"layer": plain(self.forward_layer), "backward_layer": plain(self.backward_layer)}
        return super().get_config() | both

    @classmethod
    def from_config(cls, config: dict) -> Any:
        both = {key: deserialize(config.get(key)) for key in ("layer", "backward_layer")}
        return cls(**config | both)


def _again(layer: Layer, prefix: str, backwards: bool = False) -> Any:
    """The layer made again from its config, under a name of its own."""
    given = serialize(layer)
    config = given["config"] | {"name": prefix + layer.name.removeprefix(prefix)}
    return deserialize(given | {"config": config | ({"go_backwards": True} if backwards else {})})

"""Recurrent layers: a cell's step, repeated along (batch, steps, features)."""

from collections.abc import Callable, Sequence
from typing import Any

from nbtape.core import context, nest
from nbtape.core.dtype import DType
from nbtape.core.engine import tensor
from nbtape.graph import emit
from nbtape.ops.arithmetic import cast
from nbtape.ops.create import zeros, zeros_like
from nbtape.ops.join import stack, unstack
from nbtape.ops.layout import reverse
from nbtape.ops.mask import where
from nbtape.ops.measure import shape
from nbtape.ops.shape import expand_dims, transpose
from nbtape.state.variable import Variable
from nbtape.train.config import deserialize, plain, setting
from nbtape.train.layers import cells, stacking
from nbtape.train.layers.keras_tensor import InputSpec
from nbtape.train.layers.layer import Layer
from nbtape.train.layers.signing import signed

_NO_BATCH = (
    "When using `stateful=True` in a RNN, the batch size must be static. Found dynamic batch size: "
    "sequence.shape={}"
)
_OTHER_BATCH = (
    "If an RNN is stateful, the batch size of the input sequences must be the same as the batch size of the "
    "initial state.\n- Expected batch size: {}\n- Received batch size: {}"
)


class RNN(Layer):
    """A cell repeated along the steps of (batch, steps, features), in one loop.

    A cell has `state_size` and `call(inputs, states)`, which returns an output and the next states; a list of
    cells is stacked. Gives the last output, or all if `return_sequences`, and the last states behind it if
    `return_state`. Where a mask says that there is no step, states stay, and so does the output (or it is 0,
    if `zero_output_for_mask`). `stateful` layers start where they stopped.

    >>> layer = tf.keras.layers.RNN([tf.keras.layers.GRUCell(4), tf.keras.layers.GRUCell(2)])
    >>> layer(tf.ones([3, 7, 5])).shape
    TensorShape([3, 2])
    """

    settings = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll",
                "zero_output_for_mask")  # fmt: skip
    _TF_MODULE_IGNORED_PROPERTIES = Layer._TF_MODULE_IGNORED_PROPERTIES | {"states"}

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cell = stacking.StackedRNNCells(cell) if isinstance(cell, list | tuple) else cell
        stacking.check_cell(self.cell, "The RNN cell")
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask, self.input_spec = zero_output_for_mask, InputSpec(min_ndim=3)
        self.states: Any = None

    @property
    def state_size(self) -> list:
        size = self.cell.state_size
        return [size] if isinstance(size, int) else list(size)

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful and self.states is None:
            if sequences_shape[0] is None:
                raise ValueError(_NO_BATCH.format(sequences_shape))
            start = self.get_initial_state(sequences_shape[0])
            self.states = nest.map_structure(lambda x: Variable(x, trainable=False, name="rnn_state"), start)

    def get_initial_state(self, batch_size: Any) -> list:
        """What the cell starts from."""
        return stacking.initial_state(self.cell, batch_size, self._dtype)

    def reset_state(self) -> None:
        """Start again from zeros; for `stateful` layers."""
        for v in nest.flatten(self.states or []):
            v.assign(zeros_like(v))

    reset_states = reset_state

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = nest.flatten(mask)[0] if self.return_sequences else None
        return [mask, *[None for _ in self.state_size]] if self.return_state else mask

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        states = self._start(sequences, initial_state)
        cell = stacking.in_parts(self.cell)
        noise = cell.noise(_batch(sequences), training)
        xs = [_time_first(cell.project(sequences, noise))]
        if mask is not None:
            mask = cast(mask, "bool")
            xs.append(_time_first(mask if mask.shape.rank == 3 else expand_dims(mask, -1)))
        if self.go_backwards:
            xs = [reverse(x, [0]) for x in xs]
        states, last, outputs = self._steps(lambda x, s: cell.step(x, s, noise), states, xs)
        if self.stateful:
            for v, value in zip(nest.flatten(self.states), nest.flatten(states)):
                v.assign(value)
        y = _time_first(outputs[0]) if self.return_sequences else last
        return (y, *states) if self.return_state else y

    def _start(self, sequences: Any, given: Any) -> list:
        if self.stateful:
            batch, held = sequences.shape[0], nest.flatten(self.states)[0].shape[0]
            if batch is not None and batch != held:
                raise ValueError(_OTHER_BATCH.format(held, batch))
        if given is None:
            given = self.states if self.stateful else self.get_initial_state(_batch(sequences))
        given = list(given) if isinstance(given, list | tuple) else [given]
        return nest.map_structure(lambda x: _of_dtype(x, self._dtype), given)

    def _steps(self, step: Callable, states: list, xs: Sequence) -> tuple[list, Any, Any]:
        """The last states, the last output and all outputs of `step` over the rows of `xs`: inputs, mask.

        The last output is a state already, unless a mask says to keep one, or the cell is not known.
        """
        flat, place, masked = nest.flatten(states), stacking.output_state(self.cell), len(xs) > 1
        apart = masked or place is None
        if apart:
            flat.append(zeros([shape(xs[0])[1], stacking.output_size(self.cell)], self._dtype))

        def body(*given: Any) -> tuple[list, list]:
            carry, x = given[: len(flat)], given[len(flat) :]
            y, after = step(x[0], nest.pack_sequence_as(states, carry[:-1] if apart else carry))
            after = [*nest.flatten(after), *[y] * apart]
            if masked:
                instead = [*carry[:-1], zeros_like(y) if self.zero_output_for_mask else carry[-1]]
                after = [where(x[1], new, old) for new, old in zip(after, instead)]
                y = after[-1]
            return after, [y] * self.return_sequences

        if context.local.graph is None or self.unroll:
            rows = []
            for x in zip(*[unstack(x) for x in xs]):
                flat, row = body(*flat, *x)
                rows += row
            outputs = [stack(rows)] if rows else []
        else:
            flat, outputs = emit.loop(None, body, flat, [x.shape for x in flat], xs)
        last = flat[-1] if apart else flat[place or 0]
        return nest.pack_sequence_as(states, flat[:-1] if apart else flat), last, outputs

    def get_config(self) -> dict:
        return super().get_config() | {"cell": plain(self.cell)}

    @classmethod
    def from_config(cls, config: dict) -> Any:
        return cls(**config | {"cell": deserialize(config["cell"])})


def _batch(x: Any) -> Any:
    return shape(x)[0] if x.shape[0] is None else x.shape[0]


def _time_first(x: Any) -> Any:
    return transpose(x, [1, 0, *range(2, x.shape.rank)])


def _of_dtype(x: Any, dtype: DType) -> Any:
    x = tensor(x)
    return x if x.dtype == dtype else cast(x, dtype)


class _OfUnits(RNN):
    """A recurrent layer that makes its cell, and whose settings are that cell's."""

    makes: type[Any]

    def __init__(self, *args: Any, **kwargs: Any):
        for unused in ("implementation", "use_cudnn"):
            kwargs.pop(unused, None)
        of_cell = {key: kwargs.pop(key) for key in self.makes.settings if key in kwargs}
        common = {key: kwargs[key] for key in ("dtype", "trainable") if key in kwargs}
        cell = self.makes(*args, **of_cell, **common, name=self.makes.named)
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def __getattr__(self, name: str) -> Any:
        cell = vars(self).get("cell")
        if cell is not None and name in cell.settings:
            return getattr(cell, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def get_config(self) -> dict:
        own = Layer.get_config(self)
        return own | {name: setting(name, getattr(self.cell, name)) for name in self.cell.settings}

    @classmethod
    def from_config(cls, config: dict) -> Any:
        return cls(**config)


@signed(cells.SimpleRNNCell, RNN, without=("cell",))
class SimpleRNN(_OfUnits):
    """`h = activation(x @ kernel + h @ recurrent_kernel + bias)`, step by step.

    Takes the arguments of SimpleRNNCell and of RNN.

    >>> tf.keras.layers.SimpleRNN(4, return_sequences=True)(tf.ones([2, 5, 3])).shape
    TensorShape([2, 5, 4])
    """

    makes = cells.SimpleRNNCell


@signed(cells.LSTMCell, RNN, without=("cell",))
class LSTM(_OfUnits):
    """Long short-term memory: gates write, keep and read. States are the output and the memory.

    Takes the arguments of LSTMCell and of RNN.

    >>> y, h, c = tf.keras.layers.LSTM(4, return_state=True)(tf.ones([2, 5, 3]))
    >>> y.shape, c.shape
    (TensorShape([2, 4]), TensorShape([2, 4]))
    """

    makes = cells.LSTMCell


@signed(cells.GRUCell, RNN, without=("cell",))
class GRU(_OfUnits):
    """Gated recurrent units. Takes the arguments of GRUCell and of RNN.

    >>> tf.keras.layers.GRU(4)(tf.ones([2, 5, 3])).shape
    TensorShape([2, 4])
    """

    makes = cells.GRUCell

"""Recurrent cells, what a recurrent layer repeats: SimpleRNNCell, LSTMCell, GRUCell.

A cell computes in three parts, so that a layer can do for all steps at once what no state is in: `noise`
draws what dropout leaves out, the same at every step; `project` multiplies inputs by the kernel; `step` takes
one step's projection and the states to the output and the next states.
"""

from collections.abc import Sequence
from typing import Any

from nbtape.core.engine import tensor
from nbtape.ops.create import ones, zeros
from nbtape.ops.einsum import tensordot
from nbtape.ops.join import concat, split
from nbtape.ops.linalg import matmul
from nbtape.ops.measure import shape
from nbtape.ops.nn import dropout as dropped
from nbtape.ops.shape import expand_dims
from nbtape.train import activations
from nbtape.train.layers.layer import Layer
from nbtape.train.layers.signing import signed


class Cell(Layer):
    """A cell of `units` numbers, with a kernel and a recurrent kernel of as many columns for each gate."""

    gates, named = 1, "simple_rnn_cell"
    settings = (
        "units", "activation", "use_bias", "kernel_initializer", "recurrent_initializer", "bias_initializer",
        "kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "kernel_constraint",
        "recurrent_constraint", "bias_constraint", "dropout", "recurrent_dropout", "seed",
    )  # fmt: skip

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if units <= 0:
            raise ValueError(
                f"Received an invalid value for argument `units`, expected a positive integer, got {units}."
            )
        self.units, self.activation, self.use_bias = units, activations.get(activation), use_bias
        self.kernel_initializer, self.recurrent_initializer = kernel_initializer, recurrent_initializer
        self.bias_initializer, self.kernel_regularizer = bias_initializer, kernel_regularizer
        self.recurrent_regularizer, self.bias_regularizer = recurrent_regularizer, bias_regularizer
        self.kernel_constraint, self.recurrent_constraint = kernel_constraint, recurrent_constraint
        self.bias_constraint, self.seed = bias_constraint, seed
        self.dropout, self.recurrent_dropout = [min(1.0, max(0.0, x)) for x in (dropout, recurrent_dropout)]
        self.bias: Any = None

    @property
    def state_size(self) -> Any:
        """How many numbers each state has."""
        return self.units

    @property
    def output_size(self) -> int:
        return self.units

    def build(self, input_shape: Any) -> None:
        wide = self.units * self.gates
        self.kernel = self.add_weight(
            (input_shape[-1], wide),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, wide),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        if self.use_bias:
            self.bias = self._bias((wide,))

    def _bias(self, size: Sequence[int]) -> Any:
        return self.add_weight(
            size,
            self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
            name="bias",
        )

    def get_initial_state(self, batch_size: Any = None) -> list:
        """Zeros."""
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        return [zeros([batch_size, n], self._dtype) for n in sizes]

    def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
        held = list(states) if isinstance(states, list | tuple) else [states]
        noise = self.noise(shape(inputs)[0], training)
        y, after = self.step(self.project(inputs, noise), held, noise)
        return y, after if isinstance(states, list | tuple) else after[0]

    def noise(self, batch: Any, training: Any) -> tuple:
        """While training: factors of the inputs and of the last output that leave out a share of each."""
        sizes = (self.kernel.shape[0], self.dropout), (self.units, self.recurrent_dropout)
        if not training:
            return None, None
        return tuple([
            dropped(ones([batch, n], self._dtype), rate, seed=self.seed) if 0 < rate < 1 else None
            for n, rate in sizes
        ])  # fmt: skip

    def project(self, x: Any, noise: tuple) -> Any:
        """What the gates get from inputs, of one step or of (batch, steps, features)."""
        x, rank = tensor(x), x.shape.rank
        if noise[0] is not None:
            x = x * (noise[0] if rank == 2 else expand_dims(noise[0], 1))
        y = matmul(x, self.kernel) if rank == 2 else tensordot(x, self.kernel, 1)
        return y if self.bias is None else y + self._projected_bias()

    def _projected_bias(self) -> Any:
        return self.bias

    def step(self, x: Any, states: list, noise: tuple) -> tuple[Any, list]:
        """The output and the next states, for the projection of one step's inputs."""
        raise NotImplementedError


def _kept(h: Any, noise: tuple) -> Any:
    return h if noise[1] is None else h * noise[1]


class SimpleRNNCell(Cell):
    """`h = activation(x @ kernel + h @ recurrent_kernel + bias)`.

    >>> cell = tf.keras.layers.SimpleRNNCell(4)
    >>> y, states = cell(tf.ones([2, 3]), cell.get_initial_state(2))
    >>> y.shape, len(states)
    (TensorShape([2, 4]), 1)
    """

    def step(self, x: Any, states: list, noise: tuple) -> tuple[Any, list]:
        h = self.activation(x + matmul(_kept(states[0], noise), self.recurrent_kernel))
        return h, [h]


@signed(Cell)
class LSTMCell(Cell):
    """Long short-term memory: gates write, keep and read. The states are the output and the memory.

    >>> cell = tf.keras.layers.LSTMCell(4)
    >>> y, (h, c) = cell(tf.ones([2, 3]), cell.get_initial_state(2))
    >>> y is h, c.shape
    (True, TensorShape([2, 4]))
    """

    gates, named = 4, "lstm_cell"
    settings = (*Cell.settings, "recurrent_activation", "unit_forget_bias")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *args: Any,
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ):
        super().__init__(units, activation, use_bias, *args, **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    @property
    def state_size(self) -> list[int]:
        return [self.units, self.units]

    def _bias(self, size: Sequence[int]) -> Any:
        bias = super()._bias(size)
        if self.unit_forget_bias:
            n, value = self.units, tensor(bias)
            bias.assign(concat([value[:n], ones([n], value.dtype), value[2 * n :]], 0))
        return bias

    def step(self, x: Any, states: list, noise: tuple) -> tuple[Any, list]:
        h, c = states
        gate = self.recurrent_activation
        write, keep, new, read = split(x + matmul(_kept(h, noise), self.recurrent_kernel), 4, axis=1)
        c = gate(keep) * c + gate(write) * self.activation(new)
        h = gate(read) * self.activation(c)
        return h, [h, c]


@signed(Cell)
class GRUCell(Cell):
    """Gated recurrent units; the reset comes behind the product, as in cuDNN, if `reset_after`.

    >>> cell = tf.keras.layers.GRUCell(4)
    >>> cell(tf.ones([2, 3]), tf.zeros([2, 4]))[0].shape
    TensorShape([2, 4])
    """

    gates, named = 3, "gru_cell"
    settings = (*Cell.settings, "recurrent_activation", "reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *args: Any,
        reset_after: bool = True,
        **kwargs: Any,
    ):
        super().__init__(units, activation, use_bias, *args, **kwargs)
        self.recurrent_activation, self.reset_after = activations.get(recurrent_activation), reset_after

    def _bias(self, size: Sequence[int]) -> Any:
        return super()._bias((2, *size) if self.reset_after else size)

    def _projected_bias(self) -> Any:
        return self.bias[0] if self.reset_after else self.bias

    def step(self, x: Any, states: list, noise: tuple) -> tuple[Any, list]:
        (h,), n, gate, recurrent = states, self.units, self.recurrent_activation, self.recurrent_kernel
        kept = _kept(h, noise)
        if self.reset_after:
            inner = matmul(kept, recurrent)
            inner = inner if self.bias is None else inner + self.bias[1]
            z, r = gate(x[:, :n] + inner[:, :n]), gate(x[:, n : 2 * n] + inner[:, n : 2 * n])
            new = self.activation(x[:, 2 * n :] + r * inner[:, 2 * n :])
        else:
            both = matmul(kept, recurrent[:, : 2 * n])
            z, r = gate(x[:, :n] + both[:, :n]), gate(x[:, n : 2 * n] + both[:, n:])
            new = self.activation(x[:, 2 * n :] + matmul(r * kept, recurrent[:, 2 * n :]))
        h = z * h + (1.0 - z) * new
        return h, [h]

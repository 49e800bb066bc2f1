"""Recurrent layers, SimpleRNN, LSTM and GRU: a step of mathematics, scanned over (batch, steps, features)."""

from collections.abc import Sequence
from typing import Any

from nbtape.core.engine import tensor
from nbtape.graph.functional import scan
from nbtape.ops.create import ones, zeros
from nbtape.ops.einsum import tensordot
from nbtape.ops.join import concat, split
from nbtape.ops.layout import reverse
from nbtape.ops.linalg import matmul
from nbtape.ops.measure import shape
from nbtape.ops.shape import transpose
from nbtape.train import activations
from nbtape.train.keras_tensor import InputSpec
from nbtape.train.layer import Layer


class _Recurrent(Layer):
    """A layer with a state: `_step` gives the next one for what a step's input gave by the kernel."""

    gates, states = 1, 1
    settings = ("units", "activation", "use_bias", "kernel_initializer", "recurrent_initializer",
                "bias_initializer", "return_sequences", "return_state", "go_backwards")  # fmt: skip

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
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
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
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.bias = go_backwards, None
        self.input_spec = InputSpec(ndim=3)

    def build(self, sequences_shape: Any) -> None:
        size, wide = sequences_shape[-1], self.units * self.gates
        self.kernel = self.add_weight(
            (size, wide), self.kernel_initializer, regularizer=self.kernel_regularizer, name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, wide),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            name="recurrent_kernel",
        )
        if self.use_bias:
            self.bias = self._bias(wide)

    def _bias(self, wide: int) -> Any:
        return self.add_weight((wide,), self.bias_initializer, regularizer=self.bias_regularizer, name="bias")

    def _projected(self, x: Any) -> Any:
        y = tensordot(x, self.kernel, 1)
        return y if self.bias is None else y + self.bias

    def _step(self, states: Sequence, x: Any, recurrent: Any) -> tuple:
        raise NotImplementedError

    def call(self, sequences: Any, initial_state: Any = None) -> Any:
        x = transpose(self._projected(sequences), [1, 0, 2])
        if self.go_backwards:
            x = reverse(x, [0])
        if initial_state is None:
            batch = sequences.shape[0]
            start = zeros([shape(x)[1] if batch is None else batch, self.units], x.dtype)
            initial_state = (start,) * self.states
        elif not isinstance(initial_state, list | tuple):
            initial_state = (initial_state,)
        recurrent = tensor(self.recurrent_kernel)
        found = scan(lambda states, x: self._step(states, x, recurrent), x, tuple(initial_state))
        last = [s[-1] for s in found]
        y = transpose(found[0], [1, 0, 2]) if self.return_sequences else last[0]
        return (y, *last) if self.return_state else y


class SimpleRNN(_Recurrent):
    """`h = activation(x @ kernel + h @ recurrent_kernel + bias)`, step by step.

    >>> tf.keras.layers.SimpleRNN(4, return_sequences=True)(tf.ones([2, 5, 3])).shape
    TensorShape([2, 5, 4])
    """

    def _step(self, states: Sequence, x: Any, recurrent: Any) -> tuple:
        return (self.activation(x + matmul(states[0], recurrent)),)


class LSTM(_Recurrent):
    """Long short-term memory: a cell that gates write, keep and read. States are the output and the cell.

    >>> tf.keras.layers.LSTM(4)(tf.ones([2, 5, 3])).shape
    TensorShape([2, 4])
    """

    gates, states = 4, 2
    settings = (*_Recurrent.settings, "recurrent_activation", "unit_forget_bias")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ):
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def _bias(self, wide: int) -> Any:
        bias = super()._bias(wide)
        if self.unit_forget_bias:
            n, value = self.units, tensor(bias)
            bias.assign(concat([value[:n], ones([n], value.dtype), value[2 * n :]], 0))
        return bias

    def _step(self, states: Sequence, x: Any, recurrent: Any) -> tuple:
        h, c = states
        write, keep, new, read = split(x + matmul(h, recurrent), 4, axis=1)
        gate = self.recurrent_activation
        c = gate(keep) * c + gate(write) * self.activation(new)
        return gate(read) * self.activation(c), c


class GRU(_Recurrent):
    """Gated recurrent units; the reset comes behind the product, as in cuDNN, if `reset_after`.

    >>> tf.keras.layers.GRU(4)(tf.ones([2, 5, 3])).shape
    TensorShape([2, 4])
    """

    gates = 3
    settings = (*_Recurrent.settings, "recurrent_activation", "reset_after")

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        reset_after: bool = True,
        **kwargs: Any,
    ):
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation, self.reset_after = activations.get(recurrent_activation), reset_after

    def _bias(self, wide: int) -> Any:
        size = (2, wide) if self.reset_after else (wide,)
        return self.add_weight(size, self.bias_initializer, regularizer=self.bias_regularizer, name="bias")

    def _projected(self, x: Any) -> Any:
        y = tensordot(x, self.kernel, 1)
        if self.bias is None:
            return y
        return y + (self.bias[0] if self.reset_after else self.bias)

    def _step(self, states: Sequence, x: Any, recurrent: Any) -> tuple:
        (h,), n, gate = states, self.units, self.recurrent_activation
        if self.reset_after:
            inner = matmul(h, recurrent)
            inner = inner if self.bias is None else inner + self.bias[1]
            z, r = gate(x[:, :n] + inner[:, :n]), gate(x[:, n : 2 * n] + inner[:, n : 2 * n])
            new = self.activation(x[:, 2 * n :] + r * inner[:, 2 * n :])
        else:
            both = matmul(h, recurrent[:, : 2 * n])
            z, r = gate(x[:, :n] + both[:, :n]), gate(x[:, n : 2 * n] + both[:, n:])
            new = self.activation(x[:, 2 * n :] + matmul(r * h, recurrent[:, 2 * n :]))
        return (z * h + (1.0 - z) * new,)

"""Recurrent cells of TensorFlow 1, whose variables `get_variable` makes, and their unrolling in time."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nbtape.core import nest
from nbtape.core.engine import tensor
from nbtape.graph.functional import scan
from nbtape.ops.create import zeros
from nbtape.ops.functions import sigmoid, tanh
from nbtape.ops.join import concat, split
from nbtape.ops.linalg import matmul
from nbtape.ops.mask import where
from nbtape.ops.measure import shape
from nbtape.ops.nn import bias_add
from nbtape.ops.sequence import range as counted
from nbtape.ops.shape import expand_dims, transpose
from nbtape.state.initializers import Ones, Zeros
from nbtape.state.scopes.opening import variable_scope
from nbtape.state.scopes.store import get_variable, get_variable_scope


class LSTMStateTuple(NamedTuple):
    """The state of an LSTM cell: `c`, what it remembers, and `h`, what it says."""

    c: Any
    h: Any


class RNNCell:
    """The base of the cells: `cell(inputs, state)` gives an output and the next state.

    A subclass says `state_size`, `output_size` and, in `call`, what a step does; its variables are made in
    the scope `scope_name`, or `name`, at its first call, and found again by the others.
    """

    scope_name = "rnn_cell"
    state_size: Any
    output_size: int

    def __init__(self, name: str | None = None, reuse: Any = None):
        self._name, self._reuse, self._scope = name, reuse, None

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """One step: the output and the next state."""
        raise NotImplementedError(f"{type(self).__name__} must override `call`.")

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> tuple[Any, Any]:
        if self._scope is None:
            opened = variable_scope(scope or self._name or self.scope_name, reuse=self._reuse)
        else:
            opened = variable_scope(self._scope, reuse=True)
        with opened as self._scope:
            return self.call(tensor(inputs), state)

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """The state that everything starts from."""
        return nest.map_structure(lambda size: zeros([batch_size, size], dtype), self.state_size)


def _linear(xs: Sequence, units: int, bias: Any, prefix: str = "", kernel_initializer: Any = None) -> Any:
    """The cell's inputs, side by side, times a kernel, plus a bias."""
    joined = concat(list(xs), 1)
    kernel = get_variable(f"{prefix}kernel", [joined.shape[-1], units], joined.dtype, kernel_initializer)
    return bias_add(matmul(joined, kernel), get_variable(f"{prefix}bias", [units], joined.dtype, bias))


class BasicRNNCell(RNNCell):
    """output = state = activation([inputs, state] @ kernel + bias)."""

    scope_name = "basic_rnn_cell"

    def __init__(
        self, num_units: int, activation: Callable = tanh, reuse: Any = None, name: str | None = None
    ):
        super().__init__(name, reuse)
        self.state_size = self.output_size = num_units
        self._activation = activation

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        y = self._activation(_linear([inputs, state], self.output_size, Zeros()))
        return y, y


class BasicLSTMCell(RNNCell):
    """An LSTM cell without peepholes; `forget_bias` is added to what keeps its memory.

    >>> with tf.Graph().as_default():
    ...     cell = tf.compat.v1.nn.rnn_cell.BasicLSTMCell(4)
    ...     y, state = cell(tf.ones([2, 3]), cell.zero_state(2, tf.float32))
    ...     y.shape, [v.name for v in tf.compat.v1.trainable_variables()]
    (TensorShape([2, 4]), ['basic_lstm_cell/kernel:0', 'basic_lstm_cell/bias:0'])
    """

    scope_name = "basic_lstm_cell"

    def __init__(
        self,
        num_units: int,
        forget_bias: float = 1.0,
        state_is_tuple: bool = True,
        activation: Callable = tanh,
        reuse: Any = None,
        name: str | None = None,
    ):
        super().__init__(name, reuse)
        self.output_size, self._tuple = num_units, state_is_tuple
        self.state_size = LSTMStateTuple(num_units, num_units) if state_is_tuple else 2 * num_units
        self._forget_bias, self._activation = forget_bias, activation

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        c, h = state if self._tuple else split(state, 2, 1)
        i, j, f, o = split(_linear([inputs, h], 4 * self.output_size, Zeros()), 4, 1)
        c = c * sigmoid(f + self._forget_bias) + sigmoid(i) * self._activation(j)
        h = self._activation(c) * sigmoid(o)
        return h, LSTMStateTuple(c, h) if self._tuple else concat([c, h], 1)


class GRUCell(RNNCell):
    """A gated recurrent unit."""

    scope_name = "gru_cell"

    def __init__(
        self,
        num_units: int,
        activation: Callable = tanh,
        reuse: Any = None,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        name: str | None = None,
    ):
        super().__init__(name, reuse)
        self.state_size = self.output_size = num_units
        self._activation, self._kernel, self._bias = activation, kernel_initializer, bias_initializer

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        n = self.output_size
        gates = sigmoid(_linear([inputs, state], 2 * n, self._bias or Ones(), "gates/", self._kernel))
        r, u = split(gates, 2, 1)
        found = _linear([inputs, r * state], n, self._bias or Zeros(), "candidate/", self._kernel)
        y = u * state + (1.0 - u) * self._activation(found)
        return y, y


class MultiRNNCell(RNNCell):
    """Cells one above the other: each takes what the one below says."""

    scope_name = "multi_rnn_cell"

    def __init__(self, cells: Sequence[RNNCell], state_is_tuple: bool = True):
        super().__init__()
        if not cells:
            raise ValueError("Must specify at least one cell for MultiRNNCell.")
        self._cells = list(cells)
        self.state_size = tuple([cell.state_size for cell in cells])
        self.output_size = cells[-1].output_size

    def call(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        after = []
        for i, (cell, own) in enumerate(zip(self._cells, state)):
            with variable_scope(f"cell_{i}"):
                inputs, own = cell(inputs, own)
            after.append(own)
        return inputs, tuple(after)


def static_rnn(
    cell: RNNCell,
    inputs: Sequence,
    initial_state: Any = None,
    dtype: Any = None,
    sequence_length: Any = None,
    scope: Any = None,
) -> tuple[list, Any]:
    """A cell applied to a list of inputs, one after the other: the outputs, and the last state.

    From `sequence_length` of a row on its outputs are 0 and its state stays.
    """
    inputs = [tensor(x) for x in inputs]
    if not inputs:
        raise ValueError("inputs must not be empty")
    with variable_scope(scope, "rnn"):
        state, outputs = _start(cell, inputs[0], initial_state, dtype), []
        for t, x in enumerate(inputs):
            if t:
                get_variable_scope().reuse_variables()
            y, state = _step(cell, x, state, t, sequence_length)
            outputs.append(y)
        return outputs, state


def dynamic_rnn(
    cell: RNNCell,
    inputs: Any,
    sequence_length: Any = None,
    initial_state: Any = None,
    dtype: Any = None,
    parallel_iterations: Any = None,
    swap_memory: bool = False,
    time_major: bool = False,
    scope: Any = None,
) -> tuple[Any, Any]:
    """A cell applied along the time of `inputs`, the second axis (the first if `time_major`), in a loop.

    Returns the outputs, and the last state. From `sequence_length` of a row on its outputs are 0 and its
    state stays.

    >>> with tf.Graph().as_default():
    ...     cell = tf.compat.v1.nn.rnn_cell.GRUCell(4)
    ...     tf.compat.v1.nn.dynamic_rnn(cell, tf.ones([2, 7, 3]), dtype=tf.float32)[0].shape
    TensorShape([2, 7, 4])
    """
    x = tensor(inputs)
    x = x if time_major else transpose(x, [1, 0, *range(2, x.shape.rank or 3)])
    with variable_scope(scope, "rnn"):
        state = _start(cell, x[0], initial_state, dtype)
        nothing = zeros([shape(x)[1], cell.output_size], x.dtype)

        def step(before: Any, given: Any) -> Any:
            return _step(cell, given[0], before[1], given[1], sequence_length)

        outputs, states = scan(step, (x, counted(shape(x)[0])), (nothing, state))
        last = nest.map_structure(lambda s: s[-1], states)
    return (outputs if time_major else transpose(outputs, [1, 0, 2])), last


def _start(cell: RNNCell, x: Any, initial_state: Any, dtype: Any) -> Any:
    if initial_state is not None:
        return initial_state
    if dtype is None:
        raise ValueError("If there is no initial_state, you must give a dtype.")
    return cell.zero_state(shape(x)[0] if x.shape[0] is None else x.shape[0], dtype)


def _step(cell: RNNCell, x: Any, state: Any, t: Any, lengths: Any) -> tuple[Any, Any]:
    """One step in time, which leaves rows alone that are over."""
    y, after = cell(x, state)
    if lengths is None:
        return y, after
    goes_on = expand_dims(tensor(lengths) > t, 1)
    kept = nest.map_structure(lambda new, old: where(goes_on, new, old), after, state)
    return where(goes_on, y, 0.0), kept

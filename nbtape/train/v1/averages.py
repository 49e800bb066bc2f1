"""Exponential moving averages of variables and tensors, kept in variables of their own."""

from collections.abc import Iterable
from typing import Any

from nbtape.core import context
from nbtape.core.dtype import float32
from nbtape.core.engine import o, tensor
from nbtape.graph.effects import group
from nbtape.graph.symbolic import SymbolicTensor
from nbtape.graph.v1.setting import init_scope
from nbtape.ops.arithmetic import cast
from nbtape.ops.create import zeros
from nbtape.state.graph_variable import VariableV1
from nbtape.state.scopes.collection import (
    GraphKeys,
    add_to_collection,
    get_collection,
    global_variables,
    moving_average_variables,
    trainable_variables,
)
from nbtape.state.scopes.scope import name_scope
from nbtape.state.variable import Variable


class ExponentialMovingAverage:
    """Keeps averages: average = decay*average + (1 - decay)*value, at each run of what `apply` returns.

    With `num_updates` the decay is at most (1 + num_updates) / (10 + num_updates), so that averages move fast
    at first. Those of variables start from their initial values, those of tensors from 0, which `zero_debias`
    makes up for.

    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    ...     v = tf.Variable(1.0)
    ...     ema = tf.compat.v1.train.ExponentialMovingAverage(0.75)
    ...     update = ema.apply([v])
    ...     sess.run(tf.compat.v1.global_variables_initializer())
    ...     sess.run([v.initializer, v.assign(5.0)])[0]
    ...     sess.run(update)
    ...     sess.run(ema.average(v))
    np.float32(2.0)
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ):
        self._decay, self._num_updates, self._zero_debias, self._name = decay, num_updates, zero_debias, name
        self._averages: dict[int, tuple[Any, Any, Any]] = {}  # what is averaged, its average, and how often

    @property
    def name(self) -> str:
        return self._name

    def apply(self, var_list: Iterable[Any] | None = None) -> Any:
        """The operation that moves the averages of `var_list`, by default of all trainable variables."""
        given = trainable_variables() if var_list is None else list(var_list)
        for x in given:
            if x.dtype.name not in ("float16", "bfloat16", "float32", "float64"):
                raise TypeError(f"The variables must be half, float, or double: {x.name}")
        for x in given:
            if _key(x) not in self._averages:
                with init_scope():
                    self._averages[_key(x)] = x, self._made(x), self._counter(x)
            if isinstance(x, Variable) and context.local.graph is not None:
                known = get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES)
                if all(v is not x for v in known):
                    add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, x)
        with name_scope(self._name) as scope:
            decay = cast(tensor(self._decay), float32)
            if self._num_updates is not None:
                n = cast(tensor(self._num_updates), float32)
                decay = o.minimum(decay, (1.0 + n) / (10.0 + n))
            return group(*[self._moved(*self._averages[_key(x)], decay) for x in given], name=scope)

    def _made(self, x: Any) -> Any:
        start = x.initialized_value() if isinstance(x, Variable) else lambda: zeros(x.shape, x.dtype)
        with name_scope(""):
            return VariableV1(start, trainable=False, name=self.average_name(x))

    def _counter(self, x: Any) -> Any:
        if isinstance(x, Variable) or not self._zero_debias:
            return None
        with name_scope(""):
            return VariableV1(0.0, trainable=False, name=f"{self.average_name(x)}/local_step")

    def _moved(self, x: Any, average: Any, counter: Any, decay: Any) -> list:
        """The operations that move one average."""
        value, decay = tensor(x), cast(decay, x.dtype)
        if counter is None:
            return [average.assign_sub((average - value) * (1 - decay), read_value=False)]
        # The sum of what was taken in, which the average is divided by, is 1 - decay**n after n times.
        before, after = 1 - decay**counter, 1 - decay ** (counter + 1.0)
        total = average * before * decay + value * (1 - decay)
        return [
            average.assign(total / after, read_value=False),
            counter.assign_add(1.0, read_value=False),
        ]

    def average(self, var: Any) -> Any:
        """The variable that holds an average, None for what is not averaged."""
        found = self._averages.get(_key(var))
        return None if found is None else found[1]

    def average_name(self, var: Any) -> str:
        """The name of the variable that holds an average, without `:0`."""
        own = var.op.name if isinstance(var, SymbolicTensor) else str(var.name).removesuffix(":0")
        return f"{own}/{self._name}"

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Any]:
        """For a Saver: variables by the names of their averages, and those that have none by their own."""
        averaged = [*(moving_avg_variables or (*trainable_variables(), *moving_average_variables()))]
        found = {self.average_name(v): v for v in averaged}
        own = {id(v) for v in averaged}
        rest = [v for v in global_variables() if id(v) not in own and v.op.name not in found]
        return found | {v.op.name: v for v in rest}


def _key(x: Any) -> int:
    return x._serial if isinstance(x, Variable) else -1 - id(x)

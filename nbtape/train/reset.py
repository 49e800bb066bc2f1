"""reset: a fresh start without a fresh process."""

from nbtape.core import context
from nbtape.graph.v1.default import reset_default_graph
from nbtape.ops.sampler import set_seed
from nbtape.program.session import InteractiveSession
from nbtape.state.scopes.store import forget_variables
from nbtape.train import naming


def reset() -> None:
    """Start afresh: an empty default graph without collections, no variables under any name, no seeds,
    and names of layers and optimizers counted from the first.

    Sessions that were opened by `InteractiveSession` are closed. What the program still holds itself, such as
    variables and models, stays as it is. Raises AssertionError inside of a `with graph.as_default()` block.

    >>> w = tf.compat.v1.get_variable("doc_reset", [2])
    >>> tf.reset()
    >>> tf.compat.v1.get_variable("doc_reset", [3]).shape
    TensorShape([3])
    """
    while isinstance(context.local.session, InteractiveSession):
        context.local.session.close()
    reset_default_graph()
    forget_variables()
    naming.reset()
    with context.paused():  # the process's seed, if operations go into the default graph
        set_seed(None)


def clear_session(free_memory: bool = True) -> None:
    """Count the names of layers and optimizers from the first again, as in a new process. What the program
    does not hold any more is freed anyway, so `free_memory` changes nothing.

    >>> tf.keras.backend.clear_session()
    >>> tf.keras.layers.Dense(1).name
    'dense'
    """
    naming.reset()

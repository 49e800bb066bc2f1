"""Collections: lists of a graph by name, in which programs of TensorFlow 1 find variables, losses, ..."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from nbtape.core import context
from nbtape.graph.v1.contents import Contents


class GraphKeys:
    """The names of the collections that nbtape and TensorFlow themselves use."""

    GLOBAL_VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    METRIC_VARIABLES = "metric_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    SUMMARIES = "summaries"
    QUEUE_RUNNERS = "queue_runners"
    TABLE_INITIALIZERS = "table_initializer"
    ASSET_FILEPATHS = "asset_filepaths"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    REGULARIZATION_LOSSES = "regularization_losses"
    CONCATENATED_VARIABLES = "concatenated_variables"
    SAVERS = "savers"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    UPDATE_OPS = "update_ops"
    LOSSES = "losses"
    SAVEABLE_OBJECTS = "saveable_objects"
    RESOURCES = "resources"
    LOCAL_RESOURCES = "local_resources"
    TRAINABLE_RESOURCE_VARIABLES = "trainable_resource_variables"
    INIT_OP = "init_op"
    LOCAL_INIT_OP = "local_init_op"
    READY_OP = "ready_op"
    READY_FOR_LOCAL_INIT_OP = "ready_for_local_init_op"
    SUMMARY_OP = "summary_op"
    GLOBAL_STEP = "global_step"
    EVAL_STEP = "eval_step"
    TRAIN_OP = "train_op"
    COND_CONTEXT = "cond_context"
    WHILE_CONTEXT = "while_context"
    VARIABLES = GLOBAL_VARIABLES


class Later(NamedTuple):
    """What a regularizer gives for a variable, whenever it is asked for: it changes with the variable."""

    name: str
    regularizer: Callable
    variable: Any

    def now(self) -> Any:
        """What it gives now; an open tape sees how it is computed."""
        return self.regularizer(self.variable)


_eagerly = Contents("eagerly")  # the collections of what is made where operations run at once


def _here() -> Contents:
    """What has the collections: the graph that is open, or the process."""
    graph = context.local.graph
    return _eagerly if graph is None else graph


def forget_collections() -> None:
    """Empty the collections of what was made where operations run at once."""
    _eagerly.__init__("eagerly")


def add_to_collection(name: Any, value: Any) -> None:
    """Append `value` to the collection `name` of the graph that is open, or, where operations run at once, of
    the process.

    >>> with tf.Graph().as_default():
    ...     tf.compat.v1.add_to_collection("mine", 1)
    ...     tf.compat.v1.get_collection("mine")
    [1]
    """
    _here().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Append `value` to each of the collections `names`."""
    _here().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list:
    """A copy of the collection `key`, of the graph that is open or of the process; with `scope` only what has
    a name that matches this regular expression from its start.

    >>> w = tf.compat.v1.get_variable("doc/w", [2])  # where operations run at once
    >>> tf.compat.v1.trainable_variables("doc/")[0] is w
    True
    """
    found = [x.now() if isinstance(x, Later) else x for x in _here().get_collection(key, scope)]
    return found if key != GraphKeys.REGULARIZATION_LOSSES else [x for x in found if x is not None]


def get_collection_ref(key: Any) -> list:
    """The collection `key` itself, so that it can be changed."""
    return _here().get_collection_ref(key)


def collected(variables: Iterable[Any], collections: Any, trainable: bool, eagerly: bool = False) -> None:
    """Put new variables in their collections, by default GLOBAL_VARIABLES."""
    names = list([GraphKeys.GLOBAL_VARIABLES] if collections is None else collections)
    if trainable and GraphKeys.TRAINABLE_VARIABLES not in names:
        names.append(GraphKeys.TRAINABLE_VARIABLES)
    owner = _eagerly if eagerly else _here()
    for variable in variables:
        owner.add_to_collections(names, variable)


def weighed(name: str, regularizer: Callable, variable: Any) -> None:
    """Put what a regularizer gives for a variable, where operations run at once, among the losses."""
    _eagerly.add_to_collection(
        GraphKeys.REGULARIZATION_LOSSES, Later(f"{name}/Regularizer", regularizer, variable)
    )


def discarded(variables: Iterable[Any]) -> None:
    """Take variables, and what is asked of them, out of the collections of the process."""
    gone = {id(x) for x in variables}
    for name in _eagerly.collections:
        found = _eagerly.get_collection_ref(name)
        found[:] = [x for x in found if id(x.variable if isinstance(x, Later) else x) not in gone]


def global_variables(scope: str | None = None) -> list:
    """The variables that are neither local nor of a collection of their own."""
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list:
    """The variables that are in LOCAL_VARIABLES: those that no checkpoint keeps."""
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list:
    """The variables that are in MODEL_VARIABLES."""
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list:
    """The variables that optimizers train."""
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list:
    """The variables that have moving averages."""
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)

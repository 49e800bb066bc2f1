"""Collections: lists of a graph by name, in which programs of TensorFlow 1 find variables, losses, ..."""

from collections.abc import Iterable
from typing import Any

from nbtape.core import context
from nbtape.graph.default import get_default_graph


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


def add_to_collection(name: Any, value: Any) -> None:
    """Append `value` to the collection `name` of the default graph.

    >>> with tf.Graph().as_default():
    ...     tf.compat.v1.add_to_collection("mine", 1)
    ...     tf.compat.v1.get_collection("mine")
    [1]
    """
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Append `value` to each of the collections `names`."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list:
    """A copy of the collection `key` of the default graph; with `scope` only what has a name that matches
    this regular expression from its start.
    """
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list:
    """The collection `key` of the default graph itself, so that it can be changed."""
    return get_default_graph().get_collection_ref(key)


def collected(variables: Iterable[Any], collections: Any, trainable: bool) -> None:
    """Put new variables in their collections, by default GLOBAL_VARIABLES."""
    names = list([GraphKeys.GLOBAL_VARIABLES] if collections is None else collections)
    if trainable and GraphKeys.TRAINABLE_VARIABLES not in names:
        names.append(GraphKeys.TRAINABLE_VARIABLES)
    graph = context.local.graph
    for variable in variables:
        graph.add_to_collections(names, variable)


def global_variables(scope: str | None = None) -> list:
    """The variables of the default graph that are neither local nor of a collection of their own."""
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list:
    """The variables of the default graph that are in LOCAL_VARIABLES: those that no checkpoint keeps."""
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list:
    """The variables of the default graph that are in MODEL_VARIABLES."""
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list:
    """The variables of the default graph that optimizers train."""
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list:
    """The variables of the default graph that have moving averages."""
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)

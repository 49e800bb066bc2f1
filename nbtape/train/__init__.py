"""What people train with, and what outlives training: `tf.train`."""

from nbtape.graph.v1.cluster import ClusterSpec as ClusterSpec
from nbtape.state.saving.checkpoint import Checkpoint as Checkpoint, CheckpointOptions as CheckpointOptions
from nbtape.state.saving.checkpoint_state import (
    checkpoints_iterator as checkpoints_iterator,
    get_checkpoint_state as get_checkpoint_state,
    latest_checkpoint as latest_checkpoint,
)
from nbtape.state.saving.manager import CheckpointManager as CheckpointManager
from nbtape.state.saving.reading import (
    list_variables as list_variables,
    load_checkpoint as load_checkpoint,
    load_variable as load_variable,
)
from nbtape.train import experimental as experimental
from nbtape.train.v1.averages import ExponentialMovingAverage as ExponentialMovingAverage

"""TensorFlow 1's `tf.train`."""

from nbtape.graph.v1.cluster import (
    ClusterSpec as ClusterSpec,
    GreedyLoadBalancingStrategy as GreedyLoadBalancingStrategy,
    RoundRobinStrategy as RoundRobinStrategy,
    byte_size_load_fn as byte_size_load_fn,
    replica_device_setter as replica_device_setter,
)
from nbtape.state.saving.bundle import CheckpointReader as NewCheckpointReader
from nbtape.state.saving.checkpoint import Checkpoint as Checkpoint, CheckpointOptions as CheckpointOptions
from nbtape.state.saving.checkpoint_state import (
    checkpoint_exists as checkpoint_exists,
    checkpoints_iterator as checkpoints_iterator,
    generate_checkpoint_state_proto as generate_checkpoint_state_proto,
    get_checkpoint_mtimes as get_checkpoint_mtimes,
    get_checkpoint_state as get_checkpoint_state,
    latest_checkpoint as latest_checkpoint,
    remove_checkpoint as remove_checkpoint,
    update_checkpoint_state as update_checkpoint_state,
)
from nbtape.state.saving.first_checkpoint import init_from_checkpoint as init_from_checkpoint
from nbtape.state.saving.manager import CheckpointManager as CheckpointManager
from nbtape.state.saving.reading import (
    list_variables as list_variables,
    load_checkpoint as load_checkpoint,
    load_variable as load_variable,
)
from nbtape.train import experimental as experimental
from nbtape.train.summaries.files import (
    summary_iterator as summary_iterator,
    write_graph as write_graph,
)
from nbtape.train.v1.averages import ExponentialMovingAverage as ExponentialMovingAverage
from nbtape.train.v1.decays import (
    cosine_decay as cosine_decay,
    exponential_decay as exponential_decay,
    inverse_time_decay as inverse_time_decay,
    natural_exp_decay as natural_exp_decay,
    piecewise_constant as piecewise_constant,
    piecewise_constant as piecewise_constant_decay,
    polynomial_decay as polynomial_decay,
)
from nbtape.train.v1.global_step import (
    create_global_step as create_global_step,
    get_global_step as get_global_step,
    get_or_create_global_step as get_or_create_global_step,
    global_step as global_step,
)
from nbtape.train.v1.optimizers import (
    AdadeltaOptimizer as AdadeltaOptimizer,
    AdagradOptimizer as AdagradOptimizer,
    AdamOptimizer as AdamOptimizer,
    GradientDescentOptimizer as GradientDescentOptimizer,
    GraphOptimizer as Optimizer,
    MomentumOptimizer as MomentumOptimizer,
    RMSPropOptimizer as RMSPropOptimizer,
)
from nbtape.train.v1.saver import Saver as Saver

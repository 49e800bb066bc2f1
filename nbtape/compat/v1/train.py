"""TensorFlow 1's `tf.train`."""

from nbtape.graph.cluster import (
    ClusterSpec as ClusterSpec,
    GreedyLoadBalancingStrategy as GreedyLoadBalancingStrategy,
    RoundRobinStrategy as RoundRobinStrategy,
    byte_size_load_fn as byte_size_load_fn,
    replica_device_setter as replica_device_setter,
)
from nbtape.train.averages import ExponentialMovingAverage as ExponentialMovingAverage
from nbtape.train.decays import (
    cosine_decay as cosine_decay,
    exponential_decay as exponential_decay,
    inverse_time_decay as inverse_time_decay,
    natural_exp_decay as natural_exp_decay,
    piecewise_constant as piecewise_constant,
    piecewise_constant as piecewise_constant_decay,
    polynomial_decay as polynomial_decay,
)
from nbtape.train.global_step import (
    create_global_step as create_global_step,
    get_global_step as get_global_step,
    get_or_create_global_step as get_or_create_global_step,
    global_step as global_step,
)
from nbtape.train.graph_optimizers import (
    AdadeltaOptimizer as AdadeltaOptimizer,
    AdagradOptimizer as AdagradOptimizer,
    AdamOptimizer as AdamOptimizer,
    GradientDescentOptimizer as GradientDescentOptimizer,
    GraphOptimizer as Optimizer,
    MomentumOptimizer as MomentumOptimizer,
    RMSPropOptimizer as RMSPropOptimizer,
)

"""TensorFlow 1's names."""

from nbtape.graph.gradients import gradients as gradients, hessians as hessians
from nbtape.graph.graph import (
    Graph as Graph,
    get_default_graph as get_default_graph,
    reset_default_graph as reset_default_graph,
)
from nbtape.graph.symbolic import Operation as Operation
from nbtape.ops.clip import clip_by_average_norm as clip_by_average_norm
from nbtape.state.store import get_variable as get_variable

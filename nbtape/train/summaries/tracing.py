"""Graphs for TensorBoard: one that is given, or those of the functions that run between two points."""

from typing import Any

from nbtape.core import context
from nbtape.core.engine import tensor
from nbtape.graph.graph import Graph
from nbtape.graph.v1.graph_def import graph_def
from nbtape.graph.v1.protos import GraphDef, RunMetadata, SummaryMetadata
from nbtape.ops.create import constant
from nbtape.program.routine import listeners
from nbtape.train.summaries.record import summary_scope, write
from nbtape.train.summaries.writers import should_record_summaries, state

_NO_PROFILE = (
    "nbtape records graphs for TensorBoard, and no profiles: write tf.summary.trace_on(), and look at "
    "`fn.plan` for what a function costs."
)
_seen: list[dict[int, Any]] = []  # the graphs that ran since `trace_on`, by their ids


def graph(graph_data: Any) -> Any:
    """Record a Graph, or a GraphDef; gives whether it was recorded.

    Raises RuntimeError inside a graph or a function, ValueError for anything else.
    """
    if context.local.graph is not None:
        raise RuntimeError("graph() cannot be invoked inside a graph context.")
    if not should_record_summaries():
        return constant(False)
    state.writer.value.add(graph_def=_as_graph_def(graph_data).SerializeToString())
    return constant(True)


def _as_graph_def(graph_data: Any) -> Any:
    if isinstance(graph_data, Graph):
        return graph_def(graph_data)
    if isinstance(graph_data, GraphDef.resolve()):
        return graph_data
    raise ValueError(
        "Argument `graph_data` is not tf.Graph or tf.compat.v1.GraphDef. Received: "
        f"graph_data={graph_data} of type {type(graph_data).__name__}."
    )


def trace_on(graph: bool = True, profiler: bool = False, profiler_outdir: Any = None) -> None:
    """Collect the graphs of the functions that run from now on, until `trace_export` or `trace_off`."""
    if profiler or profiler_outdir is not None:
        raise ValueError(_NO_PROFILE)
    trace_off()
    if graph:
        _seen.append({})
        listeners.append(_saw)


def _saw(graph: Any) -> None:
    _seen[-1][id(graph)] = graph


def trace_off() -> None:
    """Collect no more graphs, and let go of those that were not exported."""
    if _seen:
        _seen.clear()
        listeners.remove(_saw)


def trace_export(name: str, step: Any = None, profiler_outdir: Any = None) -> None:
    """Record the graphs that were collected, as the run `name` in TensorBoard's Graphs; stops collecting.

    Raises ValueError without a `trace_on` before.
    """
    if not _seen:
        raise ValueError("Must enable trace before export through tf.summary.trace_on.")
    found = RunMetadata()
    for each in _seen[-1].values():
        made = graph_def(each)
        found.partition_graphs.append(made)
        function = found.function_graphs.add()
        function.partition_graphs.append(made)
        function.pre_optimization_graph.CopyFrom(made)
    trace_off()
    plugin = SummaryMetadata.PluginData(plugin_name="graph_run_metadata_graph", content=b"1")
    with summary_scope(name) as (tag, _):
        write(tag, tensor(found.SerializeToString()), step, SummaryMetadata(plugin_data=plugin))

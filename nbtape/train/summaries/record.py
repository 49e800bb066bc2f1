"""tf.summary: numbers, distributions, images and texts for TensorBoard.

In a function a summary is recorded each time that it runs: by the writer that is the default one then, at the
step that is set then, and if it is to be recorded then. What the function itself sets holds within it.
"""

from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import float32, float64, int64, string
from nbtape.core.engine import Tensor, apply, o, tensor as as_tensor
from nbtape.core.shape import Spec
from nbtape.graph.run import EFFECTS
from nbtape.ops.arithmetic import cast
from nbtape.ops.create import constant
from nbtape.ops.row import op
from nbtape.state.scopes.scope import name_scope
from nbtape.state.variable import Variable
from nbtape.train.summaries import entries
from nbtape.train.summaries.entries import Entry
from nbtape.train.summaries.writers import as_truth, asked, state

_NO_STEP = (
    "No step set. Please specify one either through the `step` argument or through "
    "tf.summary.experimental.set_step()"
)


def scalar(name: str, data: Any, step: Any = None, description: str | None = None) -> Any:
    """Record a number, for a curve over the steps; gives whether it was recorded.

    `step` is by default the one that `tf.summary.experimental.set_step` set. The tag is `name` in the name
    scopes that are open. Raises ValueError where there is a default writer but no step.

    >>> bool(tf.summary.scalar("loss", 0.5, step=1))  # no writer is the default one
    False
    """
    data = as_tensor(data)
    _check_rank(data, 0, "scalar")
    return _recorded(Entry(entries.scalar, _tag(name), (description,)), cast(data, float32), step)


def histogram(
    name: str, data: Any, step: Any = None, buckets: int | None = None, description: str | None = None
) -> Any:
    """Record how values are distributed, in `buckets` (30) of equal width; what is not finite is left out."""
    options = 30 if buckets is None else buckets, description
    return _recorded(Entry(entries.histogram, _tag(name), options), cast(as_tensor(data), float64), step)


def image(
    name: str, data: Any, step: Any = None, max_outputs: int = 3, description: str | None = None
) -> Any:
    """Record the first `max_outputs` of images, of shape (images, height, width, channels): uint8, or floats
    from 0 to 1.
    """
    data = as_tensor(data)
    _check_rank(data, 4, "image")
    return _recorded(Entry(entries.image, _tag(name), (max_outputs, description)), data, step)


def text(name: str, data: Any, step: Any = None, description: str | None = None) -> Any:
    """Record a string, or an array of strings, which TensorBoard shows as Markdown without scripts."""
    data = as_tensor(data)
    if data.dtype is not string:
        raise ValueError(f"Text summaries have strings, got dtype {data.dtype.name}.")
    return _recorded(Entry(entries.text_entry, _tag(name), (description,)), data, step)


def write(tag: str, tensor: Any, step: Any = None, metadata: Any = None, name: str | None = None) -> Any:
    """Record any tensor, under a tag that is taken as it is; `metadata` says which plugin shows it."""
    told = None if metadata is None else metadata.SerializeToString()
    return _recorded(Entry(entries.written, tag, (told,)), as_tensor(tensor), step)


def write_raw_pb(tensor: Any, step: Any = None, name: str | None = None) -> Any:
    """Record summaries that are there already, as a string that holds a Summary."""
    return _recorded(Entry(entries.parsed, ""), as_tensor(tensor), step)


@contextmanager
def summary_scope(name: str, default_name: str = "summary", values: Any = None):
    """A `with` block for recording one summary: its tag, and the name scope of its operations."""
    tag = _tag(name or default_name)
    with name_scope(entries.clean(name)) as scope:
        yield tag, scope


def _tag(name: str) -> str:
    return context.local.scope + name


def _check_rank(data: Any, rank: int, kind: str) -> None:
    if data.shape.rank not in (None, rank):
        raise ValueError(f"Expected {kind} shape, of rank {rank}, saw shape: {data.shape}.")


class Live(NamedTuple):
    """What a summary in a graph asks for when it runs."""

    writer: bool
    step: bool
    recording: bool


_EAGERLY = Live(False, False, False)
_NONE = np.iinfo(np.int64).min  # stands for a step that is not known yet


def _recorded(entry: Entry, data: Tensor, step: Any) -> Any:
    """Whether a summary was recorded, or will be when the graph runs."""
    writer, live, wanted = state.writer.value, _EAGERLY, True
    if context.local.graph is not None:
        set_outside = not (state.step.traced or isinstance(state.step.value, Tensor | Variable))
        live = Live(not state.writer.traced, step is None and set_outside, not state.recording.traced)
    elif writer is None:
        return constant(False)
    if not live.recording:
        wanted = asked(state.recording.value)
    step = state.step.value if step is None else step
    if step is None and not live.step:
        raise ValueError(_NO_STEP)
    step = constant(_NONE, int64) if step is None else cast(as_tensor(step), int64)
    return apply(o.write_summary, as_truth(wanted), step, data, entry=entry, writer=writer, live=live)


def _write(wanted, step, data, *, entry, writer, live):
    if live.writer and state.writer.value is not None:
        writer = state.writer.value
    if writer is None:
        return np.bool_(False)
    with context.paused():
        if live.recording:
            wanted = asked(state.recording.value)
        if live.step and state.step.value is not None:
            step = int(state.step.value)
    if step == _NONE:
        raise ValueError(_NO_STEP)
    if wanted:
        writer.record(int(step), entry, data)
    return np.bool_(bool(wanted))


op("write_summary", _write, lambda *specs, **attrs: Spec((), np.dtype(np.bool_)))
EFFECTS.add("write_summary")

"""Summaries of TensorFlow 1: operations that give a Summary as a string, for `FileWriter.add_summary`."""

from collections import Counter
from typing import Any

import numpy as np

from nbtape.core import context
from nbtape.core.dtype import string
from nbtape.core.engine import apply, o, tensor as as_tensor
from nbtape.core.errors import invalid
from nbtape.core.shape import Spec
from nbtape.graph.v1.protos import Summary, SummaryMetadata
from nbtape.ops.row import op
from nbtape.state.scopes.collection import GraphKeys, add_to_collections, get_collection
from nbtape.state.scopes.scope import name_scope
from nbtape.train.summaries import entries, entries_v1
from nbtape.train.summaries.entries import Entry, clean

_TEXT = Spec((), string.np)


def scalar(name: str, tensor: Any, collections: Any = None, family: str | None = None) -> Any:
    """A summary of a number, as a string; put in `collections`, by default SUMMARIES.

    The tag is the name of the operation, with `family` before it.
    """
    return _summary(entries_v1.number, name, tensor, (), collections, family)


def histogram(name: str, values: Any, collections: Any = None, family: str | None = None) -> Any:
    """A summary of how values are distributed; raises InvalidArgumentError for what is not finite."""
    return _summary(entries_v1.distribution, name, values, (), collections, family)


def image(
    name: str, tensor: Any, max_outputs: int = 3, collections: Any = None, family: str | None = None
) -> Any:
    """A summary of the first images of a tensor of shape (images, height, width, channels).

    uint8 is taken as it is. Floats are scaled, each image by itself, so that the largest is white, or, if
    some are negative, so that 0 is grey. What is not finite is red.
    """
    return _summary(entries_v1.images, name, tensor, (max_outputs,), collections, family)


def text(name: str, tensor: Any, collections: Any = None) -> Any:
    """A summary of a string, or of an array of them."""
    found = as_tensor(tensor)
    if found.dtype is not string:
        raise ValueError(f"Expected tensor {found} to have dtype string, got {found.dtype}")
    return _summary(entries.text_entry, name, found, (None,), collections, None)


def tensor_summary(
    name: str,
    tensor: Any,
    summary_description: str | None = None,
    collections: Any = None,
    summary_metadata: Any = None,
    family: str | None = None,
    display_name: str | None = None,
) -> Any:
    """A summary of any tensor."""
    told = SummaryMetadata(display_name=display_name, summary_description=summary_description)
    if summary_metadata is not None:
        told.MergeFrom(summary_metadata)
    return _summary(entries.written, name, tensor, (told.SerializeToString(),), collections, family)


def merge(inputs: Any, collections: Any = None, name: str | None = None) -> Any:
    """One summary of all `inputs`, in which no tag may stand twice."""
    with name_scope(name or "Merge"):
        found = apply(o.merge_summary, *[as_tensor(x) for x in inputs])
    add_to_collections(collections or (), found)
    return found


def merge_all(key: Any = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None) -> Any:
    """One summary of all that the collection `key` of the default graph has, None where it has nothing."""
    found = get_collection(key, scope)
    return merge(found, name=name) if found else None


def all_v2_summary_ops() -> list | None:
    """The operations of `tf.summary` in the graph that is open, None where operations run at once."""
    graph = context.local.graph
    if graph is None:
        return None
    return [operation for operation in graph.get_operations() if operation.node.op is o.write_summary]


def _summary(make: Any, name: str, data: Any, options: tuple, collections: Any, family: str | None) -> Any:
    base = clean(name) if family is None else f"{clean(family)}/{clean(name)}"
    before = "" if family is None else f"{clean(family)}/"
    graph = context.local.graph
    if graph is None:
        entry = Entry(make, before + context.local.scope + base, options)
        return apply(o.summary, as_tensor(data), entry=entry)
    scope = graph.enter_scope(context.local.scope, base)
    with graph.names.together(scope):
        found = apply(o.summary, as_tensor(data), entry=Entry(make, before + scope[:-1], options))
    add_to_collections([GraphKeys.SUMMARIES] if collections is None else collections, found)
    return found


def _as_string(summary: Any) -> Any:
    return np.array(summary.SerializeToString(), object)


def _merged(*inputs: Any) -> Any:
    whole = Summary()
    for each in inputs:
        for part in np.ravel(each):
            whole.MergeFromString(part)
    tags = Counter([value.tag for value in whole.value])
    for tag, count in tags.items():
        if count > 1:
            raise invalid(f"Duplicate tag {tag} found in summary inputs")
    return _as_string(whole)


op("summary", lambda value, *, entry: _as_string(entry(value)), lambda spec, *, entry: _TEXT)
op("merge_summary", _merged, lambda *specs: _TEXT)

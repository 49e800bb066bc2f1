"""tf.compat.v1.summary: summaries as operations of a graph, and files of them for TensorBoard."""

from nbtape.graph.v1.protos import (
    Event as Event,
    SessionLog as SessionLog,
    Summary as Summary,
    TaggedRunMetadata as TaggedRunMetadata,
)
from nbtape.train.summaries.files import FileWriter as FileWriter, FileWriterCache as FileWriterCache
from nbtape.train.summaries.v1 import (
    all_v2_summary_ops as all_v2_summary_ops,
    histogram as histogram,
    image as image,
    merge as merge,
    merge_all as merge_all,
    scalar as scalar,
    tensor_summary as tensor_summary,
    text as text,
)

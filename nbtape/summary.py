"""Summaries for TensorBoard: curves, distributions, images, texts and graphs."""

from nbtape.train.summaries import experimental as experimental
from nbtape.train.summaries.record import (
    histogram as histogram,
    image as image,
    scalar as scalar,
    text as text,
    write as write,
)
from nbtape.train.summaries.tracing import (
    graph as graph,
    trace_export as trace_export,
    trace_off as trace_off,
    trace_on as trace_on,
)
from nbtape.train.summaries.writers import (
    SummaryWriter as SummaryWriter,
    create_file_writer as create_file_writer,
    create_noop_writer as create_noop_writer,
    flush as flush,
    record_if as record_if,
    should_record_summaries as should_record_summaries,
)

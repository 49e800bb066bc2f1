"""A run as an event file for TensorBoard."""

from typing import Any

import numpy as np

from nbtape.train.summaries import entries
from nbtape.train.summaries.writers import create_file_writer


def write_events(run: Any, logdir: Any) -> None:
    """Write an event file: curves, gradients that were looked at, and the journal as text."""
    writer = create_file_writer(logdir)
    for name, series in run.history.series.items():
        for step, value in zip(series.steps.tolist(), series.values.astype(np.float32)):
            writer.add(step=step, summary=entries.scalar(name, value, None))
    for step, found in run.table.past.items():
        for name, counted in found.items():
            rows = _rows(**counted)
            writer.add(step=step, summary=entries.counted(f"gradients/{name}", rows, None))
    if run.journal.interventions:
        writer.add(step=run.step, summary=entries.text_entry("journal", _as_code(run.journal.code()), None))
    writer.close()


def _rows(low: float, high: float, counts: list[int]) -> np.ndarray:
    edges = np.linspace(low, high, len(counts) + 1)
    return np.stack([edges[:-1], edges[1:], np.array(counts, float)], axis=1)


def _as_code(text: str) -> str:
    """A program as Markdown shows it."""
    return "".join([f"    {line}\n" for line in text.splitlines()])

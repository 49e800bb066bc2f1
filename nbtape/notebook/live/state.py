"""What a panel is told, as plain dicts: all of it, or what is new."""

import math
import time
from typing import Any

from nbtape.notebook.live.memory import memory
from nbtape.notebook.live.series import Series, thinned

_NEW, _ALL = 200, 2400  # points of a new stretch of a curve, of all curves together, in one message


def progress(run: Any) -> dict[str, Any]:
    """How far a run is, how fast, and how long it will take."""
    seconds = run.seconds or (time.monotonic() - run._began if run._began else 0.0)
    rate = run.step / seconds if seconds > 0 else 0.0
    left = (run.total - run.step) / rate if run.total and rate else None
    steps = f"{run.step:,} of {run.total:,}" if run.total else f"{run.step:,}"
    return {
        "state": run.state,
        "step": run.step,
        "total": run.total,
        "rate": rate,
        "seconds": seconds,
        "left": left,
        "text": f"{steps} steps",
    }


def snapshot(run: Any) -> dict[str, Any]:
    """All that a panel shows."""
    count = sum([len(one.history.series) for one in (run, *run.compare)])
    limit = max(_ALL // max(count, 1), _NEW)
    return clean(
        {
            "title": run.name or "Training",
            "variables": run.table.fixed(),
            "curves": _curves(run.history.series, limit),
            "runs": [
                {"title": other.name or f"run {i}", "curves": _curves(other.history.series, limit)}
                for i, other in enumerate(run.compare, 1)
            ],
            "rows": _rows(run),
            "code": run.journal.code() if run.journal.interventions else "",
            **_changing(run),
        }
    )


def delta(run: Any, new: dict[str, Series], looks: bool) -> dict[str, Any]:
    """What has changed since the last time; `looks`: also what is known of the variables."""
    points, rows = _curves(new, _NEW), _rows(run) if looks else None
    return clean({"points": points, "rows": rows, **_changing(run)})


def _curves(series: dict[str, Series], limit: int) -> dict[str, list[list]]:
    return {name: _points(*thinned(one.steps, one.values, limit)) for name, one in series.items()}


def _changing(run: Any) -> dict[str, Any]:
    return {
        "progress": progress(run),
        "memory": memory(),
        "learning_rate": run.learning_rate,
        "trainable": run.table.trainable(),
        "looks": run.table.looks,
        "snapshots": run.snapshots.steps,
        "trouble": run.trouble and run.trouble._asdict(),
        "marks": [(step, _told(name, args)) for step, name, *args in run.journal][-50:],
    }


def _rows(run: Any) -> list[list]:
    """Of each variable: numbers of value and gradient, how far it went, its flow, its histogram."""
    return [
        [
            _numbers(row["value"]),
            _numbers(row["gradient"]) if "gradient" in row else None,
            _short(row.get("ratio")),
            row.get("flow", ""),
            [_short(x) for x in row["histogram"].values()] if "histogram" in row else None,
        ]
        for row in run.table.rows.values()
    ]


def _numbers(found: dict[str, float]) -> list:
    return [_short(found.get(key)) for key in ("mean", "std", "min", "max", "norm", "nan", "inf")]


def _short(x: Any) -> Any:
    """A number with the digits that are shown."""
    return float(f"{x:.4g}") if isinstance(x, float) else x


def _told(name: str, args: list) -> str:
    match name, args:
        case "trainable", [scope, on]:
            return f"{'train' if on else 'freeze'} {scope}"
        case "learning_rate", [rate]:
            return f"learning rate {rate:g}"
        case "restore", [step]:
            return f"restore step {step:,}"
    return name


def _points(steps: Any, values: Any) -> list[list]:
    return [steps.tolist(), [float(f"{v:.7g}") for v in values.tolist()]]


def clean(x: Any) -> Any:
    """With None for each number that JSON does not have."""
    if isinstance(x, float):
        return x if math.isfinite(x) else None
    if isinstance(x, dict):
        return {key: clean(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [clean(value) for value in x]
    return x

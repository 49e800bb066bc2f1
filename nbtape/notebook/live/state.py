"""What a panel is told, as plain dicts: all of it, or what is new."""

import math
import time
from datetime import timedelta
from typing import Any

from nbtape.notebook.live.memory import memory
from nbtape.notebook.live.series import Series, thinned

_NEW, _ALL = 200, 2400  # points of a new stretch of a curve, of all curves together, in one message
_LATE = 50  # changes by hand that are told


def progress(run: Any) -> dict[str, Any]:
    """How far a run is, how fast, and how long it will take."""
    seconds = run.seconds or (time.monotonic() - run._began if run._began else 0.0)
    rate = run.step / seconds if seconds > 0 else 0.0
    left = (run.total - run.step) / rate if run.total and rate else None
    steps = f"{run.step:,} of {run.total:,}" if run.total else f"{run.step:,}"
    speed = [f"{rate:,.0f} steps/s" if rate >= 100 else f"{rate:.3g} steps/s"] if rate else []
    clock = f"{_duration(left)} left" if run.state == "running" and left is not None else _duration(seconds)
    return {
        "state": run.state,
        "step": run.step,
        "total": run.total,
        "text": f"{steps} steps",
        "told": " · ".join([f"{steps} steps", *speed, clock]),
    }


def _duration(seconds: float) -> str:
    """Minutes and seconds, and hours where there are some.

    >>> from nbtape.notebook.live.state import _duration
    >>> _duration(75.2), _duration(3675)
    ('1:15', '1:01:15')
    """
    whole = timedelta(seconds=round(seconds))
    return str(whole).removeprefix("0:").removeprefix("0")


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
    rows = {"rows": _rows(run)} if looks else {}
    return clean({"points": _curves(new, _NEW), **rows, **_changing(run)})


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
        "trouble": run.trouble and {"told": str(run.trouble), "restore": run.trouble.restore},
        "marks": [step for step, *_ in run.journal.interventions][-_LATE:],
        "changes": [f"step {step:,}: {_told(name, args)}" for step, name, *args in run.journal][-_LATE:],
    }


def _rows(run: Any) -> list[list]:
    """Of each variable: numbers of value and gradient, how far it went, its flow, histogram, what is lost."""
    return [
        [
            _numbers(row["value"]),
            _numbers(row["gradient"]) if "gradient" in row else None,
            _short(row.get("ratio")),
            row.get("flow", ""),
            [_short(x) for x in row["histogram"].values()] if "histogram" in row else None,
            ", ".join([*_lost(row["value"]), *_lost(row.get("gradient", {}), " in gradient")]),
        ]
        for row in run.table.rows.values()
    ]


def _numbers(found: dict[str, float]) -> list:
    return [_short(found.get(key)) for key in ("mean", "std", "min", "max", "norm")]


def _lost(found: dict[str, float], of: str = "") -> list[str]:
    """How much is not finite.

    >>> from nbtape.notebook.live.state import _lost
    >>> _lost({"nan": 0, "inf": 2}, " in gradient")
    ['2 Inf in gradient']
    """
    counts = found.get("nan"), found.get("inf")
    return [f"{n:,} {what}{of}" for n, what in zip(counts, ("NaN", "Inf")) if n]


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

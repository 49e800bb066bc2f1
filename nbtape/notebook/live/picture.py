"""Pictures of a run by matplotlib, for what is kept: curves, the flow of gradients, histograms."""

import io
import re
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from nbtape.notebook.live.state import progress

COLOURS = ("#2f6fde", "#d9622b", "#2f9e6e", "#9b51c4", "#c2345f", "#8a7a1f", "#2493a8", "#6b7280")
_INK, _FAINT, _LINE = "#1f2430", "#6b7280", "#e3e6eb"
_BAD = {"vanishing": "#d9a21b", "exploding": "#c2345f"}
_DASHES = ((0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
_CHARTS = 4  # beside one another
_MANY = 40  # layers whose names fit
_ROWS = 48  # of a histogram over time


def figure(run: Any, kind: str = "overview") -> Figure:
    """A figure of a run: "overview", "curves", "flow" or "histograms"."""
    draws = {"overview": _overview, "curves": _only(_curves), "flow": _only(_flow), "histograms": _histograms}
    if kind not in draws:
        raise ValueError(f"there is no figure {kind!r}; there are {', '.join(draws)}")
    return draws[kind](run)


def png(run: Any) -> bytes:
    """The overview as a PNG, opaque, so that it is legible on any page."""
    made, file = figure(run), io.BytesIO()
    made.savefig(file, format="png", dpi=110, facecolor="white", metadata={"Software": None})
    return file.getvalue()


def _new(width: float, height: float) -> Figure:
    made = Figure((width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(made)  # pyplot's figures are drawn by the cell's end, and by one thread alone
    return made


def _only(draw: Any) -> Any:
    def drawn(run: Any) -> Figure:
        made = _new(7, 3.4)
        draw(made.add_subplot(), run)
        return made

    return drawn


def _overview(run: Any) -> Figure:
    groups = list(_groups(run).values())[:_CHARTS] or [[]]
    has_flow = any("gradient" in row for row in run.table.rows.values())
    made = _new(3.4 * (len(groups) + has_flow) + 1, 3)
    axes = made.subplots(1, len(groups) + has_flow, squeeze=False)[0]
    for ax, names in zip(axes, groups):
        _curves_of(ax, run, names)
    if has_flow:
        _flow(axes[-1], run)
    told = [run.name or "Training", progress(run)["text"], run.state, run.history.summary()]
    made.suptitle(" · ".join([_plain(x) for x in told if x]), x=0.01, ha="left", fontsize=10, color=_INK)
    return made


def _groups(run: Any) -> dict[str, list[str]]:
    """The names of curves that share a scale: accuracy and val_accuracy, say."""
    groups: dict[str, list[str]] = {}
    for name in run.history:
        groups.setdefault(re.sub("^(val|test|train)_", "", name), []).append(name)
    return groups


def _curves(ax: Axes, run: Any) -> None:
    _curves_of(ax, run, list(run.history))


def _curves_of(ax: Axes, run: Any, names: list[str]) -> None:
    _style(ax)
    for i, name in enumerate(run.history):
        if name not in names:
            continue
        colour, series = COLOURS[i % len(COLOURS)], run.history[name]
        for k, other in enumerate(run.compare):
            old = other.history.series.get(name)
            if old is not None:
                ax.plot(old.steps, _finite(old.values), color=colour, lw=1, alpha=0.5, ls=_DASHES[k % 3])
        ax.plot(series.steps, _finite(series.values), color=colour, lw=1.5, label=_plain(name))
        lost = series.steps[~np.isfinite(series.values)]
        ax.plot(lost, np.zeros(len(lost)), "x", color=colour, transform=ax.get_xaxis_transform())
    for step, *_ in run.journal.interventions:
        ax.axvline(step, color=_FAINT, lw=0.8, ls=":")
    ax.set_xlabel("step", color=_FAINT, fontsize=9)
    if names:
        ax.legend(frameon=False, fontsize=9, labelcolor=_INK)


def _flow(ax: Axes, run: Any) -> None:
    rows = [(name, row) for name, row in run.table.rows.items() if "gradient" in row]
    norms = [row["gradient"].get("norm", 0.0) for _, row in rows]
    colours = [_BAD.get(row["flow"], COLOURS[0]) for _, row in rows]
    _style(ax)
    places = np.arange(len(rows))
    ax.barh(places, norms, color=colours, height=0.7)
    drawn = [norm for norm in norms if 0 < norm < np.inf]
    if drawn:
        ax.set_xscale("log")
        # Whole decades: the numbers that matplotlib writes between them run into one another.
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlim(10 ** np.floor(np.log10(min(drawn) / 1.01)), 10 ** np.ceil(np.log10(max(drawn))))
    shown = places if len(rows) <= _MANY else []
    ax.set_yticks(shown, [_plain(_short(name)) for name, _ in rows] if len(shown) else [], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("gradient norm", color=_FAINT, fontsize=9)


def _histograms(run: Any) -> Figure:
    """The gradients of each variable over the steps: darker where there were more of them."""
    past = run.table.past
    names = list(dict.fromkeys(name for found in past.values() for name in found))[:_MANY]
    made = _new(7, max(0.9 * len(names), 1.5))
    for i, name in enumerate(names):
        ax = made.add_subplot(len(names), 1, i + 1)
        steps = [step for step, found in past.items() if name in found]
        edges, shares = over_time([past[step][name] for step in steps])
        ends = [*steps, steps[-1] + max(steps[-1] - steps[max(len(steps) - 2, 0)], 1)]
        ax.pcolormesh(ends, edges, np.sqrt(shares), cmap="Purples", vmin=0, rasterized=True)
        ax.set_ylabel(_plain(_short(name)), rotation=0, ha="right", va="center", fontsize=8, color=_INK)
        _style(ax)
        ax.grid(False)
        ax.tick_params(labelbottom=i == len(names) - 1)
    made.supxlabel("step: how gradients were spread", color=_FAINT, fontsize=9)
    return made


def over_time(found: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Histograms of different ranges on one: its edges, and for each a column, the fullest bin 1."""
    known = [each for each in found if each["counts"]]
    low, high = min([x["low"] for x in known], default=0.0), max([x["high"] for x in known], default=1.0)
    edges = np.linspace(low, high if high > low else low + 1.0, _ROWS + 1)
    centres, shares = (edges[:-1] + edges[1:]) / 2, np.zeros((_ROWS, len(found)))
    for column, each in zip(shares.T, found):
        if each["counts"]:
            own = np.linspace(each["low"], each["high"], len(each["counts"]) + 1)
            place = np.clip(np.searchsorted(own, centres, "right") - 1, 0, len(each["counts"]) - 1)
            inside = (centres >= own[0]) & (centres <= own[-1])
            column[:] = np.where(inside, np.array(each["counts"])[place], 0) / max(each["counts"])
            if not inside.any():  # all in one of the rows
                column[np.argmin(np.abs(centres - own.mean()))] = 1.0
    return edges, shares


def _style(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(_LINE)
    ax.tick_params(colors=_FAINT, labelsize=8, length=3)
    ax.grid(axis="both", color=_LINE, lw=0.6)
    ax.set_axisbelow(True)


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def _short(name: str) -> str:
    return name if len(name) <= 28 else "…" + name[-27:]


def _plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")

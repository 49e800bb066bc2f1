"""What is told of a part that is looked at: the user's line, what goes in and out, and its values."""

from collections import Counter
from typing import Any

from nbtape.core.report import describe, size
from nbtape.notebook.graphs.groups import where
from nbtape.notebook.graphs.parts import Drawing, Part
from nbtape.notebook.graphs.words import bytes_of
from nbtape.notebook.numbers import FEW, number, statistics, values_of

_KINDS = {"op": "operation", "assign": "assignment", "output": "result", "group": "scope"}
_MOST = 24  # rows of a list
Facts = dict[str, Any]


def facts_of(drawing: Drawing, part: Part, more: list[str]) -> Facts:
    """A heading, a line of the user's, and lists of pairs; all of it is text."""
    told: Facts = {"key": part.key, "name": part.label, "kind": _KINDS.get(part.kind, part.kind)}
    if part.place is not None:
        name, line, text = where(part.place)
        told["line"], told["text"] = f"{name}, line {line}", text
    if part.is_group:
        told["lists"] = [("operations", _counted(part))]
    else:
        told["path"] = part.key
        told["lists"] = [(head, rows) for head, rows in _ends(drawing, part) if rows]
    told["notes"] = [*([part.note] if part.note else []), *more]
    return told


def title_of(drawing: Drawing, part: Part) -> str:
    """What a tooltip says."""
    lines = [part.label if part.is_group and part.place is not None else part.key]
    if part.place is not None:
        name, line, text = where(part.place)
        lines.append(f"{name}, line {line}{': ' + text if text else ''}")
    lines += [f"gives {_described(y)}" for y in part.outputs[:4]]
    return "\n".join(lines)


def _counted(part: Part) -> list[tuple[str, str]]:
    counts = Counter(leaf.label for leaf in part.leaves if leaf.kind == "op")
    return [(name, f"× {n}") for name, n in counts.most_common(_MOST)]


def _ends(drawing: Drawing, part: Part) -> list[tuple[str, list[tuple[str, str]]]]:
    coming = [(flow.source.label, _described(flow.tensor)) for flow in drawing.flows if flow.target is part]
    values = [("", told) for y in part.outputs if (told := _values(part, y))]
    given = [(f"{i}" if len(part.outputs) > 1 else "", _described(y)) for i, y in enumerate(part.outputs)]
    going = [(flow.target.label, "") for flow in drawing.flows if flow.source is part]
    going = list(dict.fromkeys(going))
    lists = [("takes", coming), ("gives", given), ("values", values), ("goes to", going)]
    return [(head, rows[:_MOST]) for head, rows in lists]


def _described(x: Any) -> str:
    told, count = describe(x).split(" ")[0], bytes_of(x)
    return f"{told}, {size(count)}" if count else told


def _values(part: Part, x: Any) -> str:
    """What a tensor holds, where it is held: on a tape, and in a variable."""
    values = values_of(x if part.variable is None or values_of(x) is not None else part.variable)
    if values is None or not values.size:
        return ""
    if values.size <= FEW and values.dtype.kind in "iufb":
        return ", ".join(number(v) if values.dtype.kind == "f" else str(v) for v in values.ravel())
    return str(statistics(values) or "")

"""Groups for what has no name scopes: operations of the same line of the user's, of the same update of a
variable, or made one after the other.
"""

import linecache
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from nbtape.core.report import spec_of
from nbtape.core.source import Place, line_number, name_file
from nbtape.notebook.cards import plain_name
from nbtape.notebook.graphs.parts import Flow, Part

_MANY = 16  # operations side by side, beyond which they are put in groups
_CROWD = 48  # and beyond which they are, though nothing sets them apart
_ROW = 20  # groups side by side, at most, of what nothing sets apart
_FEWEST = 3  # parts of a group
Out = dict[Part, list[Part]]  # where what a part gives goes


class Name(NamedTuple):
    """What sets a group apart, and how it is called."""

    what: Hashable
    label: str
    note: str = ""


_ALONE = Name("alone", "not connected")


def grouped(root: Part, flows: list[Flow], by_variables: bool = False) -> None:
    """Fold what is too long to be read side by side, and take away groups of one.

    `by_variables` lets operations stand with the variables that they take, where there are no name scopes.
    """
    _simplified(root)
    into, out = defaultdict(list), defaultdict(list)
    for flow in flows:
        into[flow.target].append(flow.source)
        out[flow.source].append(flow.target)
    linked = {*into, *out}
    for group in _wide(root):
        _by(group, out, "alone", lambda part: None if part in linked or part.is_group else _ALONE)
    for group in _wide(root) if by_variables else ():
        _by(group, out, "layer", lambda part: _layer_of([part, *into[part]]))
    for group in _wide(root):
        _by(group, out, "line", _line_of)
    for group in _wide(root):
        _by(group, out, "update", _updates(group, out).get)
    for group in _wide(root, _CROWD):
        _in_turn(group)


def _wide(root: Part, most: int = _MANY) -> list[Part]:
    """The groups that have more than so many parts side by side."""
    return [part for part in root.walk() if part.is_group and len(_loose(part)) > most]


def _loose(group: Part) -> list[Part]:
    """What is right in a group, and in no scope."""
    return [part for part in group.parts if part.kind not in ("group", "output")]


def _layer_of(parts: list[Part]) -> Name | None:
    """The scope of the variables among some parts, if all have the same."""
    names = [plain_name(part.variable) for part in parts if part.kind == "variable"]
    scopes = {name.rpartition("/")[0] for name in names}
    scope = scopes.pop() if len(scopes) == 1 else ""
    return Name(scope, scope) if scope else None


def _simplified(group: Part) -> None:
    """Put a lone part of a scope in the place of the scope."""
    for part in [*group.parts]:
        if not part.is_group:
            continue
        _simplified(part)
        if part.kind == "group" and len(part.parts) == 1 and group.kind == "group":
            (only,) = part.parts
            if only.kind == "group":
                only.label = f"{part.label}/{only.label}"
            only.parent = group
            group.parts[group.parts.index(part)] = only


def _by(group: Part, out: Out, word: str, name_of: Callable[[Part], Name | None]) -> None:
    """Put the operations of a group in groups of those with the same name, where these are not too few, and
    nothing comes back to such a group that went out of it.
    """
    sets: dict[Name, list[Part]] = defaultdict(list)
    for part in _loose(group):
        name = name_of(part)
        if name is not None:
            sets[name].append(part)
    for n, (name, found) in enumerate(sets.items()):
        is_part = len(sets) > 1 or len(found) + _FEWEST < len(group.parts)
        if len(found) >= _FEWEST and is_part and not _comes_back(found, out):
            _enclosed(group, f"{word} {n}", name.label, name.note, found)


def _comes_back(parts: list[Part], out: Out) -> bool:
    """Whether a way leads from parts to others and back."""
    here = {leaf for part in parts for leaf in part.leaves}
    todo = [after for leaf in here for after in out[leaf] if after not in here]
    seen = set(todo)
    while todo:
        for after in out[todo.pop()]:
            if after in here:
                return True
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return False


def _enclosed(group: Part, name: str, label: str, note: str, parts: list[Part]) -> None:
    """Put parts of a group in a new group in their place."""
    key = f"{group.key}/{name}" if group.key else name
    inner = Part(key, label, "group", note, place=parts[0].place, parent=group)
    members = set(parts)
    first = group.parts.index(parts[0])
    rest = [part for part in group.parts if part not in members]
    ahead = sum(part not in members for part in group.parts[:first])
    group.parts = [*rest[:ahead], inner, *rest[ahead:]]
    inner.put(*parts)


def _line_of(part: Part) -> Name | None:
    """The line that asked for a part."""
    if part.place is None or part.kind in ("input", "carry"):
        return None
    code, number = part.place[0], line_number(part.place)
    text = linecache.getline(code.co_filename, number).strip()
    return Name((code, number), text or code.co_name, f"line {number}")


def where(place: Place) -> tuple[str, int, str]:
    """The file or cell, the line and its text."""
    code, number = place[0], line_number(place)
    return name_file[0](code.co_filename), number, linecache.getline(code.co_filename, number).strip()


def _updates(group: Part, out: Out) -> dict[Part, Name]:
    """The update of a variable that each part belongs to; what several updates need belongs to none."""
    reached: dict[Part, frozenset] = {}
    parts = [part for part in _loose(group) if not part.is_group]
    here = set(parts)
    for part in reversed(parts):
        own = frozenset([part]) if part.kind == "assign" else frozenset()
        reached[part] = own.union(*[reached.get(after, frozenset()) for after in out[part] if after in here])
    together = {part: part for part in parts if part.kind == "assign"}

    def head(part: Part) -> Part:
        while together[part] is not part:
            part = together[part]
        return part

    for part, ends in reached.items():
        # Moments and the variable itself have one shape; what all updates share, as a rate, is a number.
        first, *others = sorted(ends, key=parts.index) or [part]
        if others and all(_shape(end) == _shape(part) for end in ends):
            for end in others:
                together[head(end)] = head(first)
    members = defaultdict(list)
    for end in together:
        members[head(end)].append(end)
    main = {first: _main([end.variable for end in ends]) for first, ends in members.items()}
    heads = {part: {head(end) for end in ends} for part, ends in reached.items() if ends}
    return {part: main[next(iter(found))] for part, found in heads.items() if len(found) == 1}


def _shape(part: Part) -> Any:
    return spec_of(part.outputs[0]).shape if part.outputs else None


def _main(variables: list[Any]) -> Name:
    """An update by the one of its variables that is trained."""
    found = next((v for v in variables if v.trainable), variables[0])
    return Name(found._serial, f"update {'/'.join(plain_name(found).split('/')[-2:])}")


def _in_turn(group: Part) -> None:
    """Put a long row of operations in groups of those that follow each other."""
    parts = _loose(group)
    size = max(_MANY, len(parts) // _ROW + 1)
    for n, start in enumerate(range(0, len(parts), size)):
        found = parts[start : start + size]
        if len(found) > 1:
            _enclosed(group, f"part {n}", f"{start + 1} to {start + len(found)}", "", found)

"""What all displays are built of: plain tables in the colours of the page, with everything escaped.

They stay readable where a viewer takes styles and scripts away, as GitHub and untrusted notebooks do.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from html import escape as _escape
from typing import Any

_LEFT, _RIGHT = ' style="text-align: left"', ' style="text-align: right; white-space: nowrap"'
_BARS = "▁▂▃▄▅▆▇█"


class Raw(str):
    """Text that is HTML already: whoever makes one has escaped what is in it."""


def escape(x: Any) -> Raw:
    """A value as text of a page.

    >>> escape("<b>")
    '&lt;b&gt;'
    """
    return x if isinstance(x, Raw) else Raw(_escape(str(x), quote=True))


def element(name: str, *content: Any, **attributes: Any) -> Raw:
    """An element with its content and its attributes, in which `class_` stands for `class`.

    >>> element("b", "1 < 2", title="so")
    '<b title="so">1 &lt; 2</b>'
    """
    given = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    return Raw(f"<{name}{given}>{''.join(map(escape, content))}</{name}>")


def joined(parts: Iterable[Any], between: str = "\n") -> Raw:
    """Parts of a page, one after the other."""
    return Raw(escape(between).join(map(escape, parts)))


def table(
    head: Sequence[Any], rows: Iterable[Sequence[Any]], title: Any = "", right: Collection[int] = ()
) -> Raw:
    """A table whose rows are named by their first cells; the columns `right` hold numbers.

    The last cell of a row that is shorter than the head is as wide as the columns that are left.
    """
    aligned = [_RIGHT if i in right else _LEFT for i in range(len(head))]
    top = "".join(f'<th scope="col"{side}>{escape(cell)}</th>' for cell, side in zip(head, aligned))
    body = "".join(f"<tr>{_cells(row, aligned)}</tr>\n" for row in rows)
    caption = f"<caption{_LEFT}>{escape(title)}</caption>\n" if title else ""
    return Raw(f"<table>\n{caption}<thead><tr>{top}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>")


def _cells(row: Sequence[Any], aligned: list[str]) -> str:
    first, *rest = row
    cells = [f'<th scope="row"{aligned[0]}>{_breakable(first, "/_")}</th>']
    sides = aligned[1 : len(row)]
    if len(row) < len(aligned):
        sides[-1] = f' colspan="{len(aligned) - len(row) + 1}"{_LEFT}'
    cells += [f"<td{side}>{_breakable(cell, '/')}</td>" for cell, side in zip(rest, sides)]
    return "".join(cells)


def _breakable(x: Any, after: str) -> str:
    """Text in which a line may end `after` these characters of a name, so that tables fit narrow pages."""
    return x if isinstance(x, Raw) else re.sub(f"[{after}](?=.)", r"\g<0><wbr>", escape(x))


def folded(summary: Any, content: Any, opened: bool = False) -> Raw:
    """Content behind a line that opens it, by mouse or keyboard."""
    return Raw(
        f"<details{' open' * opened}>\n<summary>{escape(summary)}</summary>\n{escape(content)}\n</details>"
    )


def bars(counts: Sequence[int]) -> str:
    """Counts as a row of bars, in characters; only where nothing is, no bar is.

    >>> bars([0, 1, 4, 8])
    ' ▁▄█'
    """
    highest = max(counts, default=0)
    return "".join(_BARS[-(-8 * n // highest) - 1] if n else " " for n in counts)

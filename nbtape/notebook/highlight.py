"""Python source in the colours that the page has for code, without scripts and styles of its own."""

import io
import keyword
import tokenize
from collections.abc import Iterator

from nbtape.notebook.html import Raw, element, escape

_COLOURS = {
    "keyword": "color: var(--jp-mirror-editor-keyword-color, #0a7d32); font-weight: bold",
    "string": "color: var(--jp-mirror-editor-string-color, #b3261e)",
    "comment": "color: var(--jp-mirror-editor-comment-color, #4a7a7a); font-style: italic",
    "number": "color: var(--jp-mirror-editor-number-color, #0a7d32)",
}
_KINDS = {tokenize.STRING: "string", tokenize.COMMENT: "comment", tokenize.NUMBER: "number"}


def highlighted(text: str) -> Raw:
    """Source as HTML.

    >>> highlighted("x = 1")[:70]
    '<pre style="overflow-x: auto"><code>x = <span style="color: var(--jp-m'
    """
    return Raw(f'<pre style="overflow-x: auto"><code>{"".join(_pieces(text))}</code></pre>')


def _pieces(text: str) -> Iterator[str]:
    lines, at = text.splitlines(keepends=True), (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        yield escape(_between(lines, at, token.start))
        kind = "keyword" if keyword.iskeyword(token.string) else _KINDS.get(token.type)
        written = _between(lines, token.start, token.end)
        yield element("span", written, style=_COLOURS[kind]) if kind else escape(written)
        at = token.end


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """The text from one place, a line and a column, to another."""
    (first, a), (last, b) = start, end
    if first == last:
        return lines[first - 1][a:b] if first <= len(lines) else ""
    inside = lines[first - 1 : last]
    if not inside:
        return ""
    tail = inside[-1][:b] if last <= len(lines) else inside[-1]
    return "".join([inside[0][a:], *inside[1:-1], *([tail] if len(inside) > 1 else [])])

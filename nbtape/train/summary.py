"""The table that `model.summary()` prints: layers, their shapes, and how many numbers they hold."""

from collections.abc import Callable
from typing import Any

_WIDTHS = 33, 24, 15  # of the columns, with a blank at each side


def summary(
    self: Any,
    line_length: int | None = None,
    positions: Any = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> None:
    """Print a table of the layers, the shapes they give, and how many numbers they hold."""
    rows = [(f"{x.name} ({type(x).__name__})", _shape(x), _count(x)) for x in self.layers]
    lines = [f'Model: "{self.name}"', *_table(("Layer (type)", "Output Shape", "Param #"), rows)]
    kinds = (("Total", self.variables), ("Trainable", self.trainable_variables),
             ("Non-trainable", self.non_trainable_variables))  # fmt: skip
    for kind, variables in kinds:
        count, size = sum(v._value.size for v in variables), sum(v._value.nbytes for v in variables)
        lines.append(f" {kind} params: {count:,} ({_bytes(size)})")
    (print_fn or print)("\n".join(lines))


def _shape(layer: Any) -> str:
    return "?" if layer._output_shape is None else str(layer._output_shape)


def _count(layer: Any) -> str:
    return f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"


def _bytes(n: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1024 or unit == "GB":
            break
        n /= 1024
    return f"{n:.2f} {unit}"


def _table(titles: tuple, rows: list[tuple]) -> list[str]:
    widths = [max(w, *[len(row[i]) + 2 for row in [titles, *rows]]) for i, w in enumerate(_WIDTHS)]

    def line(row: tuple, bar: str) -> str:
        cells = [
            f" {row[0]:<{widths[0] - 2}} ",
            f" {row[1]:<{widths[1] - 2}} ",
            f" {row[2]:>{widths[2] - 2}} ",
        ]
        return bar + bar.join(cells) + bar

    def rule(left: str, dash: str, cross: str, right: str) -> str:
        return left + cross.join([dash * w for w in widths]) + right

    lines = [rule("┏", "━", "┳", "┓"), line(titles, "┃"), rule("┡", "━", "╇", "┩")]
    for i, row in enumerate(rows):
        lines += [rule("├", "─", "┼", "┤")] * bool(i) + [line(row, "│")]
    return [*lines, rule("└", "─", "┴", "┘")]

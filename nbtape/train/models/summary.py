"""The table that `model.summary()` prints: layers, their shapes, and how many numbers they hold."""

import re
from collections.abc import Callable
from typing import Any

from nbtape.train.layers.nodes import symbols_in

_WIDTHS = 33, 24, 15, 24  # of the columns, with a blank at each side
_TITLES = "Layer (type)", "Output Shape", "Param #"


def summary(
    self: Any,
    line_length: int | None = None,
    positions: Any = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> None:
    """Print a table of the layers, the shapes they give, and how many numbers they hold.

    Where layers do not just follow one another the table says what each is connected to. `expand_nested`
    shows the layers of models inside, `show_trainable` which layers are trained; `layer_range` is a pair of
    regular expressions for the names of the first and the last layer to show.

    >>> model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2, name="d")], name="net")
    >>> model.summary(print_fn=lambda text: print(text.splitlines()[-1]))
     Non-trainable params: 0 (0.00 B)
    """
    connected = None if _is_chain(self) else _connections(self)
    titles = [*_TITLES, *["Connected to"] * (connected is not None), *["Trainable"] * show_trainable]
    rows = []
    for layer, depth in _shown(_ranged(self.layers, layer_range), expand_nested):
        name = f"{'└ ' * (depth > 0):>{2 * depth}}{layer.name} ({type(layer).__name__})"
        row = [name, _shape(layer), _count(layer)]
        if connected is not None:
            row.append(connected.get(id(layer), "-"))
        if show_trainable:
            row.append("Y" if layer.trainable else "N")
        rows.append(row)
    lines = [f'Model: "{self.name}"', *_table(titles, rows)]
    kinds = (("Total", self.variables), ("Trainable", self.trainable_variables),
             ("Non-trainable", self.non_trainable_variables))  # fmt: skip
    for kind, variables in kinds:
        count, size = sum(v._value.size for v in variables), sum(v._value.nbytes for v in variables)
        lines.append(f" {kind} params: {count:,} ({_bytes(size)})")
    (print_fn or print)("\n".join(lines))


def _is_chain(model: Any) -> bool:
    """Whether each layer takes what the one before gives, or nothing is known of that."""
    steps = getattr(model, "_steps", ())
    before = None
    for _, args, kwargs, results in steps:
        given = symbols_in((args, kwargs))
        if before is not None and (len(given) != 1 or given[0] is not before):
            return False
        before = results
    return True


def _connections(model: Any) -> dict[int, str]:
    """What each layer takes, as "layer[call][result]"."""
    calls: dict[int, list] = {}
    for step in model._steps:
        calls.setdefault(id(step[0]), []).append(step)
    found = {}
    for key, steps in calls.items():
        names = []
        for x in [x for _, args, kwargs, _ in steps for x in symbols_in((args, kwargs))]:
            layer, *_, results = x.history  # type: ignore[misc]
            call = [id(step) for step in calls.get(id(layer), ())].index(id(x.history))
            names.append(f"{layer.name}[{call}][{[id(y) for y in symbols_in(results)].index(id(x))}]")
        found[key] = ", ".join(names) or "-"
    return found


def _ranged(layers: list, layer_range: Any) -> list:
    if layer_range is None:
        return layers
    places = [[i for i, x in enumerate(layers) if re.match(name, x.name)] for name in layer_range]
    if not all(places):
        raise ValueError(
            f"No layers have the names {list(layer_range)}: they are {[x.name for x in layers]}."
        )
    return layers[places[0][0] : places[1][-1] + 1]


def _shown(layers: list, nested: bool, depth: int = 0) -> list[tuple[Any, int]]:
    """Layers, with how deep each is inside models."""
    rows = []
    for layer in layers:
        rows.append((layer, depth))
        if nested and hasattr(layer, "layers"):
            rows += _shown(layer.layers, nested, depth + 1)
    return rows


def _shape(layer: Any) -> str:
    found = layer._output_shape
    if found is None:
        return "?"
    alone = isinstance(found, list) and len(found) == 1
    return str(found[0] if alone else found)


def _count(layer: Any) -> str:
    return f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"


def _bytes(n: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1024 or unit == "GB":
            break
        n /= 1024
    return f"{n:.2f} {unit}"


def _table(titles: list, rows: list[list]) -> list[str]:
    cells = [titles, *rows]
    widths = [
        max(_WIDTHS[i] if i < len(_WIDTHS) else 0, *[len(row[i]) + 2 for row in cells])
        for i in range(len(titles))
    ]

    def line(row: list, bar: str) -> str:
        sides = ["<", "<", ">", *"<" * len(row)]
        return bar + bar.join([f" {x:{side}{w - 2}} " for x, side, w in zip(row, sides, widths)]) + bar

    def rule(left: str, dash: str, cross: str, right: str) -> str:
        return left + cross.join([dash * w for w in widths]) + right

    lines = [rule("┏", "━", "┳", "┓"), line(titles, "┃"), rule("┡", "━", "╇", "┩")]
    for i, row in enumerate(rows):
        lines += [rule("├", "─", "┼", "┤")] * bool(i) + [line(row, "│")]
    return [*lines, rule("└", "─", "┴", "┘")]

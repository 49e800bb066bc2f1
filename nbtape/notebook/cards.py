"""Cards: what a notebook shows of tapes, graphs, functions, models, optimizers, data sets and checkpoints.

Each is HTML beside the plain text that the object prints anyway. No card has an address or a time, so that a
notebook that is run again shows the same.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from nbtape.autodiff.tape import GradientTape
from nbtape.core import context
from nbtape.core.engine import Tensor
from nbtape.core.memory import CardArray
from nbtape.core.report import describe, size
from nbtape.core.slices import IndexedSlices
from nbtape.graph.graph import Graph
from nbtape.notebook.heat import heat
from nbtape.notebook.html import Raw, element, folded, joined, table
from nbtape.notebook.numbers import described, histogram, number, rows_of, statistics, values_of
from nbtape.state.saving.tracking import walk
from nbtape.state.variable import Variable
from nbtape.train.data.experimental import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY
from nbtape.train.v1.optimizers import GraphOptimizer

_MANY = 100  # rows of a table
_FEW = 6  # names in a line
VARIABLE_HEAD = ("variable", "shape", "dtype", "trainable", "mean", "std", "min", "max", "histogram")


def tensor_card(x: Any) -> Raw | None:
    """A tensor: its type, statistics and values. Numbers alone, and tensors of graphs, are all text."""
    values = values_of(x)
    if values is None or not values.ndim or not (drawn := heat(values)):
        return None
    return joined([element("div", element("code", described(x))), drawn])


def plain_name(v: Variable) -> str:
    """A variable's name, without the number of its output."""
    return str(getattr(v, "path", v.name)).removesuffix(":0")


def variable_card(x: Variable) -> Raw | None:
    """A variable: its name and type, whether it is trained, statistics and values."""
    values = values_of(x)
    if values is None:
        return None
    kind = "trainable" if x.trainable else "not trainable"
    head = element("div", element("b", plain_name(x)), " ", element("code", described(x)), f", {kind}")
    return joined([head, heat(values)])


def slices_card(x: IndexedSlices) -> Raw | None:
    """The rows of sparse gradients, those named twice added up, with the places where they belong."""
    if values_of(x.values) is None:
        return None
    places, summed = rows_of(x)
    rows = x.shape[0] if x.shape.rank else "?"
    told = ", ".join(map(str, places[:_MANY])) + ", ..." * (places.size > _MANY)
    head = [element("code", described(x)), f" IndexedSlices: {places.size} of {rows} rows are there: {told}"]
    return joined([element("div", *head), heat(summed)])


def ops_of(tape: GradientTape) -> Counter[str]:
    """How often each operation was recorded, those inside of functions too."""
    return Counter(node.op.name for node in tape.nodes)


def held_bytes(tape: GradientTape) -> int:
    """The bytes of the arrays that a tape keeps, but for those that its variables hold anyway."""
    own = {id(v._value) for v in tape.watched_variables() if values_of(v) is not None}
    arrays: dict[int, Any] = {}
    for node in tape.nodes:
        for x in (*node.inputs, *node.outputs):
            value = getattr(x, "_value", None)
            if isinstance(value, np.ndarray | np.generic | CardArray) and id(value) not in own:
                arrays[id(value)] = value
    return sum(value.nbytes for value in arrays.values())


def watched_names(tape: GradientTape) -> list[str]:
    """What a tape watches: the names of variables, the types of tensors."""
    variables = [plain_name(v) for v in tape.watched_variables()]
    return [*variables, *[describe(x).split(" ")[0] for x in tape.watched_tensors()]]


def tape_line(tape: GradientTape, names: list[str] | None = None) -> str:
    """What a tape recorded, watches (under these `names`) and holds: a line, the same in each run."""
    counts = ops_of(tape)
    n = sum(counts.values())
    kinds = [f"{name} × {k}" if k > 1 else name for name, k in counts.most_common()]
    recorded = f"{n} operation{'s' * (n != 1)}" + (f" ({_few(kinds)})" if kinds else "")
    return f"{recorded}, watches {_few(names or watched_names(tape))}, holds {size(held_bytes(tape))}"


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more if names else "nothing"


def tape_text(tape: GradientTape) -> str:
    """A tape, as it is printed."""
    return f"<GradientTape: {tape_line(tape)}>"


def tape_card(tape: GradientTape) -> Raw:
    """A tape: what it recorded, by kind of operation, what it watches and what it holds."""
    bars = [(name, n) for name, n in ops_of(tape).most_common(_MANY)]
    return joined([element("div", tape_line(tape)), table(("operation", "times"), bars, right={1})])


def graph_card(graph: Graph) -> Raw:
    """A graph: its operations, by the name scopes in which they were made."""
    scopes: dict[str, list[Any]] = defaultdict(list)
    for op in graph.get_operations():
        scopes[op.name.rpartition("/")[0]].append(op)
    parts = []
    for scope, ops in itertools.islice(scopes.items(), _MANY):
        rows = [(op.name, op.type, _specs(op.outputs), _names(op.inputs)) for op in ops[:_MANY]]
        more = [(f"{len(ops) - _MANY} more", "", "", "")] if len(ops) > _MANY else []
        listed = table(("name", "type", "gives", "from"), [*rows, *more])
        parts.append(folded(f"{scope}/ ({len(ops)})", listed, len(ops) < 30) if scope else listed)
    if len(scopes) > _MANY:
        parts.append(element("div", f"{len(scopes) - _MANY} more scopes"))
    return joined([element("div", element("b", repr(graph))), *parts])


def function_card(function: Any) -> Raw:
    """A function: its traces, and why each was made."""
    rows = [(str(i), t.signature, t.cause, t.nodes) for i, t in enumerate(function.traces(), 1)]
    if not rows:
        return joined([element("code", repr(function)), element("div", "not traced yet: call it")])
    return table(("", "signature", "traced because", "operations"), rows, repr(function), {3})


def variables_of(root: Any) -> list[tuple[str, Variable]]:
    """The variables of a module, an optimizer or a checkpoint, by the paths that lead to them."""
    try:
        return [(path, x) for path, x, _ in walk(root) if isinstance(x, Variable)]
    except ValueError:  # a dict whose keys are no strings, which have no paths
        return [(plain_name(v), v) for v in getattr(root, "variables", ())]


def variables_table(named: Iterable[tuple[str, Variable]], title: Any = "") -> Raw:
    """Variables in a table: names, types, statistics and histograms."""
    named = list(named)
    rows = [variable_row(name, v) for name, v in named[:_MANY]]
    if len(named) > _MANY:
        rows.append((f"{len(named) - _MANY} more", *[""] * 8))
    return table(VARIABLE_HEAD, rows, title, range(4, 8))


def variable_row(name: str, v: Variable) -> tuple:
    """A variable as a row of a table."""
    values = values_of(v)
    told = None if values is None else statistics(values)
    numbers = [""] * 4 if told is None else [number(x, 4) for x in (told.mean, told.std, told.low, told.high)]
    lost = f" {told.nans} NaN, {told.infinities} inf" if told and told.nans + told.infinities else ""
    last = joined([histogram(values) if values is not None else "", lost], "")
    return name, str(v.shape), v.dtype.name, "yes" if v.trainable else "no", *numbers, last


def module_card(module: Any) -> Raw:
    """A module, a layer or a model: its variables as a tree, and how much they are."""
    named = variables_of(module)
    return joined([variables_table(named, repr(module)), element("div", totals([v for _, v in named]))])


def totals(variables: list[Variable]) -> str:
    """How many numbers variables hold, and how many of them are trained."""
    known = [(v, values) for v in variables if (values := values_of(v)) is not None]
    count, trained = (sum(a.size for v, a in known if v.trainable or every) for every in (True, False))
    return f"{count:,} numbers ({size(sum(a.nbytes for _, a in known))}), {trained:,} of them trainable"


def model_card(model: Any) -> Raw:
    """A model: its layers, and behind them its variables."""
    rows = []
    for layer in model.layers:
        shape = "" if layer._output_shape is None else str(layer._output_shape)
        params = f"{layer.count_params():,}" if layer.built else "not built"
        rows.append((layer.name, type(layer).__name__, shape, params, "yes" if layer.trainable else "no"))
    layers = table(("layer", "type", "gives", "parameters", "trainable"), rows, repr(model), {3})
    named = variables_of(model)
    told = element("div", totals([v for _, v in named]))
    return joined([layers, told, folded("variables", variables_table(named))])


def optimizer_card(optimizer: Any) -> Raw:
    """An optimizer: its settings, the steps it made, and what it keeps."""
    kept = [v for _, v in variables_of(optimizer)]
    bytes_ = sum(values.nbytes for v in kept if (values := values_of(v)) is not None)
    told = {"settings": repr(optimizer), "steps": optimizer.iterations.numpy(), "keeps": size(bytes_)}
    return table((type(optimizer).__name__, ""), told.items())


def old_optimizer_text(optimizer: GraphOptimizer) -> str:
    """An optimizer of TensorFlow 1 in a line that is the same in each run."""
    settings = [f"{name}={x:g}" for name, x in optimizer.hypers.items() if isinstance(x, int | float)]
    return f"<{type(optimizer).__name__} {' '.join([repr(optimizer.get_name()), *settings])}>"


def old_optimizer_card(optimizer: GraphOptimizer) -> Raw:
    """An optimizer of TensorFlow 1: its settings."""
    settings = [
        (name, x if isinstance(x, int | float) else "a tensor") for name, x in optimizer.hypers.items()
    ]
    return table((type(optimizer).__name__, ""), settings)


def dataset_card(dataset: Any) -> Raw:
    """A data set: what its elements are, and how many there are, as far as that is known without a look."""
    rows = [(path or "element", _shape(x), _dtype(x)) for path, x in _spread("", dataset.element_spec)]
    known = {INFINITE_CARDINALITY: "without end", UNKNOWN_CARDINALITY: "how many is not known"}
    with context.paused():
        count = int(dataset.cardinality())
    many = known.get(count, f"{count:,} element{'s' * (count != 1)}")
    title = f"{type(dataset).__name__} of {dataset._kind}: {many}"
    return table(("", "shape", "dtype"), rows, title)


def checkpoint_text(checkpoint: Any) -> str:
    """A checkpoint in a line that is the same in each run."""
    return f"<Checkpoint of {len(variables_of(checkpoint))} variables>"


def checkpoint_card(checkpoint: Any) -> Raw:
    """A checkpoint: the variables that it saves."""
    return variables_table(variables_of(checkpoint), checkpoint_text(checkpoint))


def _specs(xs: Iterable[Tensor]) -> str:
    return ", ".join(describe(x).split(" ")[0] for x in xs)


def _names(xs: Iterable[Any]) -> str:
    return ", ".join(x.name for x in xs)


def _spread(path: str, spec: Any) -> Iterator[tuple[str, Any]]:
    """The leaves of a structure, with the indices that lead to them."""
    if not isinstance(spec, Mapping | tuple):
        yield path, spec
        return
    for name, below in spec.items() if isinstance(spec, Mapping) else enumerate(spec):
        yield from _spread(f"{path}[{name!r}]", below)


def _shape(spec: Any) -> str:
    return str(getattr(spec, "shape", ""))


def _dtype(spec: Any) -> str:
    return getattr(getattr(spec, "dtype", None), "name", type(spec).__name__)

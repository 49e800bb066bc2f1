"""Session: runs a graph of TensorFlow 1, and keeps a value for each of its variables.

A session runs only what its fetches need. That is one `Step` for each set of fetches and feeds, made at the
first run of its kind.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from nbtape.core import context
from nbtape.core.convert import array_of
from nbtape.core.dtype import string
from nbtape.core.engine import EagerTensor, Tensor, readable
from nbtape.core.errors import invalid
from nbtape.core.slices import IndexedSlices
from nbtape.graph.graph import Graph
from nbtape.graph.symbolic import Operation, SymbolicTensor
from nbtape.graph.v1.default import get_default_graph
from nbtape.graph.v1.hardware import LogicalDevice, is_here
from nbtape.graph.v1.placement import all_devices, get_soft_device_placement, local_devices, tell
from nbtape.ops.sampler import Seeds, seeded_by
from nbtape.program.feeds import fed_value, given, pairs
from nbtape.program.step import Step
from nbtape.state.graph_variable import GraphVariable
from nbtape.state.scopes.scope import name_scope
from nbtape.state.variable import ResourceVariable, Variable
from nbtape.state.writes import exclusive

_UNSEEDED = nullcontext()


class IndexedSlicesValue(NamedTuple):
    """What a session gives for IndexedSlices."""

    values: Any
    indices: Any
    dense_shape: Any


class Session:
    """Runs operations of a graph; each session has its own values of the graph's variables.

    `graph` is the default graph if it is not given. As a `with` block it makes itself the default session and
    its graph the default graph, and is closed at the end.

    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as sess:
    ...     x = tf.compat.v1.placeholder(tf.float32, [None])
    ...     sess.run(x * 2.0, feed_dict={x: [1.0, 2.0]})
    array([2., 4.], dtype=float32)
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None):
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f'Argument `graph` must be a tf.Graph, but got "{type(graph).__name__}"')
        self._graph = get_default_graph() if graph is None else graph
        soft = getattr(config, "allow_soft_placement", None)
        self._closed, self._soft = False, get_soft_device_placement() if soft is None else soft
        self._steps: dict[tuple, Step] = {}
        self._cells: dict[int, Variable] = {}
        self.initialized: dict[int, Any] = {}  # the variables that have a value here, by serial
        self._entered: list = []
        self._seeds: Seeds | None = None  # from the first run

    @property
    def graph(self) -> Graph:
        return self._graph

    @property
    def graph_def(self) -> Any:
        """The graph as a GraphDef of TensorBoard's."""
        return self._graph.as_graph_def()

    @property
    def sess_str(self) -> str:
        return ""

    def cell(self, variable: Any) -> Variable:
        """The variable that holds this session's value of `variable`."""
        if not isinstance(variable, GraphVariable):
            return variable
        found = self._cells.get(variable._serial)
        if found is None:
            dims = variable.shape.as_list() if variable.shape.rank is not None else []
            zeros = np.zeros([n or 0 for n in dims], variable.dtype.np)
            if variable.dtype.base_dtype is string:
                zeros[...] = b""
            with context.paused(), name_scope(""):
                name = variable.name.removesuffix(":0")
                found = ResourceVariable(zeros, name=name, shape=variable.shape, trainable=False)
            self._cells[variable._serial] = found
        return found

    def placed(self, operations: Sequence[Operation]) -> None:
        """See to it that operations are on devices that are there, or say where they run instead."""
        for operation in operations:
            device = operation._device
            if is_here(device):
                continue
            if not self._soft:
                raise invalid(
                    f"Cannot assign a device for operation {operation.name}: it was explicitly assigned to "
                    f"{device} but available devices are [ {all_devices()} ]. Make sure the device "
                    "specification refers to a valid device, or run with "
                    "tf.ConfigProto(allow_soft_placement=True)."
                )
            tell(
                device,
                f"{operation.name}, and all else that was put there,",
                "tf.ConfigProto(allow_soft_placement=False) makes this an error.",
            )

    # Running

    def run(
        self, fetches: Any, feed_dict: Mapping | None = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """The values of `fetches`, as NumPy arrays in the same structure; None for an Operation.

        `fetches` is a tensor, an operation, a variable, the name of one, or lists, tuples and dicts of them.
        `feed_dict` has values to be used for placeholders, or in place of any other tensors.
        """
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        if not self._graph._operations:
            raise RuntimeError(
                "The Session graph is empty. Add operations to the graph before calling run()."
            )
        elements: list = []
        rebuild = self._flattened(fetches, elements)
        fed = self._fed(feed_dict)
        step = self._step(elements, [x for x, _ in fed])
        values = [fed_value(x, value, copy) for (x, value), copy in zip(fed, step.copied)]
        with context.paused(), self._seeded() if step.draws else _UNSEEDED:
            ys = iter(step.execute(values))
        return rebuild(iter([given(next(ys)) if isinstance(x, Tensor) else None for x in elements]))

    def _seeded(self) -> Any:
        """A `with` block whose random numbers are the session's own."""
        if self._seeds is None:
            self._seeds = Seeds(self._graph.seed)
        return seeded_by(self._seeds)

    def _step(self, elements: list, feeds: list) -> Step:
        key = (*map(id, elements), 0, *map(id, feeds))
        step = self._steps.get(key)
        if step is None or not step.stands():
            step = self._steps[key] = Step(self, elements, feeds)
        return step

    def _flattened(self, fetches: Any, elements: list) -> Callable:
        """Put what is fetched in `elements`; returns what gives its values the structure of `fetches`."""
        kind = type(fetches)
        if (kind is list or kind is tuple) and all([self._is_own(x) for x in fetches]):
            elements += fetches
            return lambda values: kind(islice(values, len(fetches)))
        if isinstance(fetches, list | tuple):
            parts = [self._flattened(x, elements) for x in fetches]
            if hasattr(fetches, "_fields"):
                return lambda values: kind(*[part(values) for part in parts])
            return lambda values: kind([part(values) for part in parts])
        if isinstance(fetches, Mapping):
            made = {key: self._flattened(x, elements) for key, x in fetches.items()}
            plain = dict if not isinstance(fetches, dict) or hasattr(fetches, "default_factory") else kind
            return lambda values: plain({key: part(values) for key, part in made.items()})
        if isinstance(fetches, IndexedSlices):
            shape = fetches.dense_shape if isinstance(fetches._dense_shape, Tensor) else None
            known = None if shape is not None or fetches._dense_shape is None else fetches._dense_shape
            parts = [self._flattened(x, elements) for x in (fetches.values, fetches.indices)]
            parts.append((lambda values: known) if shape is None else self._flattened(shape, elements))
            return lambda values: IndexedSlicesValue(*[part(values) for part in parts])
        elements.append(self._element(fetches))
        return next

    def _is_own(self, x: Any) -> bool:
        """Whether `x` is a tensor or an operation of the graph."""
        if type(x) is SymbolicTensor:
            return x._op._graph is self._graph
        return type(x) is Operation and x._graph is self._graph

    def _element(self, fetch: Any) -> Any:
        if self._is_own(fetch):
            return fetch
        if fetch is None:
            raise TypeError('Argument `fetch` = None has invalid type "NoneType". Cannot be None')
        try:
            return self._graph.as_graph_element(fetch)
        except TypeError as error:
            raise TypeError(
                f'Argument `fetch` = {fetch} has invalid type "{type(fetch).__name__}" must be a string or '
                f"Tensor. ({error})"
            ) from None
        except (ValueError, KeyError) as error:
            raise ValueError(
                f"Argument `fetch` = {fetch} cannot be interpreted as a Tensor. ({error})"
            ) from None

    def _fed(self, feed_dict: Any) -> list[tuple[SymbolicTensor, Any]]:
        if not feed_dict:
            return []
        if not isinstance(feed_dict, Mapping):
            raise TypeError(
                "feed_dict must be a dictionary from tensors to values, got "
                f"{type(feed_dict).__name__}: {feed_dict!r}"
            )
        found = []
        for key, value in pairs(feed_dict):
            if not self._is_own(key) or type(key) is Operation:
                try:
                    key = self._graph.as_graph_element(key, allow_operation=False)
                except (TypeError, ValueError, KeyError) as error:
                    text = f"Cannot interpret feed_dict key as Tensor: {error}"
                    raise TypeError(text) from None
            found.append((key, value))
        return found

    def make_callable(self, fetches: Any, feed_list: Sequence | None = None, accept_options: bool = False):
        """A function of values for `feed_list` that runs `fetches`."""
        feeds = list(feed_list or ())

        def call(*values: Any) -> Any:
            if len(values) != len(feeds):
                raise ValueError(f"Expected {len(feeds)} values to feed, got {len(values)}.")
            return self.run(fetches, dict(zip(feeds, values)))

        return call

    def list_devices(self) -> list[LogicalDevice]:
        """The devices that the session can use."""
        return local_devices()

    # Opening and closing

    @contextmanager
    def as_default(self):
        """Let this be the session that `eval` and `run` use where they are given none."""
        outer, context.local.session = context.local.session, self
        try:
            yield self
        finally:
            context.local.session = outer

    def __enter__(self) -> "Session":
        opened = self._graph.as_default(), self.as_default()
        for block in opened:
            block.__enter__()
        self._entered.append(opened)
        return self

    def __exit__(self, *exc: Any) -> None:
        for block in reversed(self._entered.pop()):
            block.__exit__(*exc)
        self.close()

    def close(self) -> None:
        """Let the session's variables go; it runs nothing more."""
        self._closed = True
        self._steps.clear()
        self._cells.clear()
        self.initialized.clear()


class InteractiveSession(Session):
    """A Session that is the default one, and its graph the default graph, from the time that it is made until
    it is closed.
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None):
        super().__init__(target, graph, config)
        super().__enter__()

    def __enter__(self) -> "InteractiveSession":
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def close(self) -> None:
        while self._entered:
            for block in reversed(self._entered.pop()):
                block.__exit__(None, None, None)
        super().close()


def get_default_session() -> Session | None:
    """The session that is open, None where there is none."""
    return context.local.session

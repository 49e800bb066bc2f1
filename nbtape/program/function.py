"""tf.function: a Python function that is traced once for each signature, and then runs as a graph."""

import copy
import functools
import inspect
import operator
import weakref
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from numpy import ndarray

from nbtape.core import context, nest
from nbtape.core.engine import EagerTensor
from nbtape.core.memory import CardArray
from nbtape.graph.conversion.convert import converting
from nbtape.graph.trace import FunctionGraph, returned
from nbtape.program.concrete import ConcreteFunction
from nbtape.program.guards import Guards
from nbtape.program.parameters import Parameters, name_of
from nbtape.program.signature import Signature, names_of, stored, widened
from nbtape.program.switches import switches
from nbtape.program.traces import TraceList, Traces
from nbtape.program.watch import Watch

_FAST = 1000  # signatures of tensors alone that are found at once


class _Settings:
    eagerly = False


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Let functions run as plain Python, line by line, which a debugger can follow; False goes back to
    graphs.

    >>> tf.config.run_functions_eagerly(True)
    >>> tf.config.functions_run_eagerly()
    True
    >>> tf.config.run_functions_eagerly(False)
    """
    _Settings.eagerly = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """Whether functions run as plain Python."""
    return _Settings.eagerly


_alive: "weakref.WeakValueDictionary[int, Function]" = weakref.WeakValueDictionary()


def calls() -> "dict[Function, int]":
    """How often each function that there is was called so far.

    >>> from nbtape.program.function import calls
    >>> f = tf.function(lambda: 1.0)
    >>> before, _ = calls()[f], f()
    >>> before, calls()[f]
    (0, 1)
    """
    found = [reference() for reference in _alive.valuerefs()]
    return {function: function._traces.calls for function in found if function is not None}


class Function:
    """What `tf.function` makes of a Python function: a trace for each signature that it is called with."""

    def __init__(
        self,
        python_function: Callable,
        input_signature: Any = None,
        autograph: bool = True,
        jit_compile: bool | None = None,
        reduce_retracing: bool = False,
    ):
        self._python_function, self._name = python_function, name_of(python_function)
        self._parameters = Parameters(python_function, input_signature)
        self._options = self._autograph, _, self._reduce_retracing = autograph, jit_compile, reduce_retracing
        wanted = self._parameters.wanted
        self._specs = None if wanted is None else Signature(wanted).specs
        self._traces, self._count = Traces(self._name), 0
        self._fast: dict[Any, ConcreteFunction] = {}  # for tensors alone, by what tells them apart
        self._bound: dict[int, tuple[Any, Function]] = {}
        _alive[id(self)] = self
        functools.update_wrapper(self, python_function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _Settings.eagerly:
            return self._python_function(*args, **kwargs)
        self._traces.calls += 1
        key: Any = None if kwargs else ()
        for x in args:
            if type(x) is not EagerTensor:
                key = None
                break
            value = x._value
            # The type of a NumPy scalar says all, and a chain of pairs is made faster than a list.
            kind = type(value)
            if kind is ndarray or kind is CardArray:
                key = key, value.dtype, value.shape
            else:
                key = key, kind
        found = self._fast.get(key)
        if found is not None and found.guards.hold():
            return found.run(args)
        signature = self._parameters.signature(args, kwargs)
        found = self._trace_for(signature)
        if key is not None:
            self._remember(key, found, args, signature.tensors)
        return found.run(signature.tensors)

    def _remember(self, key: tuple, found: ConcreteFunction, args: tuple, tensors: list) -> None:
        """Let later calls with tensors like these find the trace at once."""
        if found.graph.strangers or len(tensors) != len(args) or any(map(operator.is_not, tensors, args)):
            return
        if len(self._fast) >= _FAST:  # sizes of all kinds, which one trace serves
            self._fast.clear()
        self._fast[key] = found

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The trace for arguments like these, in which a TensorSpec may stand for a tensor."""
        if self._parameters.wanted is not None and not args and not kwargs:
            args = self._parameters.wanted
        return self._trace_for(self._parameters.signature(args, kwargs), exact=True)

    def experimental_get_tracing_count(self) -> int:
        """How many times the Python function was traced."""
        return self._count

    def traces(self) -> TraceList:
        """What was traced and why: a list with the signature of each trace, what caused it, how long it took,
        its size, and how it was compiled.

        >>> @tf.function
        ... def scaled(x):
        ...     return x * scale
        >>> scale = 2.0
        >>> _ = scaled(1.0), scaled(tf.ones([3]))
        >>> scale = 3.0
        >>> int(scaled(1.0))
        3
        >>> [trace.cause for trace in scaled.traces()]
        ['first call', 'x: 1.0 -> float32[3]', 'global scale: 2.0 -> 3.0']
        """
        return TraceList(self._traces.made)

    @property
    def name(self) -> str:
        return self._name

    @property
    def python_function(self) -> Callable:
        return self._python_function

    @property
    def input_signature(self) -> tuple | None:
        return self._parameters.wanted

    @property
    def function_spec(self) -> inspect.Signature:
        """The parameters of the Python function."""
        return self._parameters.plain

    @property
    def concrete_functions(self) -> list[ConcreteFunction]:
        """The traces made so far."""
        return list(self._traces)

    @property
    def graph(self) -> Any:
        """The graph of the last trace."""
        return self._last.graph

    @property
    def source(self) -> str:
        """The Python source of what runs for the last trace, see `ConcreteFunction.source`."""
        return self._last.source

    @property
    def plan(self) -> Any:
        """What runs for the last trace, see `ConcreteFunction.plan`."""
        return self._last.plan

    @property
    def _last(self) -> ConcreteFunction:
        traces = self.concrete_functions
        if not traces:
            raise ValueError(
                f"{self._name} has not been traced: call it first, or its get_concrete_function."
            )
        return traces[-1]

    def pretty_printed_concrete_signatures(self, verbose: bool = True) -> str:
        """The signatures of the traces made so far."""
        return "\n\n".join(c.pretty_printed_signature(verbose) for c in self.concrete_functions)

    # Traces

    def _trace_for(self, signature: Signature, exact: bool = False) -> ConcreteFunction:
        specs = signature.specs if self._specs is None else self._specs
        found = self._traces.find(signature.key, specs, _usable, exact)
        if found is not None:
            return found
        if self._reduce_retracing and not exact:
            for given in self._traces.of_key(signature.key):
                specs = tuple([widened(a, b) for a, b in zip(specs, given)])
        start = perf_counter()
        concrete = self._trace(signature, specs)
        self._traces.add(signature.key, specs, concrete, perf_counter() - start)
        return concrete

    def _trace(self, signature: Signature, specs: tuple) -> ConcreteFunction:
        args, kwargs = signature.template
        names = names_of(self._parameters.plain.bind(*args, **kwargs).arguments)
        if self._parameters.wanted is not None:
            named = [s.name for s in nest.flatten(self._parameters.wanted)]
            names = [given or name for given, name in zip(named, names)] + names[len(named) :]
        graph, guards = self._traced(signature, specs, names, may_make_variables=not self._traces.made)
        if graph.variables_made:
            # They were made in the first trace; a second one shows what each call does from now on.
            graph, guards = self._traced(signature, specs, names, may_make_variables=False)
        template = stored(signature, specs, names)
        return ConcreteFunction(self._name, graph, self._parameters.plain, template, names, guards)

    def _traced(
        self, signature: Signature, specs: tuple, names: list[str], may_make_variables: bool
    ) -> tuple[FunctionGraph, Guards]:
        graph = FunctionGraph(self._name)
        graph.may_make_variables = may_make_variables
        with graph.as_default(), Watch(self._python_function) as watch:
            inputs = [graph.add_input(s, n, x) for s, n, x in zip(specs, names, signature.tensors)]
            args, kwargs = signature.filled(lambda i: inputs[i])
            self._count += 1
            graph.converts = self._autograph
            result = converting(self._python_function)(*args, **kwargs)
            structure = returned(graph, result, repr(self._python_function))
            watch.add(switches(graph))
        graph.finish(structure)
        return graph, watch.guards

    # Methods

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else Method(self._for(instance), instance)

    def _for(self, instance: Any) -> "Function":
        """The function of one object, with traces of its own, which do not keep the object alive."""
        found = self._bound.get(id(instance))
        if found is None or found[0]() is not instance:
            found = self._bound[id(instance)] = self._bind(instance)
        return found[1]

    def _bind(self, instance: Any) -> tuple[Callable[[], Any], "Function"]:
        key = id(instance)
        try:
            ref: Callable[[], Any] = weakref.ref(instance, lambda _: self._bound.pop(key, None))
        except TypeError:
            ref = functools.partial(_same, instance)
        python_function = self._python_function

        @functools.wraps(python_function)
        def method(*args: Any, **kwargs: Any) -> Any:
            return python_function(ref(), *args, **kwargs)

        method.__signature__ = self._parameters.of_method()  # type: ignore[attr-defined]
        return ref, self._like(method)

    def __deepcopy__(self, memo: dict) -> "Function":
        return self._like(copy.deepcopy(self._python_function, memo))

    def _like(self, python_function: Callable) -> "Function":
        """A function of another Python function, with the same settings."""
        return Function(python_function, self._parameters.wanted, *self._options)

    def __repr__(self) -> str:
        return f"<tf.function {self._name}{self._parameters}>"


class Method:
    """A function of an object: what `object.method` gives where `method` was decorated by `tf.function`."""

    __slots__ = ("_function", "__self__")

    def __init__(self, function: Function, instance: Any):
        self._function, self.__self__ = function, instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __repr__(self) -> str:
        return f"<tf.function {self._function.name} of {type(self.__self__).__name__}>"


def _same(x: Any) -> Any:
    return x


def _usable(concrete: ConcreteFunction) -> bool:
    """Whether a trace can run here: it may have captured tensors of a graph around it, which must be open."""
    strangers = concrete.graph.strangers
    if not strangers:
        return True
    around, outer = [], context.local.graph
    while outer is not None:
        around.append(outer)
        outer = outer.outer
    return all(any(g is graph for graph in around) for g in strangers)


def function(
    func: Callable | None = None,
    input_signature: Sequence | None = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_implements: str | None = None,
    experimental_autograph_options: Any = None,
    experimental_attributes: Any = None,
    experimental_relax_shapes: bool | None = None,
    experimental_compile: bool | None = None,
    experimental_follow_type_hints: bool | None = None,
) -> Any:
    """Make a graph of a Python function: it is traced once for each signature, and later calls run the graph.

    Tensors and arrays count by dtype and shape, other arguments by value, objects and variables by identity.
    `input_signature` (a list of TensorSpecs) fixes one signature; `reduce_retracing` lets sizes vary after a
    second trace. Variables may be created in the first call only. Python side effects happen while tracing;
    `tf.print`, assignments and assertions happen in each call, in program order.

    >>> @tf.function
    ... def f(x):
    ...     print("tracing")
    ...     return x * x
    >>> int(f(tf.constant(3))), int(f(tf.constant(4)))
    tracing
    (9, 16)
    """
    if func is None:
        return functools.partial(
            function,
            input_signature=input_signature,
            autograph=autograph,
            jit_compile=jit_compile,
            reduce_retracing=reduce_retracing,
            experimental_relax_shapes=experimental_relax_shapes,
            experimental_compile=experimental_compile,
        )
    if not callable(func):
        raise TypeError(f"{func} is not a callable object")
    jit_compile = experimental_compile if jit_compile is None else jit_compile
    reduce_retracing = reduce_retracing or bool(experimental_relax_shapes)
    return Function(func, input_signature, autograph, jit_compile, reduce_retracing)

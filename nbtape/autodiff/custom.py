"""Gradients that the user decides on: stop_gradient, custom_gradient, recompute_grad."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from nbtape.autodiff.tape import GradientTape
from nbtape.core import context, nest, source
from nbtape.core.engine import EagerTensor, Op, Operators, Tensor, apply, doors, o, tensor
from nbtape.core.kernel import Extern
from nbtape.core.report import spec_of
from nbtape.core.shape import bracket
from nbtape.core.slices import IndexedSlices

_NOT_A_PAIR = (
    "custom_gradient function {name} must return a pair (result, gradient function), got {got}. "
    "Write `return y, grad` with `def grad(upstream): ...`."
)


def stop_gradient(input: Any, name: str | None = None) -> Any:
    """`input` as it is, which no gradient flows back through.

    >>> x = tf.Variable(3.0)
    >>> with tf.GradientTape() as tape:
    ...     y = x * tf.stop_gradient(x)
    >>> tape.gradient(y, x).numpy()
    np.float32(3.0)
    """
    return apply(o.stop_gradient, tensor(input))


class _Reads(context.Recorder):
    """A recorder that only notes which variables are read."""

    each_op = False

    def __init__(self) -> None:
        self.variables: dict[int, Any] = {}

    def read(self, variable: Any, read: Tensor) -> None:
        if variable.trainable:
            self.variables[variable._serial] = variable


def custom_gradient(f: Callable | None = None) -> Callable:
    """Give a function its own gradient: `f` returns its result and a function from upstream gradients to
    gradients.

    The gradient function takes one gradient for each result and returns one for each Tensor argument of `f`.
    If `f` reads trainable variables, it also takes `variables=` and returns a pair: gradients of the
    arguments, gradients of the variables. Their number, shapes and dtypes are checked when it runs. Reverse
    and forward mode both use it, and higher derivatives differentiate it.

    >>> @tf.custom_gradient
    ... def log1pexp(x):
    ...     e = tf.exp(x)
    ...     return tf.math.log(1 + e), lambda upstream: upstream * (1 - 1 / (1 + e))
    >>> x = tf.constant(100.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = log1pexp(x)
    >>> tape.gradient(y, x).numpy()
    np.float32(1.0)
    """
    if f is None:
        return custom_gradient

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        return _call(f, args, kwargs)

    return decorated


def _call(f: Callable, args: tuple, kwargs: dict) -> Any:
    args = nest.map_structure(lambda x: tensor(x) if _numeric(x) else x, args)
    inputs = [x for x in nest.flatten(args) if isinstance(x, Operators)]
    reads = _Reads()
    with context.recording((reads,), context.local.graph):
        returned = f(*args, **kwargs)
    name = getattr(f, "__name__", "f")
    if not (isinstance(returned, tuple | list) and len(returned) == 2 and callable(returned[1])):
        raise TypeError(_NOT_A_PAIR.format(name=name, got=type(returned).__name__))
    result, grad_fn = returned
    # New objects, so that what the tape knows of them is this rule and not how f computed them.
    flat = [_same_value(tensor(y)) for y in nest.flatten(result)]
    given = {x._serial for x in inputs if not isinstance(x, Tensor)}
    variables = [v for serial, v in reads.variables.items() if serial not in given]
    if variables:
        _check_takes_variables(grad_fn, variables)
    if context.local.graph is not None:
        xs = [x if isinstance(x, Tensor) else tensor(x) for x in (*inputs, *variables)]
        rule = functools.partial(_rule, name, grad_fn, xs[: len(inputs)], variables)
        flat = list(doors["custom_gradient"](xs, flat, rule, name))
    elif context.local.recorders:
        xs = tuple([x if isinstance(x, Tensor) else tensor(x) for x in (*inputs, *variables)])
        called = _op(name, grad_fn, xs[: len(inputs)], variables, len(flat))
        place = source.here()
        for recorder in context.local.recorders:
            recorder.record(called, xs, {}, tuple(flat), place)
    return nest.pack_sequence_as(result, flat)


def _numeric(x: Any) -> bool:
    return (
        hasattr(x, "dtype")
        and not isinstance(x, Operators)
        or isinstance(x, int | float | complex)
        and not isinstance(x, bool)
    )


def _same_value(y: Tensor) -> Tensor:
    return EagerTensor(y._value) if isinstance(y, EagerTensor) else y


def _check_takes_variables(grad_fn: Callable, variables: list) -> None:
    spec = inspect.getfullargspec(grad_fn)
    if "variables" not in spec.args + spec.kwonlyargs and not spec.varkw:
        raise TypeError(
            "@tf.custom_gradient grad_fn must accept keyword argument 'variables', since function uses "
            f"variables: {variables}"
        )


def _op(name: str, grad_fn: Callable, args: tuple, variables: list, outputs: int) -> Op:
    """A row for one call: its gradient is the user's function."""
    last: list = [None, None]  # the cotangent that grad_fn was last called with, and what it returned

    def grad(i: int, g: Any, y: Any, *xs: Any) -> Any:
        gs = g if outputs != 1 else (g,)
        if last[0] is not g:
            last[:] = g, _run(name, grad_fn, gs, args, variables)
        gx = last[1][i]
        bare = not isinstance(xs[0], Tensor)
        return gx._value if bare and isinstance(gx, EagerTensor) else gx

    def eager(*values: Any) -> Any:
        raise AssertionError("a custom_gradient call is recorded after it has run")

    return Op(f"custom_gradient:{name}", eager, eager, grad, Extern(), many=outputs != 1)


def _rule(name: str, grad_fn: Callable, args: list, variables: list, *gs: Any) -> list:
    return _run(name, grad_fn, gs, tuple(args), variables)


def _run(name: str, grad_fn: Callable, gs: tuple, args: tuple, variables: list) -> list:
    """Call the user's gradient function and check what it returns."""
    gs = tuple([tensor(g) for g in gs])
    if not variables:
        found = _as_list(grad_fn(*gs))
    else:
        returned = grad_fn(*gs, variables=variables)
        if not (isinstance(returned, tuple | list) and len(returned) == 2):
            raise TypeError(
                f"the gradient function of {name} must return a pair, gradients of the arguments and a list "
                f"of gradients of the {len(variables)} variables, got {type(returned).__name__}"
            )
        found = _as_list(returned[0]) if args else []
        of_variables = _as_list(returned[1])
        if len(of_variables) != len(variables):
            raise ValueError(
                f"custom_gradient function expected to return {len(variables)} variable gradients, but "
                f"returned {len(of_variables)} instead."
            )
        found += of_variables
    wanted = [*args, *variables]
    if len(found) != len(wanted):
        raise ValueError(
            f"custom_gradient function expected to return {len(args)} gradients, but returned "
            f"{len(found) - len(variables)} instead."
        )
    return [_checked(name, i, g, x) for i, (g, x) in enumerate(zip(found, wanted, strict=True))]


def _as_list(x: Any) -> list:
    return nest.flatten(x) if nest.is_nested(x) else [x]


def _checked(name: str, i: int, g: Any, x: Any) -> Any:
    if g is None or isinstance(g, IndexedSlices):
        return g
    g, shape = tensor(g), spec_of(x).shape if isinstance(x, Tensor) else tuple(x.shape)
    if g.dtype is not x.dtype:
        raise ValueError(
            f"the gradient function of {name} returned {g.dtype.name} for argument {i}, which is "
            f"{x.dtype.name}: write tf.cast(gradient, tf.{x.dtype.name})."
        )
    given = spec_of(g).shape
    if (
        given is not None
        and shape is not None
        and None not in (*given, *shape)
        and tuple(given) != tuple(shape)
    ):
        raise ValueError(
            f"the gradient function of {name} returned shape {bracket(given)} for argument {i}, which has "
            f"shape {bracket(shape)}: a gradient has the shape of its argument."
        )
    return g


def grad_pass_through(f: Callable) -> Callable:
    """`f`, which may have no gradient of its own, with that of the identity.

    >>> x = tf.Variable(1.6)
    >>> with tf.GradientTape() as tape:
    ...     y = tf.grad_pass_through(tf.round)(x) * 2.0
    >>> tape.gradient(y, x).numpy()
    np.float32(2.0)
    """

    @custom_gradient
    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> tuple:
        def grad(*upstream: Any, variables: list | None = None) -> Any:
            return upstream if variables is None else (upstream, [None] * len(variables))

        return f(*args, **kwargs), grad

    return wrapped


def recompute_grad(f: Callable) -> Callable:
    """Call `f` without keeping its intermediate values, and compute them again when its gradient is taken.

    Trades time for memory. Works with variables, keyword arguments, repeated arguments, and for higher
    derivatives.

    >>> g = tf.recompute_grad(lambda x: tf.sin(x) * x)
    >>> x = tf.constant(0.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = g(x)
    >>> tape.gradient(y, x).numpy()
    np.float32(0.0)
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        @custom_gradient
        def inner(*tensors: Any) -> tuple:
            def grad(*upstream: Any, variables: list | None = None) -> Any:
                # New objects: an argument given twice has a gradient for each of its places.
                fresh = [_alias(x) for x in tensors]
                with GradientTape() as tape:
                    tape.watch(fresh)
                    y = f(*nest.pack_sequence_as(args, fresh), **kwargs)
                gs = list(upstream) if len(upstream) > 1 else next(iter(upstream))
                found = tape.gradient(
                    y, fresh + list(variables or []), output_gradients=gs, unconnected_gradients="zero"
                )
                head = found[: len(fresh)]
                return (head, found[len(fresh) :]) if variables is not None else head

            return f(*nest.pack_sequence_as(args, list(tensors)), **kwargs), grad

        return inner(*nest.flatten(args))

    return wrapped


def _alias(x: Any) -> Any:
    """Another Tensor of the same value, connected to it."""
    return x if not isinstance(x, Tensor) else _identity(x)


@custom_gradient
def _identity(x: Any) -> tuple:
    return x, lambda upstream: upstream

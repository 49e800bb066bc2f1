"""Tensor, Op, Node, and `apply`: the one door through which every operation goes.

An op runs at once on NumPy values unless the thread has an open trace, which takes it as a Node of its graph;
each open recorder (a tape, a forward accumulator, a trap) is shown it. `apply` is the hot path of eager mode
and is written for speed: slots, no wrapper layers, errors worked out only after NumPy has raised. It is one
long file because each of its parts calls the others: operators apply ops, ops make Tensors, and conversion
may stack them.
"""

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nbtape.core import context, dlpack, dtype as dtypes, source
from nbtape.core.convert import array_of, fit
from nbtape.core.dtype import DType
from nbtape.core.errors import OpError, invalid
from nbtape.core.kernel import Kernel, late
from nbtape.core.memory import CardArray, Elsewhere, alongside, between, card_of, index_of, on_card, on_host
from nbtape.core.report import NUMBERS, Missing, explained
from nbtape.core.shape import Spec, TensorShape, bracket, known_shape
from nbtape.core.shape_v1 import shown as shown_shape

_NO_ATTRS: dict[str, Any] = {}
_local, _open_tapes, _here, _new = context.local, context.open_tapes, source.here, object.__new__  # for `run`

# An op that makes inf or nan says so in its value, as in TensorFlow; NumPy's warnings about it are not for
# the user. A filter costs nothing until something happens; `np.errstate` around each op would cost as much as
# the op.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"nbtape\.")


class Op:
    """One row of the table: everything nbtape knows about one operation.

    eager   arrays in, array (or tuple of arrays, if `many`) out: what runs at once, and the reference for
    compilers infer   Specs in, Spec (or tuple) out; raises the shape errors that users read grad    a rule
    per input, `rule(g, y, *xs, **attrs)`, or None where nothing flows; or one function
            `grad(i, g, y, *xs, **attrs)` for ops with any number of inputs; or None: no gradient at all
    kernel  how compilers treat it
    kinds   NumPy kinds that all inputs must have, "" for no check (see `dtype.FLOATS`)
    label   what TensorFlow's messages call it
    absorbs whether a zero cotangent absorbs inf and nan in what the rules return (elementwise ops)

    Called with arrays an Op computes; called with Tensors it is recorded. So the same gradient rule runs on
    bare arrays when nobody watches, and is recorded, traced and differentiated again when somebody does.
    """

    __slots__ = ("name", "eager", "infer", "grad", "kernel", "kinds", "scalars", "absorbs", "many", "label")

    def __init__(
        self,
        name: str,
        eager: Callable[..., Any],
        infer: Callable[..., Any],
        grad: Any = None,
        kernel: Kernel | None = None,
        kinds: str = "",
        absorbs: bool = False,
        many: bool = False,
        label: str = "",
    ):
        self.label = label or "".join(part.capitalize() for part in name.split("_"))
        self.name, self.eager, self.infer, self.grad, self.kernel = name, eager, infer, grad, kernel
        self.kinds, self.absorbs, self.many = kinds, absorbs, many
        self.scalars = frozenset(d.as_numpy_dtype for d in dtypes.ALL if d.np.kind in kinds)

    def rules(self, n: int) -> tuple:
        """The gradient rule of each of n inputs, None where nothing flows."""
        grad = self.grad
        if type(grad) is tuple:
            return grad
        return (None,) * n if grad is None else tuple([functools.partial(grad, i) for i in range(n)])

    def __call__(self, *xs: Any, **attrs: Any) -> Any:
        if len(xs) == 1 and type(xs[0]) in self.scalars and not attrs:
            return self.eager(xs[0])
        for x in xs:
            if isinstance(x, Tensor):
                return apply(self, *xs, **attrs)
        return self.eager(*xs, **attrs)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self):
        return _op_named, (self.name,)


class Table:
    """The ops by name: `o.mul`. Rules look ops up when they run, so rows may name each other in any order."""

    if TYPE_CHECKING:  # when it runs, `__getattr__` would make each look-up of a row a slow one

        def __getattr__(self, name: str) -> Op: ...

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[Op]:
        return iter(self.__dict__.values())


o = Table()


def register(op: Op) -> Op:
    """Put a row in the table."""
    assert op.name not in o, f"two rows are called {op.name}"
    setattr(o, op.name, op)
    return op


def _op_named(name: str) -> Op:
    return getattr(o, name)


class Node(NamedTuple):
    """One recorded operation. Inputs are Tensors, or Python numbers and arrays that nobody differentiates."""

    op: Op
    inputs: tuple
    attrs: dict
    outputs: tuple
    place: source.Place | None


class Operators:
    """What Tensors and Variables share: Python's operators, indexing, and NumPy's doors."""

    __slots__ = ()
    dtype: Any
    shape: Any
    _value: Any
    _serial: int  # of Variables only
    __array_priority__ = 100

    def ref(self) -> "Reference":
        """A hashable reference, equal for the same object: a key for dicts and sets."""
        return Reference(self)

    def __add__(self, other):
        return binary(o.add, self, other)

    def __radd__(self, other):
        return binary(o.add, other, self)

    def __sub__(self, other):
        return binary(o.sub, self, other)

    def __rsub__(self, other):
        return binary(o.sub, other, self)

    def __mul__(self, other):
        return binary(o.mul, self, other)

    def __rmul__(self, other):
        return binary(o.mul, other, self)

    def __truediv__(self, other):
        return binary(o.div, self, other)

    def __rtruediv__(self, other):
        return binary(o.div, other, self)

    def __floordiv__(self, other):
        return binary(o.floordiv, self, other)

    def __rfloordiv__(self, other):
        return binary(o.floordiv, other, self)

    def __mod__(self, other):
        return binary(o.floormod, self, other)

    def __rmod__(self, other):
        return binary(o.floormod, other, self)

    def __pow__(self, other):
        return binary(o.pow, self, other)

    def __rpow__(self, other):
        return binary(o.pow, other, self)

    def __matmul__(self, other):
        return binary(o.matmul, self, other)

    def __rmatmul__(self, other):
        return binary(o.matmul, other, self)

    def __and__(self, other):
        return binary(o.bitwise_and, self, other)

    def __rand__(self, other):
        return binary(o.bitwise_and, other, self)

    def __or__(self, other):
        return binary(o.bitwise_or, self, other)

    def __ror__(self, other):
        return binary(o.bitwise_or, other, self)

    def __xor__(self, other):
        return binary(o.bitwise_xor, self, other)

    def __rxor__(self, other):
        return binary(o.bitwise_xor, other, self)

    def __invert__(self):
        return applied(o.invert, self)

    def __neg__(self):
        return applied(o.neg, self)

    def __pos__(self):
        return tensor(self)

    def __abs__(self):
        return applied(o.abs, self)

    def __lt__(self, other):
        return binary(o.less, self, other)

    def __le__(self, other):
        return binary(o.less_equal, self, other)

    def __gt__(self, other):
        return binary(o.greater, self, other)

    def __ge__(self, other):
        return binary(o.greater_equal, self, other)

    def __eq__(self, other):
        return equal_or(o.equal, self, other, False)

    def __ne__(self, other):
        return equal_or(o.not_equal, self, other, True)

    def __hash__(self):
        kind = "Tensor" if isinstance(self, Tensor) else "Variable"
        raise TypeError(f"{kind} is unhashable. Instead, use {kind.lower()}.ref() as the key.")

    def __getitem__(self, key):
        return subscript(self, key)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return numpy_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func, types, args, kwargs):
        return numpy_function(func, args, kwargs)


class Tensor(Operators):
    """A multi-dimensional array that never changes, with a dtype and a shape.

    Made by `constant`, `convert_to_tensor` and every operation; an `EagerTensor` has a value, a
    `SymbolicTensor` stands for one in a graph. NumPy functions on a Tensor stay differentiable.

    >>> tf.constant([1.0, 2.0]) * 3
    <tf.Tensor: shape=(2,), dtype=float32, numpy=array([3., 6.], dtype=float32)>
    """

    __slots__ = (
        "__weakref__",
        "_assign",  # set only where the tensor was cut out of a variable: v[key]
        "_keras_mask",  # set only where a layer said which steps of the tensor there are
    )

    @property
    def dtype(self) -> DType:
        raise NotImplementedError

    @property
    def shape(self) -> TensorShape:
        raise NotImplementedError

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def get_shape(self) -> TensorShape:
        return shown_shape(self.shape)

    @property
    def assign(self) -> Callable[..., Any]:
        """Replace this part of the variable that it was cut out of: `v[key].assign(value)`."""
        try:
            return self._assign
        except AttributeError:
            return _NO_ASSIGN.__get__(self, type(self))

    def __dir__(self):
        return [name for name in super().__dir__() if name not in _INSTEAD]


# What to write instead of attributes that people look for on a Tensor.
_INSTEAD = {
    "T": "Write tf.transpose(x).",
    "astype": "Write tf.cast(x, dtype).",
    "trainable": "Only a tf.Variable is trainable: make it one, or have the tape watch the tensor.",
    "size": "Write tf.size(x), or x.shape.num_elements().",
    "detach": "Write tf.stop_gradient(x).",
    "grad": "Write tape.gradient(y, x).",
    "backward": "Write tape.gradient(y, xs).",
} | {name: f"Write tf.{name}(x, ...)." for name in "reshape transpose squeeze argmax argmin".split()} | {
    name: f"Write tf.reduce_{name}(x)." for name in "sum mean max min prod any all".split()
} | {name: "Write tf.reshape(x, [-1])." for name in ("ravel", "flatten")}  # fmt: skip
_NO_ASSIGN = Missing("assign", "A Tensor never changes: make it a tf.Variable, or compute a new one.")
for _name, _instead in _INSTEAD.items():
    setattr(Tensor, _name, Missing(_name, _instead))


class EagerTensor(Tensor):
    """A Tensor with a value: a NumPy array, or a NumPy scalar for rank 0 (scalars are several
    times faster).
    """

    __slots__ = ("_value",)

    def __init__(self, value: Any):
        self._value = value

    @property
    def _spec(self) -> Spec:
        return Spec(self._value.shape, self._value.dtype)

    @property
    def dtype(self) -> DType:
        return dtypes.of(self._value)

    @property
    def shape(self) -> TensorShape:
        return known_shape(self._value.shape)

    @property
    def device(self) -> str:
        return device_of(self._value)

    @property
    def name(self) -> str:
        raise AttributeError("Tensor.name is undefined when eager execution is enabled.")

    @property
    def op(self):
        raise AttributeError("Tensor.op is undefined when eager execution is enabled.")

    @property
    def graph(self):
        raise AttributeError("Tensor.graph is undefined when eager execution is enabled.")

    def numpy(self) -> Any:
        """The value as a read-only NumPy array, or as a NumPy scalar (`bytes` for a string) for rank 0.

        Copy it (`t.numpy().copy()`) to write into it. A tape does not see what happens to it.
        """
        for recorder in context.local.recorders:
            recorder.left(self)
        return readable(on_host(self._value))

    def tolist(self) -> Any:
        """The value as nested Python lists."""
        return self.numpy().tolist()

    def item(self, *index: int) -> Any:
        """One element as a Python number."""
        return self.numpy().item(*index)

    def set_shape(self, shape: Any) -> None:
        """Check the shape, for code that is also traced; raises ValueError where it is another one."""
        if not self.shape.is_compatible_with(shape):
            raise ValueError(
                f"Tensor's shape {self.shape} is not compatible with supplied shape {TensorShape(shape)}."
            )

    @property
    def backing_device(self) -> str:
        return self.device

    def cpu(self) -> "EagerTensor":
        """The tensor in the computer's own memory."""
        return copied(self, on_host(self._value))

    def gpu(self, gpu_index: int = 0) -> "EagerTensor":
        """The tensor in the memory of a card."""
        return copied(self, on_card(self._value, card_of(gpu_index)))

    def __array__(self, dtype=None, copy=None):
        value = np.asarray(self.numpy())
        if dtype is not None and value.dtype != dtype:
            if copy is False:
                raise ValueError(f"Unable to avoid copy while creating a {dtype} array from {self.dtype!r}.")
            return value.astype(dtype)
        return value.copy() if copy else value

    def __dlpack__(self, **kwargs):
        """A capsule for `from_dlpack`: of a copy, or of the memory of a card itself, not to be written."""
        value = self._value
        if type(value) is not CardArray or kwargs.get("dl_device") == (dlpack.CPU, 0):
            return np.asarray(self.numpy()).copy().__dlpack__(**kwargs)
        for recorder in context.local.recorders:
            recorder.left(self)
        return dlpack.lent(between(value, value.card) if kwargs.get("copy") else value, kwargs.get("stream"))

    def __dlpack_device__(self):
        value = self._value
        return (dlpack.CUDA, value.card) if type(value) is CardArray else (dlpack.CPU, 0)

    @property
    def __cuda_array_interface__(self):
        if type(self._value) is not CardArray:
            raise AttributeError("A tensor in the computer's memory has no __cuda_array_interface__.")
        for recorder in context.local.recorders:
            recorder.left(self)
        return dlpack.interface(self._value)

    def __buffer__(self, flags):
        return memoryview(np.asarray(self.numpy()))  # pyright: ignore[reportArgumentType] an array has a buffer

    def __bool__(self):
        if self._value.dtype == object:
            return bool(self._value.item())
        return bool(self._value) if self._value.size else False

    def __float__(self):
        return float(self._number())

    def __int__(self):
        return int(self._number())

    def __complex__(self):
        return complex(self._number())

    def __index__(self):
        if self._value.dtype.kind not in "iu":
            raise TypeError(
                f"'{type(self).__name__}' of {self.dtype.name} cannot be interpreted as an integer"
            )
        return int(self._number())

    def _number(self) -> Any:
        if self._value.ndim:
            raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
        for recorder in context.local.recorders:
            recorder.left(self)
        return on_host(self._value)

    def __round__(self, ndigits=None):
        return round(float(self._number()), ndigits)

    def __len__(self):
        if not self._value.ndim:
            raise TypeError("Scalar tensor has no `len()`")
        return self._value.shape[0]

    def __iter__(self):
        if not self._value.ndim:
            raise TypeError("Cannot iterate over a scalar tensor.")
        return (self[i] for i in range(self._value.shape[0]))

    def __format__(self, spec):
        return format(self.numpy(), spec)

    def __repr__(self):
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={shown(self._value, repr)}>"

    def __str__(self):
        return f"tf.Tensor({shown(self._value, str)}, shape={self.shape}, dtype={self.dtype.name})"

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return EagerTensor(self._value)

    def __reduce__(self):
        return EagerTensor, (self._value,)


class Reference:
    """A hashable stand-in for a Tensor or a Variable, which are not hashable because `==`
    compares elements.
    """

    __slots__ = ("_object",)

    def __init__(self, obj: Any):
        self._object = obj

    def deref(self) -> Any:
        return self._object

    def __eq__(self, other):
        return isinstance(other, Reference) and self._object is other._object

    def __hash__(self):
        return id(self._object)

    def __repr__(self):
        return f"<Reference wrapping {self._object!r}>"


def device_of(value: Any) -> str:
    """The device on which a value is."""
    kind = f"GPU:{index_of(value.card)}" if type(value) is CardArray else "CPU:0"
    return f"/job:localhost/replica:0/task:0/device:{kind}"


def readable(value: Any) -> Any:
    """`value` for the eyes of a user: a view that cannot be made writeable."""
    if isinstance(value, np.ndarray):
        if value.dtype == object and not value.ndim:
            return value.item()
        if value.dtype.kind != "V":
            return np.asarray(memoryview(value).toreadonly())  # pyright: ignore[reportArgumentType] not even its `base` can be made writeable
        base = value
        while isinstance(base, np.ndarray):
            base.flags.writeable = False
            base = base.base
        return value.view()
    return value


def shown(value: Any, how: Callable[[Any], str]) -> str:
    """The value as `repr` and `str` of a tensor print it: what takes several lines starts on one
    of its own.
    """
    if value.ndim:
        text = how(value)
        return "\n" + text if "\n" in text else text
    return how(value.item()) if how is repr or value.dtype == object else str(value)


# Conversion


def tensor(x: Any, dtype: DType | None = None) -> Any:
    """`x` as a Tensor (of `dtype`, if given: a Tensor of another dtype is refused)."""
    if type(x) is EagerTensor and dtype is None:
        return x
    if not isinstance(x, Tensor):
        own = getattr(
            type(x), "__tensor__", None
        )  # Variables, IndexedSlices and what else stands for a tensor
        if own is not None:
            x = own(x)
        else:
            return _constant(x, dtype)
    if dtype is not None and x.dtype is not dtype:
        raise ValueError(
            f"Tensor conversion requested dtype {dtype.name} for Tensor with dtype {x.dtype.name}: {x!r}"
        )
    return x


def _constant(x: Any, dtype: DType | None) -> Any:
    if isinstance(x, _SEQUENCES) and _holds_tensor(x):
        return _packed(x, dtype)
    value = array_of(x.as_list() if type(x) is TensorShape else x, dtype)
    taker = context.local.taker
    return EagerTensor(value) if taker is None else taker.constant(value)


def _holds_tensor(x: Any) -> bool:
    kinds = set(map(type, x))
    if kinds <= _PLAIN:
        return False
    if any(issubclass(kind, Tensor) or hasattr(kind, "__tensor__") for kind in kinds):
        return True
    return any(isinstance(item, _SEQUENCES) and _holds_tensor(item) for item in x)


_SEQUENCES = (list, tuple)
_PLAIN = frozenset(
    (float, int, bool, complex, str, bytes, np.ndarray, *[d.as_numpy_dtype for d in dtypes.ALL])
)


def _first_tensor(x: Any) -> Any:
    for item in x:
        if isinstance(item, list | tuple):
            item = _first_tensor(item)
        elif not isinstance(item, Tensor):
            own = getattr(type(item), "__tensor__", None)
            item = own(item) if own else None
        if item is not None:
            return item
    return None


def _packed(x: Any, dtype: DType | None) -> Any:
    """A sequence with Tensors in it, stacked, so that gradients flow through it."""
    items = [tensor(item) if stands_for_tensor(item) else item for item in x]
    if dtype is None:
        dtype = _first_tensor(x).dtype
    else:
        items = [apply(o.cast, item, dtype=dtype.np) if isinstance(item, Tensor) else item for item in items]
    return apply(o.stack, *[tensor(item, dtype) for item in items], axis=0)


def pair(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands as Tensors of one dtype: a bare value takes the other's; Python numbers stay
    as they are.
    """
    if type(a) is EagerTensor and type(b) is EagerTensor:
        return a, b
    a_is, b_is = stands_for_tensor(a), stands_for_tensor(b)
    if a_is and b_is:
        return tensor(a), tensor(b)
    if a_is:
        a = tensor(a)
        return a, beside(b, a.dtype)
    if b_is:
        b = tensor(b)
        return beside(a, b.dtype), b
    a = tensor(a)
    return a, beside(b, a.dtype)


def stands_for_tensor(x: Any) -> bool:
    """Whether `x` is a Tensor, or has a tensor that operations take: a Variable, IndexedSlices."""
    return isinstance(x, Tensor) or hasattr(type(x), "__tensor__")


def beside(x: Any, dtype: DType) -> Any:
    """`x`, no tensor, as an operand beside a tensor of `dtype`: of that dtype where it can be.

    A value of another kind (a list of floats beside ints) gets its own dtype, for the op to refuse in its
    words; a float beside ints, the usual slip, is refused here.
    """
    if type(x) in NUMBERS and context.local.graph is None and (type(x) is not complex or dtype.is_complex):
        if type(x) is int and dtype is dtypes.bool_:
            return tensor(x)
        x = fit(x, dtype)
        # NumPy's rule for Python numbers beside arrays does not know bfloat16.
        return x if dtype is not dtypes.bfloat16 else dtype.as_numpy_dtype(x)
    if (
        isinstance(x, np.ndarray | np.generic)
        and x.dtype.kind in "fcV"
        and not (dtype.is_floating or dtype.is_complex)
    ):
        if x.dtype.kind == "c" or not np.array_equal(
            np.trunc(x), x
        ):  # TensorFlow drops the fractions in silence
            raise TypeError(
                f"Cannot convert a NumPy array of {x.dtype} to EagerTensor of dtype {dtype.name}: {x!r}"
            )
    try:
        return tensor(x, dtype)
    except TypeError:
        if isinstance(x, float):
            raise
        return tensor(x)


# Applying


def applied(op: Op, x: Any) -> Any:
    """An op of one input, of a Tensor or of anything: `-x`, `tf.sin(x)`."""
    return run(op, (x if type(x) is EagerTensor else tensor(x),), _NO_ATTRS)


def binary(op: Op, a: Any, b: Any) -> Any:
    """An operator between a Tensor and anything: `a + b`."""
    if type(a) is not EagerTensor or type(b) is not EagerTensor:
        if op.name in getattr(type(b), "reflects", ()):  # IndexedSlices, which stay sparse where they can
            return NotImplemented
        try:
            a, b = pair(a, b)
        except (TypeError, ValueError):
            if getattr(type(b), "__array_ufunc__", 0) is None:  # it asks to be left to its own operators
                return NotImplemented
            raise
    return run(op, (a, b), _NO_ATTRS)


def apply(op: Op, *xs: Any, **attrs: Any) -> Any:
    """Run `op` on Tensors (and bare numbers and arrays), showing it to the open trace or the open recorders.

    Raises what the op's `infer` says about its inputs, with the user's line and each operand's shape and
    dtype.
    """
    return run(op, xs, attrs)


def run(op: Op, xs: tuple, attrs: dict) -> Any:
    """What `apply` does: one function, since in eager mode a call costs as much as the arithmetic of scalars.

    An open trace takes the op as a Node; otherwise it runs, and each recorder is shown what it did.
    """
    watch = _local.watch
    if watch is not None and watch[0] is not None:
        return watch[0].record(op, xs, attrs)
    n = len(xs)
    try:
        if n == 2:
            a, b = xs
            a = a._value if type(a) is EagerTensor else a
            b = b._value if type(b) is EagerTensor else b
            if type(a) is not type(b) or type(a) not in op.scalars:
                check_dtypes(op, (a, b))
            value = op.eager(a, b, **attrs) if attrs else op.eager(a, b)
        elif n == 1:
            a = xs[0]
            a = a._value if type(a) is EagerTensor else a
            if type(a) not in op.scalars:
                check_dtypes(op, (a,))
            value = op.eager(a, **attrs) if attrs else op.eager(a)
        else:
            values = [x._value if type(x) is EagerTensor else x for x in xs]
            check_dtypes(op, values)
            value = op.eager(*values, **attrs)
    except Exception as error:
        value = recovered(error, op, xs, attrs)
    if op.many:
        y = ys = tuple([EagerTensor(v) for v in value])
    else:
        y = _new(EagerTensor)  # as EagerTensor(value) does, by way of a slower call
        y._value = value
        ys = (y,)
    if watch is not None:
        # The user is never nearer: `here`, this function, the one that called it, an operator or a public
        # function. To look at a frame makes an object of it, so the search starts as far up as it can.
        place = _here(4)
        for recorder in watch[1]:
            recorder.record(op, xs, attrs, ys, place)
    elif _open_tapes:
        note_foreign(xs, ys[0])
    return y


def made(op: Op, xs: tuple, attrs: dict, value: Any) -> Any:
    """What `op` gave elsewhere, as Tensors, shown to the open recorders."""
    ys = tuple([EagerTensor(v) for v in (value if op.many else (value,))])
    place = source.here(3)
    for recorder in context.local.recorders:
        recorder.record(op, xs, attrs, ys, place)
    if _open_tapes and not context.local.recorders:
        note_foreign(xs, ys[0])
    return ys if op.many else ys[0]


def copied(x: Any, value: Any) -> Any:
    """A Tensor with `value`, the value of `x` on another device; `x` itself, if it is that."""
    return x if value is x._value else made(o.identity, (x,), _NO_ATTRS, value)


def moved(x: Any, like: Any) -> Any:
    """`x` on the device of `like`; both are Tensors with values."""
    return copied(x, alongside(x._value, like._value))


def recovered(error: Exception, op: Op, xs: tuple, attrs: dict) -> Any:
    """The value in spite of `error`, where inputs are on a card or the user made NumPy's warnings into
    errors; else raise it.
    """
    if type(error) is Elsewhere:
        return _elsewhere(op, xs, attrs)
    if not isinstance(error, FloatingPointError | RuntimeWarning):
        raise explained(error, op, xs, attrs) from None
    with np.errstate(all="ignore"):
        return op.eager(*[x._value if type(x) is EagerTensor else x for x in xs], **attrs)


def note_foreign(xs: tuple, y: Tensor) -> None:
    """Tell tapes of other threads that a tensor of theirs was used here, so that they can explain a None."""
    for tape in list(context.open_tapes.values()):
        tape.used_elsewhere(xs, y)  # type: ignore[attr-defined]


def check_dtypes(op: Op, values: Any) -> None:
    """All inputs are here and have one dtype, of a kind that `op` takes; `explained` says what is wrong
    where not.
    """
    if not op.kinds:
        for value in values:
            if type(value) is CardArray:
                raise Elsewhere
        return
    first = None
    for value in values:
        if type(value) in _NO_ARRAYS:
            if type(value) is CardArray:
                raise Elsewhere
            continue
        dtype = value.dtype
        if first is None:
            first = dtype
            if dtype.kind not in op.kinds:
                raise TypeError
        elif dtype is not first and dtype != first:
            raise TypeError


_NO_ARRAYS = frozenset((*NUMBERS, CardArray))
# Runs an op where its inputs are: (op, xs, attrs) -> what `eager` would give.
_elsewhere = late("nbtape.compile.card.eager:elsewhere")


def equal_or(op: Op, a: Any, b: Any, otherwise: bool) -> Any:
    """`==` and `!=`: elementwise; one False (True) where shapes do not broadcast or the other is
    no tensor.
    """
    if b is None:
        return otherwise
    try:
        a, b = pair(a, b)
    except ValueError:
        return otherwise
    try:
        return apply(op, a, b)
    except OpError as error:
        if "Incompatible shapes" not in str(error):
            raise
        return tensor(otherwise)


# Doors that upper floors open: each is replaced once, when the floor that knows how is imported.


def subscript(x: Any, key: Any) -> Any:
    return doors["subscript"](x, key)


def numpy_ufunc(ufunc: Any, method: str, inputs: tuple, kwargs: dict) -> Any:
    return doors["ufunc"](ufunc, method, inputs, kwargs)


def numpy_function(func: Any, args: tuple, kwargs: dict) -> Any:
    return doors["function"](func, args, kwargs)


doors: dict[str, Callable[..., Any]] = {}

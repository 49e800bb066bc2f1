"""KerasTensor, which stands for a value while layers are put together, and InputSpec, what one accepts."""

from collections.abc import Mapping, Sequence
from typing import Any

from nbtape.core.dtype import DType, as_dtype
from nbtape.core.kernel import late
from nbtape.core.shape import Spec

Shape = tuple[int | None, ...]
_operated = late("nbtape.train.layers.plain:operated")  # a layer, which stands above


class KerasTensor:
    """A shape and a dtype without a value: what `tf.keras.Input` gives and layers take to make models.

    `history` is the layer that made it, the arguments of that call, and all that the call gave.

    >>> x = tf.keras.Input(shape=(3,))
    >>> tf.keras.layers.Dense(2)(x).shape
    (None, 2)
    """

    def __init__(self, shape: Sequence[int | None], dtype: Any = "float32", name: str | None = None):
        self.shape: Shape = tuple(shape)
        self.dtype: DType = as_dtype(dtype)
        self.name = name
        self.history: tuple[Any, tuple, dict, Any] | None = None

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def spec(self) -> Spec:
        return Spec(self.shape, self.dtype.np)

    def __add__(self, other: Any) -> Any:
        return _operated("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _operated("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _operated("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _operated("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return _operated("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _operated("mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _operated("truediv", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _operated("truediv", other, self)

    def __pow__(self, other: Any) -> Any:
        return _operated("pow", self, other)

    def __matmul__(self, other: Any) -> Any:
        return _operated("matmul", self, other)

    def __neg__(self) -> Any:
        return _operated("neg", self)

    def __abs__(self) -> Any:
        return _operated("abs", self)

    def __lt__(self, other: Any) -> Any:
        return _operated("lt", self, other)

    def __le__(self, other: Any) -> Any:
        return _operated("le", self, other)

    def __gt__(self, other: Any) -> Any:
        return _operated("gt", self, other)

    def __ge__(self, other: Any) -> Any:
        return _operated("ge", self, other)

    def __ne__(self, other: Any) -> Any:
        return _operated("ne", self, other)

    def __getitem__(self, key: Any) -> Any:
        return _operated("getitem", self, key)

    __iter__ = None  # or `for` would never end
    __array_priority__ = 100  # so that array + symbol asks the symbol

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape and a dtype. It doesn't have any "
            "actual numerical value. You cannot convert it to a NumPy array."
        )

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype.name}, name={self.name}>"


class InputSpec:
    """What a layer accepts: a rank, bounds for it, sizes of some axes.

    >>> spec = tf.keras.layers.InputSpec(min_ndim=2, axes={-1: 3})
    >>> spec.check((8, 4), "dense")
    Traceback (most recent call last):
    ...
    ValueError: Input 0 of layer 'dense' is incompatible with the layer: expected axis -1 of input shape to \
have value 3, but received input with shape (8, 4)
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
    ):
        self.dtype, self.shape = dtype, None if shape is None else tuple(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim, self.min_ndim, self.axes = max_ndim, min_ndim, dict(axes or {})
        if self.shape is not None:
            self.axes |= dict(enumerate(self.shape))

    def check(self, shape: Shape, layer: str) -> None:
        """Raise ValueError where a layer of the name `layer` cannot take a tensor of this shape."""
        told = f"Input 0 of layer {layer!r} is incompatible with the layer: expected "
        rank, full = len(shape), f"Full shape received: {shape}"
        if self.ndim is not None and rank != self.ndim:
            raise ValueError(f"{told}ndim={self.ndim}, found ndim={rank}. {full}")
        if self.max_ndim is not None and rank > self.max_ndim:
            raise ValueError(f"{told}max_ndim={self.max_ndim}, found ndim={rank}. {full}")
        if self.min_ndim is not None and rank < self.min_ndim:
            raise ValueError(f"{told}min_ndim={self.min_ndim}, found ndim={rank}. {full}")
        for axis, size in self.axes.items():
            found = shape[axis]
            if size is not None and found is not None and found != size:
                raise ValueError(
                    f"{told}axis {axis} of input shape to have value {size}, but received input with shape "
                    f"{shape}"
                )


def symbols(shape: Any, dtype: Any) -> Any:
    """A KerasTensor of a shape, or a structure of them for a structure of shapes."""
    if isinstance(shape, Mapping):
        return {key: symbols(x, dtype) for key, x in shape.items()}
    if all([n is None or isinstance(n, int) for n in shape]):
        return KerasTensor(shape, dtype)
    return [symbols(x, dtype) for x in shape]

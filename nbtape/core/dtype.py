"""DTypes: TensorFlow's names for NumPy's types, one object each."""

from typing import Any

import ml_dtypes
import numpy as np

FLOATS = "fcV"  # numpy kinds that gradients flow through; V is bfloat16, whose kind numpy does not know


class DType:
    """The type of a tensor's elements; compares equal to its name and to its NumPy type.

    >>> tf.float32 == np.float32, tf.float32 == "float32", tf.float32.is_floating
    (True, True, True)
    """

    __slots__ = ("name", "as_numpy_dtype", "np", "_enum")

    def __init__(self, name: str, as_numpy: type, enum: int):
        self.name, self.as_numpy_dtype, self._enum = name, as_numpy, enum
        self.np = np.dtype(as_numpy)

    @property
    def is_floating(self) -> bool:
        return self.np.kind in "fV"

    @property
    def is_integer(self) -> bool:
        return self.np.kind in "iu"

    @property
    def is_complex(self) -> bool:
        return self.np.kind == "c"

    @property
    def is_bool(self) -> bool:
        return self.np.kind == "b"

    @property
    def is_numeric(self) -> bool:
        return self.np.kind in "iufcV"

    @property
    def is_unsigned(self) -> bool:
        return self.np.kind == "u"

    @property
    def is_numpy_compatible(self) -> bool:
        return True

    @property
    def is_quantized(self) -> bool:
        return False

    @property
    def base_dtype(self) -> "DType":
        return self

    @property
    def real_dtype(self) -> "DType":
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    @property
    def as_datatype_enum(self) -> int:
        return self._enum

    @property
    def size(self) -> int:
        """Bytes of one element."""
        return 0 if self.name == "string" else self.np.itemsize

    @property
    def min(self) -> Any:
        return self._limit("min")

    @property
    def max(self) -> Any:
        return self._limit("max")

    @property
    def limits(self) -> tuple:
        """The interval that images of this dtype use: 0 to 1 for floats, 0 to the maximum for integers."""
        if self.np.kind in "fbiu":
            return 0, 1 if self.np.kind == "f" else True if self.is_bool else self.max
        raise ValueError(f"{self} does not have defined limits.")

    def _limit(self, end: str) -> Any:
        if self.is_integer:
            return getattr(np.iinfo(self.as_numpy_dtype), end)
        if self.is_floating:
            info: Any = ml_dtypes.finfo(self.as_numpy_dtype)
            return self.as_numpy_dtype(getattr(info, end))
        raise TypeError(f"Cannot find {end}imum value of {self} with type {self}.")

    def is_compatible_with(self, other: Any) -> bool:
        return self == as_dtype(other)

    def is_subtype_of(self, other: Any) -> bool:
        return self == other

    def __eq__(self, other: Any) -> bool:
        if self is other:
            return True
        if other is None or isinstance(other, DType):
            return False
        try:
            return as_dtype(other) is self
        except TypeError:
            return False

    def __hash__(self) -> int:
        return self._enum

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __int__(self) -> int:
        return self._enum

    def __reduce__(self):
        return as_dtype, (self.name,)


class RefDType(DType):
    """The dtype of a variable that TensorFlow 1 keeps without a resource, `use_resource=False`."""

    __slots__ = ("_base",)

    def __init__(self, base: DType):
        super().__init__(f"{base.name}_ref", base.as_numpy_dtype, base._enum + 100)
        self._base = base

    @property
    def base_dtype(self) -> DType:
        return self._base

    def __eq__(self, other: Any) -> bool:
        return self is other

    __hash__ = DType.__hash__

    def __reduce__(self):
        return ref_of, (self._base,)


_refs: dict[str, RefDType] = {}


def ref_of(dtype: DType) -> RefDType:
    """The dtype of a variable of `dtype` that is kept without a resource."""
    if dtype.name not in _refs:
        _refs[dtype.name] = RefDType(dtype)
    return _refs[dtype.name]


float32 = DType("float32", np.float32, 1)
float64 = DType("float64", np.float64, 2)
int32 = DType("int32", np.int32, 3)
uint8 = DType("uint8", np.uint8, 4)
int16 = DType("int16", np.int16, 5)
int8 = DType("int8", np.int8, 6)
string = DType("string", np.object_, 7)
complex64 = DType("complex64", np.complex64, 8)
int64 = DType("int64", np.int64, 9)
bool_ = DType("bool", np.bool_, 10)
bfloat16 = DType("bfloat16", ml_dtypes.bfloat16, 14)
uint16 = DType("uint16", np.uint16, 17)
complex128 = DType("complex128", np.complex128, 18)
float16 = DType("float16", np.float16, 19)
uint32 = DType("uint32", np.uint32, 22)
uint64 = DType("uint64", np.uint64, 23)
half, double = float16, float64

ALL = (float16, bfloat16, float32, float64, complex64, complex128, int8, int16, int32, int64,
       uint8, uint16, uint32, uint64, bool_, string)  # fmt: skip
_BY_NAME = {d.name: d for d in ALL} | {
    "half": float16,
    "float": float32,
    "double": float64,
    "str": string,
    "int": int32,
}
_BY_NUMPY = {d.np: d for d in ALL}
_BY_PYTHON = {float: float32, int: int32, bool: bool_, complex: complex128, str: string, bytes: string,
              object: string, np.str_: string, np.bytes_: string}  # fmt: skip


def of(array: Any) -> DType:
    """The DType of a NumPy array or scalar."""
    return _BY_NUMPY[array.dtype]


def spelled(numpy_dtype: np.dtype) -> str:
    """A dtype as the messages of TensorFlow's kernels write it: float, double, half, int32."""
    name = _BY_NUMPY[numpy_dtype].name if numpy_dtype in _BY_NUMPY else str(numpy_dtype)
    return {"float32": "float", "float64": "double", "float16": "half"}.get(name, name)


def find(numpy_dtype: np.dtype) -> DType | None:
    """The DType of a NumPy dtype, None where tensors have none for it."""
    return _BY_NUMPY.get(numpy_dtype)


def as_dtype(type_value: Any) -> DType:
    """The DType that `type_value` names: a DType, a string, a NumPy type or a Python type.

    Raises TypeError for anything else.

    >>> tf.as_dtype("int32"), tf.as_dtype(float)
    (tf.int32, tf.float32)
    """
    if isinstance(type_value, DType):
        return type_value
    found = None
    if isinstance(type_value, str):
        found = _BY_NAME.get(type_value)
    elif isinstance(type_value, int) and not isinstance(type_value, bool):
        found = next((d for d in ALL if d._enum == type_value), None)
    elif isinstance(type_value, type):
        found = _BY_PYTHON.get(type_value)
    if found is None and type_value is not None:
        inner = getattr(type_value, "dtype", None)  # a Variable, a Tensor, a DType-like object
        if isinstance(inner, DType):
            return inner
        type_value = type_value.dtype if isinstance(type_value, np.ndarray | np.generic) else type_value
        try:
            found = _BY_NUMPY.get(np.dtype(type_value))
        except TypeError:
            found = None
        if found is None and np.dtype(object) != type_value and getattr(type_value, "kind", "-") in "SU":
            found = string
    if found is None:
        raise TypeError(f"Cannot convert the argument `type_value`: {type_value!r} to a TensorFlow DType.")
    return found

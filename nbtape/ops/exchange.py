"""DLPack: tensors shared with other array libraries, by copy, since a Tensor never changes."""

from typing import Any

import numpy as np

from nbtape.core.engine import EagerTensor, tensor


class _Capsule:
    """A DLPack capsule as the object that NumPy asks for one."""

    def __init__(self, capsule: Any):
        self.capsule = capsule

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0


def to_dlpack(tf_tensor: Any) -> Any:
    """A DLPack capsule with a copy of the tensor's values, for the `from_dlpack` of another library."""
    x = tensor(tf_tensor)
    if not isinstance(x, EagerTensor):
        raise TypeError(f"The argument to `to_dlpack` must be a TF tensor with a value, not {x!r}.")
    return x.__dlpack__()


def from_dlpack(dlcapsule: Any) -> Any:
    """A tensor with a copy of the values of a DLPack capsule, or of any array with `__dlpack__`.

    >>> dlpack = tf.experimental.dlpack
    >>> dlpack.from_dlpack(dlpack.to_dlpack(tf.constant([1, 2]))).numpy().tolist()
    [1, 2]
    """
    source = dlcapsule if hasattr(dlcapsule, "__dlpack__") else _Capsule(dlcapsule)
    return tensor(np.from_dlpack(source))

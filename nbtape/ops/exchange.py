"""DLPack: tensors shared with other array libraries.

In the computer's memory by copy, since a Tensor never changes and the others' arrays do; on a card the memory
itself is shared, which nobody should write then.
"""

from typing import Any

import numpy as np

from nbtape.core.dlpack import is_on_card, shared
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
    """A DLPack capsule for the `from_dlpack` of another library: a copy of the tensor's values, or, of a
    tensor on a GPU, its own memory, which is not to be written.
    """
    x = tensor(tf_tensor)
    if not isinstance(x, EagerTensor):
        raise TypeError(f"The argument to `to_dlpack` must be a TF tensor with a value, not {x!r}.")
    return x.__dlpack__()


def from_dlpack(dlcapsule: Any) -> Any:
    """A tensor with the values of a DLPack capsule, or of any array with `__dlpack__`: a copy of them.

    What is on a GPU stays where it is and is not copied, also of arrays with `__cuda_array_interface__`: do
    not write it while the tensor is in use. Raises BufferError where its elements are not in order.

    >>> dlpack = tf.experimental.dlpack
    >>> dlpack.from_dlpack(dlpack.to_dlpack(tf.constant([1, 2]))).numpy().tolist()
    [1, 2]
    """
    if is_on_card(dlcapsule):
        return EagerTensor(shared(dlcapsule))
    source = dlcapsule if hasattr(dlcapsule, "__dlpack__") else _Capsule(dlcapsule)
    return tensor(np.from_dlpack(source))

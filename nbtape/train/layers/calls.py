"""The call of a layer that is under way in a thread, what a class's methods take, and masks on tensors.

A mask says which steps of a sequence there are. It lies on the tensor that it is about, in `_keras_mask`,
so that it reaches the next layer, the loss and the metrics without a word of the user's.
"""

import functools
import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any

from nbtape.core import context, nest
from nbtape.core.engine import Tensor
from nbtape.state.scopes.scope import name_scope


class _Calls(threading.local):
    """The innermost call of a layer in this thread."""

    layer: Any = None
    training: Any = None
    serial = 0  # of the outermost call around


calls = _Calls()


class Parameters:
    """What methods of a class take: `call`'s names, `training` and masks; the shapes that `build` takes."""

    def __init__(self, cls: Any):
        named = dict(list(inspect.signature(cls.call).parameters.items())[1:])
        self.names = [
            name for name, p in named.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        ]
        self.training = "training" in named
        default = named["training"].default if self.training else None
        self.default = None if default is inspect.Parameter.empty else default
        self.masks = frozenset(name for name in self.names if name == "mask" or name.endswith("_mask"))
        taken = list(inspect.signature(cls.build).parameters.values())[1:]
        self.shapes = [p.name for p in taken if p.kind is p.POSITIONAL_OR_KEYWORD]


@functools.cache
def parameters(cls: type) -> Parameters:
    return Parameters(cls)


def building(build: Callable) -> Callable:
    """`build` so that nothing records it, and names in it start with the layer's."""

    @functools.wraps(build)
    def built(self: Any, *args: Any, **kwargs: Any) -> None:
        outer, scope = calls.layer, context.local.scope
        if outer is not self:
            scope += self._name + "/"
        with context.paused(), name_scope(scope or None):
            calls.layer = self
            try:
                build(self, *args, **kwargs)
            finally:
                calls.layer = outer
        self.built, self._built_for = True, [*args, *kwargs.values()]

    return built


def shape_of(x: Any) -> Any:
    found = getattr(x, "shape", None)
    return None if found is None or getattr(found, "rank", 0) is None else tuple(found)


def mask_of(x: Any) -> Any:
    """The mask that lies on a tensor; of a structure, the structure of its masks."""
    if isinstance(x, list | tuple | dict):
        return nest.map_structure(mask_of, x)
    return getattr(x, "_keras_mask", None)


def given_masks(taken: Parameters, args: tuple, kwargs: dict) -> dict:
    """Masks of the arguments that are tensors, under the names by which `call` takes them.

    A `call` of one tensor takes its mask as `mask`; of several, that of `query` as `query_mask`.
    """
    given = dict(zip(taken.names, args)) | kwargs
    tensors = [name for name, x in given.items() if name not in taken.masks and _has_tensors(x)]
    wanted = {f"{name}_mask" if len(tensors) > 1 else "mask": name for name in tensors}
    missing = [name for name in taken.masks if name in wanted and given.get(name) is None]
    return {name: mask_of(given[wanted[name]]) for name in missing}


def _has_tensors(x: Any) -> bool:
    leaves: Iterable = nest.flatten(x) if isinstance(x, list | tuple | dict) else (x,)
    return any([isinstance(leaf, Tensor) for leaf in leaves])


def put_masks(outputs: Any, masks: Any) -> None:
    """Lay masks on the tensors of `outputs` that have none yet."""
    for y, mask in zip(nest.flatten(outputs), nest.flatten(masks)):
        if mask is not None and isinstance(y, Tensor) and mask_of(y) is None:
            y._keras_mask = mask

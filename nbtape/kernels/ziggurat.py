"""Normal numbers by the ziggurat of Marsaglia and Tsang, 256 layers of one area, as NumPy draws its float32.

Most numbers take one half word of the generator, those outside of their layer's core more: what a number is
follows from all that came before it.
"""

from math import erfc, exp as exp64, log as log64, pi, sqrt
from typing import Any

import numpy as np
from numba.extending import register_jitable

from nbtape.kernels import philox
from nbtape.kernels.exponential import exp
from nbtape.kernels.logarithm import log1p
from nbtape.kernels.philox import half_at

_EDGE = 3.654152885361009  # where the tail begins, in layer 0
_EACH = 8  # half words in a block of the generator
put_block: Any = philox.put_block


def _layers() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each layer how wide a unit of 23 bits is, how many make its core, and the density at its end."""
    area = _EDGE * exp64(-_EDGE * _EDGE / 2) + sqrt(pi / 2) * erfc(_EDGE / sqrt(2))
    ends = [_EDGE]
    while len(ends) < 255:
        ends.append(sqrt(-2 * log64(area / ends[-1] + exp64(-ends[-1] * ends[-1] / 2))))
    ends = [area / exp64(-_EDGE * _EDGE / 2), *ends[::-1]]
    core = [_EDGE / ends[0], 0, *[inner / outer for inner, outer in zip(ends[1:], ends[2:])]]
    density = [1, *[exp64(-x * x / 2) for x in ends[1:]]]
    units = np.array(ends) / 2**23, np.rint(np.array(core) * 2**23), np.array(density)
    return units[0].astype(np.float32), units[1].astype(np.int64), units[2].astype(np.float32)


UNIT, CORE, DENSITY = _layers()


@register_jitable
def half(words: Any, room: Any, taken: Any) -> Any:
    """The half word of a draw after those `taken`; `room`, if there is one, keeps the block that it is in."""
    if room is None:
        return np.int64(half_at(words, taken))
    place = words[6] + taken
    if taken == 0 or place % _EACH == 0:
        put_block(words, place // _EACH, room, 0)
    if taken == 0 and words[7] >= 0:
        return words[7]
    return np.int64(room[place % _EACH])


@register_jitable
def uniform(words: Any, room: Any, taken: Any) -> Any:
    """The same as a float32 in [0, 1)."""
    return np.float32(half(words, room, taken) >> 8) * np.float32(0.5**24)


@register_jitable
def tail(words: Any, room: Any, taken: Any) -> Any:
    """A number beyond the last layer, and how many half words are taken then."""
    while True:
        u, v = uniform(words, room, taken), uniform(words, room, taken + 1)
        taken += 2
        beyond = -log1p(-u) * np.float32(1 / _EDGE)
        height = -log1p(-v)
        if height + height > beyond * beyond:
            return np.float32(_EDGE) + beyond, taken


@register_jitable
def attempt(words: Any, room: Any, taken: Any) -> Any:
    """What may be the next normal number, how many half words are taken then, and whether it is one."""
    bits = half(words, room, taken)
    taken += 1
    layer, place, minus = bits & 255, bits >> 9, bits & 256
    x = np.float32(place) * UNIT[layer]
    found = place < CORE[layer]
    if not found and layer == 0:
        x, taken = tail(words, room, taken)
        minus, found = place & 256, True
    elif not found:
        u = uniform(words, room, taken)
        taken += 1
        height = (DENSITY[layer - 1] - DENSITY[layer]) * u + DENSITY[layer]
        found = height < exp(np.float32(-0.5) * x * x)
    return (-x if minus else x), taken, found


@register_jitable
def normal(words: Any, room: Any, y: Any, count: Any) -> Any:
    """Write `count` normal numbers to `y`; gives how many half words of the draw they took."""
    taken = 0
    for i in range(count):
        found = False
        while not found:
            y[i], taken, found = attempt(words, room, taken)
    return taken


@register_jitable
def walked(words: Any, taken: Any, end: Any) -> Any:
    """How many normal numbers begin before `end` once so many half words of a draw are taken, and how many
    are taken then.
    """
    count = 0
    while taken < end:
        _, taken, found = attempt(words, None, taken)
        count += found
    return count, taken

"""Windows that slide over images, as kernels see them: three spatial dims, and strides between elements.

Images are (batch, depth, height, width, channels): dims of size 1 stand in front where there are fewer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from nbtape.compile.emission.kernel import Kernel, Word
from nbtape.compile.planning.layout import Layout, dense_strides
from nbtape.graph.program import Value
from nbtape.ops.window import pads

Ints = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Windows:
    """Window i covers the places i * stride - low + t * dilation of an image, for t in range(size)."""

    size: Ints
    stride: Ints
    dilation: Ints
    low: Ints
    out: Ints  # how many there are

    @property
    def reach(self) -> Ints:
        """The sizes of an image with all the padding that its windows read."""
        dims = zip(self.size, self.stride, self.dilation, self.out)
        return tuple([(out - 1) * s + (k - 1) * d + 1 for k, s, d, out in dims])


def windows_of(attrs: dict, spatial: Ints, size: Ints, out: Ints) -> Windows:
    """The windows of a convolution or pool over images of these sizes.

    >>> windows_of({"strides": (2,), "padding": "SAME"}, (5,), (3,), (3,))
    Windows(size=(1, 1, 3), stride=(1, 1, 2), dilation=(1, 1, 1), low=(0, 0, 1), out=(1, 1, 3))
    """
    strides, dilations = attrs["strides"], attrs.get("dilations") or (1,) * len(size)
    low = tuple([pair[0] for pair in pads(attrs["padding"], spatial, size, strides, dilations)])
    return Windows(lift(size), lift(strides), lift(dilations), lift(low, 0), lift(out))


def sizes(x: Value) -> Ints:
    """The shape of a value, which is known."""
    assert x.static, x
    return x.shape  # type: ignore[return-value]


def lift(values: Sequence, fill: int = 1) -> tuple:
    """Put `fill` in front until there are three."""
    return (fill,) * (3 - len(values)) + tuple(values)


def volume(x: Layout) -> Layout:
    """A layout of images, with three spatial dims."""
    extra = 5 - len(x.shape)
    shape = (x.shape[0], *[1] * extra, *x.shape[1:])
    return replace(x, shape=shape, strides=(x.strides[0], *[0] * extra, *x.strides[1:]))


def strided(x: Layout, axis: int, first: Sequence, step: Sequence, count: Sequence) -> Layout:
    """Of each axis from `axis` on `count` elements, from `first` on, `step` apart."""
    shape, strides, offset = list(x.shape), list(x.strides), x.offset
    for a, begin, apart, n in zip(range(axis, axis + len(count)), first, step, count):
        offset += begin * strides[a]
        shape[a], strides[a] = n, strides[a] * apart
    return replace(x, shape=tuple(shape), strides=tuple(strides), offset=offset)


@dataclass(slots=True)
class Framed:
    """Images as a kernel walks over them: in place, or in a frame, one at a time, where windows hang over."""

    words: list[Word]
    name: str  # of the argument that holds the image, which begins at `start`
    start: list[str]  # the lines that say where that is
    step: Ints  # elements from a window to the next, in each dim
    tap: Ints  # elements from a tap to the next
    scratch: list[Layout]


def framed(planner: Any, x: Layout, windows: Windows) -> Framed:
    """Images that lie one after another, for kernels that walk `windows` over each."""
    inner, reach, channels = x.shape[1:4], windows.reach, x.shape[4]
    words = [address("x", x), *numbers(x_n=x.strides[0])]
    name, start, scratch = "x", ["start = n * x_n"], []
    if any(windows.low) or any(r > n for r, n in zip(reach, inner)):
        room = planner.scratch((*reach, channels), x.buffer.dtype)
        words += [address("room", room), *sides("room", *reach[:2], reach[2] * channels)]
        words += [*sides("x", *inner[:2], inner[2] * channels)]
        words += [*sides("low", *windows.low[:2], windows.low[2] * channels)]
        call = "room, x, n * x_n, room_0, room_1, room_2, x_0, x_1, x_2, low_0, low_1, low_2"
        name, start, scratch, inner = "room", [f"frame({call})", "start = 0"], [room], reach
    strides = dense_strides((*inner, channels))[:3]
    step = tuple([s * n for s, n in zip(windows.stride, strides)])
    tap = tuple([d * n for d, n in zip(windows.dilation, strides)])
    return Framed(words, name, start, step, tap, scratch)


# Texts


def kernel_of(text: str, words: list[Word], fields: dict[str, Any], **told: Any) -> Kernel:
    """The kernel of a template. `arguments` follow from the words, and a field may be a list of lines."""
    lines = []
    for line in text.split("\n"):
        indent, field = line[: len(line) - len(line.lstrip())], line.strip()[1:-1]
        lines += [indent + each for each in fields[field]] if type(fields.get(field)) is list else [line]
    signature = ", ".join(f'{word.name}: "{word.kind}"' for word in words)
    whole = "\n".join(lines).format(**fields, arguments=signature)
    return Kernel(whole, words, **{"partial": [], "folds": {}, "scratch": [], **told})


def numbers(**values: int) -> list[Word]:
    return [Word(name, "int64", value=value) for name, value in values.items()]


def sides(name: str, *values: int) -> list[Word]:
    """A number for each spatial dim."""
    return numbers(**{f"{name}_{axis}": value for axis, value in enumerate(values)})


def address(name: str, layout: Layout) -> Word:
    return Word(name, f"{layout.buffer.dtype}*", layout)

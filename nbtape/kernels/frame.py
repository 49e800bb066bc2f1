"""Images in frames: what a window reads where it hangs over the edge of an image."""

from typing import Any

from numba.extending import register_jitable


@register_jitable
def frame(
    room: Any, x: Any, start: int, planes: int, lines: int, width: int,
    depth: int, height: int, line: int, front: int, top: int, left: int,
) -> None:  # fmt: skip
    """Copy the image at x[start] into `room`, which has zeros around it.

    The room has planes of lines of `width` numbers, the image `depth` planes of `height` lines of `line`. It
    begins `front` planes, `top` lines and `left` numbers into the room; below 0, so much of it is cropped.
    """
    first, last = min(max(left, 0), width), max(min(left + line, width), 0)
    at = 0
    for i in range(planes):
        for j in range(lines):
            d, h = i - front, j - top
            if 0 <= d < depth and 0 <= h < height:
                source = start + (d * height + h) * line - left
                for e in range(first):
                    room[at + e] = 0
                for e in range(first, last):
                    room[at + e] = x[source + e]
                for e in range(max(first, last), width):
                    room[at + e] = 0
            else:
                for e in range(width):
                    room[at + e] = 0
            at += width

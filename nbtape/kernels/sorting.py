"""The order of the elements of a row: of equals the first comes first, and NaN is above all numbers."""

from typing import Any

from numba.extending import register_jitable

_RUN = 8  # elements that are put in order one by one


@register_jitable
def before(a: Any, b: Any, descending: Any) -> Any:
    """Whether `a` has to stand before `b`."""
    if descending:
        return a > b or (a != a and b == b)
    return a < b or (a == a and b != b)


@register_jitable
def order(x: Any, first: Any, n: Any, room: Any, descending: Any) -> Any:
    """Sort the places 0 to n of the row that begins at x[first], by merging runs that are put in order one by
    one; gives where in `room`, which has place for two rows, they begin.
    """
    for i in range(n):
        j = i
        while j % _RUN > 0 and before(x[first + i], x[first + room[j - 1]], descending):
            room[j] = room[j - 1]
            j -= 1
        room[j] = i
    source, width = 0, _RUN
    while width < n:
        target = n - source
        for low in range(0, n, 2 * width):
            middle, high = min(low + width, n), min(low + 2 * width, n)
            i, j, k = source + low, source + middle, target + low
            while i < source + middle and j < source + high:
                right = before(x[first + room[j]], x[first + room[i]], descending)
                room[k] = room[j] if right else room[i]
                i, j, k = i + (not right), j + right, k + 1
            for rest in range(i, source + middle):
                room[k] = room[rest]
                k += 1
            for rest in range(j, source + high):
                room[k] = room[rest]
                k += 1
        source, width = target, 2 * width
    return source


@register_jitable
def largest(x: Any, first: Any, n: Any, room: Any, count: Any) -> None:
    """Put the places of the `count` largest of n elements from x[first] on into `room`, the largest first."""
    for i in range(n):
        j = min(i, count)
        if j == count and not before(x[first + i], x[first + room[count - 1]], True):
            continue
        j = min(j, count - 1)
        while j > 0 and before(x[first + i], x[first + room[j - 1]], True):
            room[j] = room[j - 1]
            j -= 1
        room[j] = i


@register_jitable
def comes(a: Any, i: Any, b: Any, j: Any, n: Any, descending: Any) -> Any:
    """Whether element i of n, which is `a`, stands before element j, which is `b`; from n on nothing stands,
    and that comes last.
    """
    if i >= n or j >= n:
        return i < j
    return before(a, b, descending) or (i < j and not before(b, a, descending))

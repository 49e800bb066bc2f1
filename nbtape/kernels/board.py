"""A board on which one thread lays out parts of work and others take them, in machine code: nobody waits for
the GIL, nor to be woken up while there is something to do every millisecond.

A part is an entry and its words, as the machine that runs kernels has them. The words of a board:

    ticket  how many parts there are, times 65536, and how many of them are taken
    done    how many are done
    parts   the address of the entry and the words of each part
"""

# pyright: reportCallIssue=false
# Numba calls intrinsics without their first argument.

import platform
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from nbtape.kernels.machine import at, call

_DONE, _PARTS = 1, 2
_MASK = 65535  # of what counts the parts that are taken
_LOOKS = 1000  # some tens of microseconds, for which `lead` waits

_WORD = ir.IntType(64)
_PAUSES = {
    "x86_64": ("llvm.x86.sse2.pause",),
    "aarch64": ("llvm.aarch64.hint", ir.Constant(ir.IntType(32), 1)),
}
_PAUSE = _PAUSES.get({"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine()))


@intrinsic
def look(typing: Any, address: Any) -> Any:
    """The word at an address, which other threads write, and all that they wrote before it."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(builder.inttoptr(args[0], _WORD.as_pointer()), "acquire", 8)

    return types.int64(types.int64), build


@intrinsic
def publish(typing: Any, address: Any, value: Any) -> Any:
    """Write a word at an address, for other threads to see after all that was written before it."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[1], builder.inttoptr(args[0], _WORD.as_pointer()), "release", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), build


@intrinsic
def advance(typing: Any, address: Any) -> Any:
    """Add one to the word at an address, and say what it was; no two threads are told the same."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", builder.inttoptr(args[0], _WORD.as_pointer()), _WORD(1), "acq_rel")

    return types.int64(types.int64), build


@intrinsic
def pause(typing: Any) -> Any:
    """Tell the core that this thread only waits."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _PAUSE:
            name, *values = _PAUSE
            kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)
        return context.get_dummy_value()

    return types.void(), build


@njit
def work(board):
    """Do parts of what is laid out until all are taken; whether there was one."""
    worked = False
    while True:
        ticket = look(board)
        if ticket & _MASK >= ticket >> 16:
            return worked
        ticket = advance(board)  # perhaps of other work than a moment ago
        k = ticket & _MASK
        if k >= ticket >> 16:
            return worked
        parts = at(at(board)[_PARTS])
        call(parts[2 * k], parts[2 * k + 1])
        advance(board + 8 * _DONE)
        worked = True


@njit
def lead(board, parts, count):
    """Lay out `count` parts, take part in the work, and wait a little for the others; how many are not done
    yet. With no parts: wait a little more.
    """
    words = at(board)
    if count != 0:
        words[_DONE], words[_PARTS] = 0, parts
        publish(board, count << 16)
        work(board)
    total = words[0] >> 16
    for _ in range(_LOOKS):
        if look(board + 8 * _DONE) == total:
            return 0
        pause()
    return total - look(board + 8 * _DONE)


@njit
def follow(board, patience):
    """Do what is laid out, and what is laid out next, until there was nothing to do `patience` times."""
    looks = 0
    while looks < patience:
        looks += 1
        if work(board):
            looks = 0
        pause()
    return 0

"""Random numbers by their positions: the generator that NumPy calls Philox, four words of 64 bits a block.

A draw is eight words: the counter of its block 0 (four words), the key (two), the piece of that block at
which it begins, and what half a word the draw before had left, or -1. A piece is half a word for float32 and
a word for float64. So each number of a draw can be worked out by itself, and in any order.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import signature
from numba.extending import intrinsic, lower_builtin, register_jitable, type_callable

from nbtape.kernels import machine
from nbtape.kernels.value import dialects

at: Any = machine.at
_WORD, _WIDE = ir.IntType(64), ir.IntType(128)
_FACTORS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_STEPS = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B  # of the key, from round to round
_ROUNDS = 10
_HALF, _FULL = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
_REALS = {32: (24, types.float32, ir.FloatType()), 64: (53, types.float64, ir.DoubleType())}


def _rounds(builder: Any, words: Any, block: Any) -> list[Any]:
    """The four words of a block of a draw."""
    x0, x1, x2, x3, k0, k1 = [builder.load(builder.gep(words, [_WORD(i)])) for i in range(6)]
    x0 = builder.add(x0, block)
    for _ in range(_ROUNDS):
        pairs = [builder.mul(builder.zext(x, _WIDE), _WIDE(factor)) for x, factor in zip((x0, x2), _FACTORS)]
        low = [builder.trunc(pair, _WORD) for pair in pairs]
        high = [builder.trunc(builder.lshr(pair, _WIDE(64)), _WORD) for pair in pairs]
        x0, x1 = builder.xor(builder.xor(high[1], x1), k0), low[1]
        x2, x3 = builder.xor(builder.xor(high[0], x3), k1), low[0]
        k0, k1 = [builder.add(k, _WORD(step)) for k, step in zip((k0, k1), _STEPS)]
    return [x0, x1, x2, x3]


def _put_block(typing: Any, words: Any, block: Any, room: Any, place: Any) -> Any:
    """Write a block of a draw to memory, from an element of `room` on."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        words, block, room, place = args
        target = builder.bitcast(builder.gep(room, [place]), _WORD.as_pointer())
        for i, x in enumerate(_rounds(builder, words, block)):
            builder.store(x, builder.gep(target, [_WORD(i)])).align = 4
        return context.get_dummy_value()

    return types.void(types.CPointer(types.int64), types.int64, room, types.int64), build


def _build_word(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    words, place = args
    *found, last = _rounds(builder, words, builder.ashr(place, _WORD(2)))
    lane = builder.and_(place, _WORD(3))
    for i, x in enumerate(found):
        last = builder.select(builder.icmp_unsigned("==", lane, _WORD(i)), x, last)
    return last


def _build_fraction(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    (x,) = args
    bits, _, kind = _REALS[x.type.width]
    upper = builder.lshr(x, x.type(x.type.width - bits))  # never negative, and so cheaper to convert
    return builder.fmul(builder.sitofp(upper, kind), kind(0.5**bits))


def _compiled(kinds: Callable, build: Callable) -> Callable:
    """Have Numba compile a function, which Python and simulated cards run as it stands, as `build` does;
    `kinds` gives its type, and those of its arguments, for the types that come.
    """

    def registered(function: Any) -> Any:
        @type_callable(function)
        def typed(context: Any) -> Callable:
            def typer(*given: Any) -> Any:
                return dialects.get(type(context), signature)(*kinds(*given))

            typer.__signature__ = inspect.signature(function)  # pyright: ignore[reportFunctionMemberAccess]
            return typer

        lower_builtin(function, types.VarArg(types.Any))(build)
        return function

    return registered


put_block: Any = intrinsic(_put_block)


@_compiled(lambda words, place: (types.int64, types.CPointer(types.int64), types.int64), _build_word)
def word_of(words: Any, place: Any) -> Any:
    """One word of a draw, counted from its block 0."""
    x0, x1, x2, x3, k0, k1 = [int(words[i]) & _FULL for i in range(6)]
    x0 = x0 + (int(place) >> 2) & _FULL
    for _ in range(_ROUNDS):
        a, b = x0 * _FACTORS[0], x2 * _FACTORS[1]
        x0, x1, x2, x3 = b >> 64 ^ x1 ^ k0, b & _FULL, a >> 64 ^ x3 ^ k1, a & _FULL
        k0, k1 = k0 + _STEPS[0] & _FULL, k1 + _STEPS[1] & _FULL
    return np.uint64((x0, x1, x2, x3)[place & 3]).view(np.int64)


@_compiled(lambda piece: (_REALS[piece.bitwidth][1], piece), _build_fraction)
def fraction(piece: Any) -> Any:
    """A float in [0, 1): of the upper 24 bits of a uint32, or the upper 53 of a uint64."""
    if piece.dtype == np.uint32:
        return np.float32(piece >> 8) * np.float32(0.5**24)
    return np.float64(piece >> 11) * 0.5**53


@register_jitable
def fill(room: Any, words: Any, first: Any, count: Any, each: Any) -> Any:
    """Write pieces of a draw to `room`, of which a block has `each`; gives where there the first one is."""
    start = words[6] + first
    block = start // each
    shift = start - block * each
    for k in range(0, shift + count, each):
        put_block(words, block, room, k)
        block += 1
    if first == 0 and words[7] >= 0:
        room[shift] = words[7]
    return shift


@register_jitable
def half_at(words: Any, position: Any) -> Any:
    """The half word at a position of a draw."""
    if position == 0 and words[7] >= 0:
        return np.uint32(words[7])
    place = words[6] + position
    return np.uint32(word_of(words, place >> 1) >> 32 * (place & 1) & _HALF)


@register_jitable
def word_at(words: Any, position: Any) -> Any:
    """The word at a position of a draw."""
    return np.uint64(word_of(words, words[6] + position))


@register_jitable
def start(words: Any, key: Any, second: Any, high: Any, highest: Any, each: Any) -> Any:
    """Let `words` be a draw from where the two words of a key and the upper two of a counter begin."""
    words[0], words[1], words[2], words[3] = 0, 0, high, highest
    words[4], words[5] = key, second
    words[6], words[7] = each, -1  # NumPy counts before it makes a block


@register_jitable
def look(state: Any, words: Any, each: Any) -> Any:
    """Let `words` be a draw of what NumPy's generator gives next.

    `state` are the words of NumPy's `philox_state`: where the counter and the key are; where in the block of
    that counter it is; the block; whether half a word is left, and that half.
    """
    counter, key = at(state[0]), at(state[1])
    for i in range(4):
        words[i] = counter[i]
    words[4], words[5], words[6], words[7] = key[0], key[1], state[2] & _HALF, -1
    if each == 8:
        left = state[7] & 1
        words[6] = 2 * words[6] - left
        if left:
            words[7] = (state[7] >> 32) & _HALF


@register_jitable
def move(state: Any, words: Any, count: Any, each: Any) -> Any:
    """Move NumPy's generator on by `count` numbers of the draw that it gives next."""
    place = state[2] & _HALF
    if each == 4:
        _move(state, words, place + count)
    elif count > 0:
        fresh = count - (state[7] & 1)
        place = _move(state, words, place + ((fresh + 1) >> 1))
        state[7] = (fresh & 1) | (state[2 + place] & ~_HALF if fresh & 1 else 0)


@register_jitable
def _move(state: Any, words: Any, place: Any) -> Any:
    """Move on to a word, counted from block 0 of `words`; gives its place in its block."""
    blocks = (place - 1) >> 2
    if blocks > 0:
        at(state[0])[0] += blocks
        put_block(words, blocks, state, 3)
        place -= 4 * blocks
    state[2] = place
    return place

"""The texts of the steps that steer a program of kernels; `machine.py` says what a program is.

They are kernels as others are, and these are the words of their arguments:

    RUN     [position, count, (entry, words) * count]
    LOOP    [place, trips, limit, room, patience, test entry, test words, verdict, body entry, body words,
             count, (word, start, stride, flip) * count]
    BRANCH  [place, choice, count, (entry, words) * count]
    COPY    [target, source, bytes]
    LOCATE  [word, base, index, stride]
    GEMM    [function, transpose a, transpose b, m, n, k, a, lda, b, ldb, c, ldc, beta,
             count, step of a, of b, of c]
    THREADS [function, count]
    LEAD    [board, parts, count]
    FOLLOW  [board, patience]

The first word of RUN, LOOP and BRANCH tells them where to go on after a stop; 0 is the beginning.
"""

RUN = '''"""Run steps one after another."""
from nbtape.kernels.machine import at, call


def kernel(here: "here") -> "int64":
    words = at(here)
    position = words[0]
    while position < words[1]:
        stop = call(words[2 + 2 * position], words[3 + 2 * position])
        if stop != 0:
            words[0] = position
            return stop
        position += 1
    words[0] = 0
    return 0
'''

LOOP = '''"""Run a body while a test says so, up to a limit, while there is room for what it keeps.

Between two trips the words of its kernels move on: to an array's next row, or from one buffer to the other.
"""
from nbtape.kernels.machine import at, byte, call


def kernel(here: "here") -> "int64":
    words = at(here)
    if words[0] == 0:
        for k in range(words[10]):
            at(words[11 + 4 * k])[0] = words[12 + 4 * k]
        words[1] = 0
        words[0] = 1
    while True:
        if words[0] == 1:
            if words[1] == words[2]:
                break
            if words[5] != 0:
                stop = call(words[5], words[6])
                if stop != 0:
                    return stop
                if byte(words[7]) == 0:
                    break
            words[0] = 2
        if words[0] == 2:
            if words[1] == words[3]:
                return here
            words[0] = 3
            patience = at(words[4])
            patience[0] -= 1
            if patience[0] <= 0:
                patience[0] = patience[1]
                return -1
        stop = call(words[8], words[9])
        if stop != 0:
            return stop
        for k in range(words[10]):
            word = at(words[11 + 4 * k])
            word[0] = (word[0] + words[13 + 4 * k]) ^ words[14 + 4 * k]
        words[1] += 1
        words[0] = 1
    words[0] = 0
    return 0
'''

BRANCH = '''"""Run one of several programs, the one that a byte chooses, or else the last."""
from nbtape.kernels.machine import at, byte, call


def kernel(here: "here") -> "int64":
    words = at(here)
    if words[0] == 0:
        words[0] = 1 + min(byte(words[1]), words[2] - 1)
    branch = 1 + 2 * words[0]
    if words[branch] != 0:
        stop = call(words[branch], words[branch + 1])
        if stop != 0:
            return stop
    words[0] = 0
    return 0
'''

COPY = '''"""Copy bytes."""
from nbtape.kernels.machine import copy


def kernel(target: "int64", source: "int64", count: "int64"):
    copy(target, source, count)
'''

LOCATE = '''"""Point a word at the row of an array that an index chooses."""


def kernel(word: "int64*", base: "int64", index: "int64*", stride: "int64"):
    word[0] = base + index[0] * stride
'''

_GEMM = '''"""Multiply matrices, `count` pairs of them, with a BLAS."""
from nbtape.kernels.machine import {name} as gemm


def kernel(
    function: "int64", transpose_a: "int64", transpose_b: "int64", m: "int64", n: "int64", k: "int64",
    a: "int64", lda: "int64", b: "int64", ldb: "int64", c: "int64", ldc: "int64", beta: "int64",
    count: "int64", step_a: "int64", step_b: "int64", step_c: "int64",
):
    for i in range(count):
        gemm(function, 111 + transpose_a, 111 + transpose_b, m, n, k,
             a + i * step_a, lda, b + i * step_b, ldb, beta, c + i * step_c, ldc)
'''
GEMM = {"float32": _GEMM.format(name="sgemm"), "float64": _GEMM.format(name="dgemm")}

THREADS = '''"""Tell a library how many threads to use."""
from nbtape.kernels.machine import tell


def kernel(function: "int64", count: "int64"):
    tell(function, count)
'''

LEAD = '''"""Have threads take part in work."""
from nbtape.kernels.board import lead


def kernel(board: "int64", parts: "int64", count: "int64") -> "int64":
    return lead(board, parts, count)
'''

FOLLOW = '''"""Take part in work."""
from nbtape.kernels.board import follow


def kernel(board: "int64", patience: "int64") -> "int64":
    return follow(board, patience)
'''

"""Where random numbers come from: streams of a counter-based generator, and samplers of NumPy arrays.

TensorFlow's rules of seeds hold, not its bits: with neither a global nor an op seed draws differ from run to
run; a global seed makes the sequence of draws repeat; an op with a seed has a sequence of its own.
"""

import ctypes
import operator
import threading
import zlib
from contextlib import contextmanager
from functools import cache
from random import randint
from typing import Any, NamedTuple

import numpy as np

from nbtape.core import context
from nbtape.core.errors import invalid
from nbtape.core.kernel import late
from nbtape.ops.shape import ranked

_WORD = 2**64
_UNSEEDED = 87654321  # stands for the global seed where only an op has one
_FRACTION_BITS = {"float16": 11, "bfloat16": 8}
_ndtr, _ndtri = late("scipy.special:ndtr"), late("scipy.special:ndtri")


# Streams


def philox(key: tuple[int, int], counter: int = 0) -> "np.random.Generator":
    """The generator of a key: each of 2**128 counters starts 2**128 numbers of its own."""
    words = np.array([k % _WORD for k in key], np.uint64)
    high = np.array([0, 0, counter % _WORD, counter // _WORD % _WORD], np.uint64)
    return np.random.Generator(np.random.Philox(key=words, counter=high))


def words_of(rng: "np.random.Generator") -> np.ndarray:
    """What NumPy keeps of a generator, its `philox_state`: eight words, in place."""
    generator: Any = rng.bit_generator
    memory: Any = (ctypes.c_uint64 * 8).from_address(generator.ctypes.state_address)
    memory.owner = rng  # lives as long as the array, which may be in use when another seed is set
    return np.ctypeslib.as_array(memory)


@cache
def readable() -> bool:
    """Whether this NumPy keeps its generators as kernels/philox.py expects."""
    rng = philox((1, 2))
    rng.random(3, np.float32)
    state: Any = rng.bit_generator.state
    counter, key, place, *block, half = words_of(rng).tolist()
    kept = [ctypes.c_uint64.from_address(address).value for address in (counter, key, key + 8)]
    wanted = [1, 1, 2, state["buffer_pos"], *state["buffer"].tolist(), 1 | state["uinteger"] << 32]
    return [*kept, place & 0xFFFFFFFF, *block, half] == wanted


class Streams:
    """What one thread draws from: a sequence for ops without a seed, and how often each with one has drawn.

    Other threads have sequences of their own, so that no two draw the same numbers, and none waits.
    """

    def __init__(self, entropy: list[int] | None, number: int):
        self.number = number
        sequence = np.random.SeedSequence(entropy, spawn_key=(number,) if number else ())
        self.common = np.random.Generator(np.random.Philox(sequence))
        self.words = words_of(self.common)
        self.draws: dict[tuple, np.ndarray] = {}


class Seeds:
    """The global seed, the streams of threads, and seeds for objects without one.

    The thread that sets a seed has the first streams. One that comes later takes over those of a thread that
    has ended, so that threads that run one after the other go on with one sequence.
    """

    def __init__(self, seed: int | None):
        self.seed = seed
        self._entropy = None if seed is None else [seed % _WORD, 0]
        sequence = np.random.SeedSequence([*(self._entropy or [0]), 1])
        self.given = np.random.Generator(np.random.Philox(sequence))
        self._taken: list[tuple[threading.Thread, Streams]] = []
        self._lock = threading.Lock()
        self.streams()

    def streams(self) -> Streams:
        """Those of the running thread."""
        seeds, streams = _own.last
        if seeds is not self:
            streams = self._found()
            _own.last = self, streams
        return streams

    def _found(self) -> Streams:
        thread = threading.current_thread()
        with self._lock:
            for owner, streams in self._taken:
                if owner is thread:
                    return streams
            for i, (owner, streams) in enumerate(self._taken):
                if not owner.is_alive():
                    self._taken[i] = thread, streams
                    return streams
            self._taken.append((thread, Streams(self._entropy, len(self._taken))))
            return self._taken[-1][1]


class _Own(threading.local):
    seeds: Seeds | None = None
    last: tuple[Any, Any] = None, None  # the seeds that this thread drew from last, and its streams of them


_own = _Own()
_seeds = Seeds(None)


@contextmanager
def seeded_by(seeds: Seeds):
    """Let this thread's random numbers come from `seeds`, as each session has its own."""
    outer, _own.seeds = _own.seeds, seeds
    try:
        yield
    finally:
        _own.seeds = outer


def whole(seed: Any, what: str = "seed") -> int:
    """A seed as a user gives it, as an int."""
    try:
        return operator.index(seed)
    except TypeError:
        try:
            return int(float(seed))
        except (TypeError, ValueError):
            raise TypeError(f"A {what} is a whole number or None, and {seed!r} is neither.") from None


def set_seed(seed: Any) -> None:
    """Set the global seed, and start all sequences of random numbers anew; in a graph of TensorFlow 1 that of
    the graph, with which each session starts.

    >>> tf.random.set_seed(7); a = tf.random.uniform([2])
    >>> tf.random.set_seed(7); b = tf.random.uniform([2])
    >>> bool((a.numpy() == b.numpy()).all())
    True
    """
    global _seeds
    seed = None if seed is None else whole(seed, "global seed")
    graph = context.local.graph
    if graph is not None and not graph.building_function:
        graph.seed = seed
    else:
        _seeds = Seeds(seed)


def global_seed() -> int | None:
    """The seed that `set_seed` was last given."""
    return _seeds.seed


def fresh_seed() -> int:
    """A seed for an object that was given none: the next of those that a global seed stands for, and without
    one from Python's `random`, as in Keras.
    """
    seeds = _own.seeds or _seeds
    return randint(1, 10**9) if seeds.seed is None else int(seeds.given.integers(1, 10**9))


class OpStream(NamedTuple):
    """The numbers of an op: of its own sequence if it has a seed, else the next of the common one."""

    op: str
    seed: int | None = None

    def next(self) -> "np.random.Generator":
        if self.seed is None:
            return (_own.seeds or _seeds).streams().common
        state = self.state()
        draw, op, *key = state.tolist()
        state[0] += 1
        return philox((key[0], key[1]), op * _WORD + draw)

    def state(self) -> np.ndarray:
        """The words that say which numbers come next, for compiled code to read and move on: what NumPy keeps
        of the common stream; or how often the op has drawn, its name as a number, and the key.
        """
        seeds = _own.seeds or _seeds
        streams = seeds.streams()
        if self.seed is None:
            return streams.words
        if self not in streams.draws:
            common = _UNSEEDED if seeds.seed is None else seeds.seed
            op = zlib.crc32(self.op.encode()) | streams.number << 32
            streams.draws[self] = np.array((0, op, common % _WORD, self.seed % _WORD), np.uint64)
        return streams.draws[self]


# Samplers: (generator, shape, dtype, ...) -> array


def _wide(dtype: np.dtype) -> np.dtype:
    """A dtype that NumPy draws in."""
    return dtype if dtype.itemsize > 2 else np.dtype(np.float32)


def uniform(
    rng: "np.random.Generator", shape: tuple, dtype: np.dtype, *, low: float = 0.0, high: float = 1.0
) -> Any:
    """Floats in [low, high)."""
    bits = _FRACTION_BITS.get(dtype.name)
    if bits is None:
        y = rng.random(shape, dtype)
    else:  # a rounded float32 could be 1
        y = rng.integers(0, 1 << bits, shape).astype(np.float32) * np.float32(0.5**bits)
    if low != 0 or high != 1:
        y *= high - low
        y += low
        y = y.astype(dtype)
        if high > low:
            y = np.minimum(y, below(high, low, dtype))
    return ranked(y.astype(dtype, copy=False))


def below(high: float, low: float, dtype: np.dtype) -> Any:
    """The last number of a dtype before `high`, on the side of `low`."""
    top = np.asarray(high, dtype)
    return top if top < high else np.nextafter(top, np.asarray(low, dtype))


def uniform_int(rng: "np.random.Generator", shape: tuple, dtype: np.dtype, low: Any, high: Any) -> Any:
    """Integers in [low, high)."""
    for name, bound in (("minval", low), ("maxval", high)):
        if np.ndim(bound):
            raise invalid(f"{name} must be 0-D, got shape {list(np.shape(bound))}")
    if 0 in shape:
        return np.empty(shape, dtype)
    if low >= high:
        raise invalid(f"Need minval < maxval, got {low} >= {high}")
    return ranked(rng.integers(low, high, shape, dtype))


def full_int(rng: "np.random.Generator", shape: tuple, dtype: np.dtype) -> Any:
    """Any integers of the dtype."""
    ends = np.iinfo(dtype)
    return ranked(rng.integers(ends.min, ends.max, shape, dtype, endpoint=True))


def _scaled(z: np.ndarray, dtype: np.dtype, mean: float, stddev: float) -> Any:
    if stddev != 1:
        z *= stddev
    if mean != 0:
        z += mean
    return ranked(z.astype(dtype, copy=False))


def normal(
    rng: "np.random.Generator", shape: tuple, dtype: np.dtype, *, mean: float = 0.0, stddev: float = 1.0
) -> Any:
    return _scaled(rng.standard_normal(shape, _wide(dtype)), dtype, mean, stddev)


def truncated_normal(
    rng: "np.random.Generator", shape: tuple, dtype: np.dtype, *, mean: float = 0.0, stddev: float = 1.0
) -> Any:
    """Normal values of which those two standard deviations away, or more, were drawn again."""
    z = np.asarray(rng.standard_normal(shape, _wide(dtype)))
    while (far := np.abs(z) >= 2).any():
        z[far] = rng.standard_normal(int(far.sum()), _wide(dtype))
    return _scaled(z, dtype, mean, stddev)


def bounded_normal(
    rng: "np.random.Generator", shape: tuple, dtype: np.dtype, mean: Any, stddev: Any, low: Any, high: Any
) -> Any:
    """Normal values in [low, high], by the inverse of the distribution function where it has more digits."""
    mean, stddev, low, high = (np.asarray(v, np.float64) for v in (mean, stddev, low, high))
    if not ((stddev > 0) & (low < high) & np.isfinite(mean)).all():
        raise invalid("Invalid parameters")
    a, b = (low - mean) / stddev, (high - mean) / stddev
    right = a > 0
    a, b = np.where(right, -b, a), np.where(right, -a, b)
    p, q = _ndtr(a), _ndtr(b)
    z = _ndtri(p + (q - p) * rng.random(shape))
    y = mean + stddev * np.where(right, -z, z)
    return ranked(np.clip(y, low, high).astype(dtype))


def gamma(rng: "np.random.Generator", shape: tuple, dtype: np.dtype, alpha: Any) -> Any:
    """Of rate 1; nan where `alpha` is negative."""
    wide = _wide(dtype)
    alpha = np.asarray(alpha, wide)
    good = alpha >= 0
    y = np.asarray(rng.standard_gamma(np.where(good, alpha, wide.type(1)), shape, wide))
    return ranked(np.where(good, y, wide.type(np.nan)).astype(dtype))


def poisson(rng: "np.random.Generator", shape: tuple, dtype: np.dtype, lam: Any) -> Any:
    """0 where `lam` is not positive."""
    rate = np.asarray(lam, np.float64)
    return ranked(np.asarray(rng.poisson(np.where(rate > 0, np.minimum(rate, 1e18), 0), shape)).astype(dtype))


def binomial(rng: "np.random.Generator", shape: tuple, dtype: np.dtype, counts: Any, probs: Any) -> Any:
    counts = np.maximum(np.asarray(counts, np.float64), 0).astype(np.int64)
    probs = np.clip(np.asarray(probs, np.float64), 0, 1)
    return ranked(np.asarray(rng.binomial(counts, probs, shape)).astype(dtype))


def categorical(rng: "np.random.Generator", shape: tuple, dtype: np.dtype, logits: Any) -> Any:
    """Classes of each row of `logits`; one that is not finite has no part, as in TensorFlow."""
    if logits.ndim != 2:
        raise invalid(f"logits should be a matrix, got shape {list(logits.shape)}")
    rows, n = logits.shape
    if not n:
        raise invalid(f"num_classes should be positive, got {n}")
    x = logits.astype(np.float64)
    x[~np.isfinite(x)] = -np.inf
    top = np.max(x, axis=1, keepdims=True, initial=-1e308)
    ends = np.add.accumulate(np.exp(x - top), axis=1)
    u = rng.random(shape) * ends[:, -1:]
    y = np.empty(shape, dtype)
    for i in range(rows):
        y[i] = ends[i].searchsorted(u[i], "right")
    return y


def permutation(rng: "np.random.Generator", shape: tuple, dtype: np.dtype) -> Any:
    """The numbers from 0 up to the size, in random order."""
    return rng.permutation(shape[0]).astype(dtype)

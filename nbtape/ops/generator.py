"""Generator: a stream of random numbers that is an object, with a state to look at, to set and to split."""

from typing import Any

import numpy as np

from nbtape.core.dtype import as_dtype, float32, int32, int64, uint64
from nbtape.core.engine import Tensor, tensor
from nbtape.core.errors import UnimplementedError
from nbtape.core.shape import TensorShape
from nbtape.ops import sampler
from nbtape.ops.draw import Algorithm, Source, algorithm, full_int_from, normal_from, shape_of, uniform_from
from nbtape.ops.static import hint, known

_WORD = 2**64
_STRIDE = 256  # by how much TensorFlow moves the counter for each number


def _words(value: Any) -> list[int]:
    array = np.asarray(known(value))
    if array.dtype.kind not in "biuf":
        kind = "string" if array.dtype.kind in "OSU" else array.dtype
        raise UnimplementedError(None, None, f"Cast {kind} to int64 is not supported")
    return [int(n) for n in array.reshape(-1)]


def _signed(n: int) -> int:
    n %= _WORD
    return n - _WORD if n >= _WORD // 2 else n


def _state_from_seed(seed: Any) -> list[int]:
    """Three words: the counter, low word first, and the key."""
    if np.ndim(known(seed)) == 0:
        n = _words(seed)[0]
        return [_signed(n >> shift) for shift in (0, 64, 128)]
    words = [_signed(n) for n in _words(seed)[:3]]
    return [0] * (3 - len(words)) + words


def create_rng_state(seed: Any, alg: Any) -> Any:
    """The state of a `Generator`, three int64, made from a number or a list of them.

    >>> tf.random.create_rng_state(1, "philox").numpy()
    array([1, 0, 0])
    """
    algorithm(alg)
    return tensor(np.array(_state_from_seed(seed), np.int64))


class Stream:
    """A counter and a key, and how often it was drawn from since."""

    def __init__(self, words: list[int]):
        self.set(words)

    def set(self, words: list[int]) -> None:
        low, high, self.key = words
        self.counter = low % _WORD + high % _WORD * _WORD

    def words(self) -> list[int]:
        return [_signed(self.counter), _signed(self.counter >> 64), _signed(self.key)]

    def skip(self, n: int) -> None:
        self.counter = (self.counter + n * _STRIDE) % _WORD**2


class Draw:
    """The next numbers of a stream: what a row of random numbers draws `size` of."""

    def __init__(self, stream: Stream, size: int):
        self.stream, self.size = stream, size

    def next(self) -> "np.random.Generator":
        rng = sampler.philox((self.stream.key, 1), self.stream.counter)
        self.stream.skip(self.size)
        return rng


class Generator:
    """A stream of random numbers of its own, whatever the global seed.

    Made by `from_seed`, `from_state`, `from_key_counter` and `from_non_deterministic_state`, or by `split`.

    >>> g, h = tf.random.Generator.from_seed(1), tf.random.Generator.from_seed(1)
    >>> bool((g.normal([2]).numpy() == h.normal([2]).numpy()).all())
    True
    """

    def __init__(self, copy_from: "Generator | None" = None, state: Any = None, alg: Any = None):
        if copy_from is not None:
            if state is not None or alg is not None:
                raise AssertionError("copy_from comes alone: state and algorithm are the other's")
            self._alg, self._stream = copy_from._alg, Stream(copy_from._stream.words())
        else:
            if alg is None or state is None:
                raise AssertionError(
                    "A Generator is made with a state and an algorithm. Write "
                    "tf.random.Generator.from_seed(1) or tf.random.Generator.from_non_deterministic_state()."
                )
            self._alg, self._stream = algorithm(alg), Stream(_three(state))

    @classmethod
    def from_state(cls, state: Any, alg: Any) -> "Generator":
        """A generator that goes on from what `state` of another was."""
        return cls(alg=alg, state=state)

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> "Generator":
        """A generator whose numbers follow from `seed`, a number or a list of up to three."""
        alg = Algorithm.PHILOX if alg is None else alg
        return cls(alg=alg, state=create_rng_state(seed, alg))

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> "Generator":
        """A generator that starts elsewhere each time."""
        words = np.random.SeedSequence().generate_state(3, np.uint64)
        return cls(alg=Algorithm.PHILOX if alg is None else alg, state=words.astype(np.int64))

    @classmethod
    def from_key_counter(cls, key: Any, counter: Any, alg: Any) -> "Generator":
        """A generator of a key (one word) and a counter (two, the low one first)."""
        return cls(alg=alg, state=_key_counter(key, counter))

    def reset(self, state: Any) -> None:
        """Go on from `state`."""
        self._stream.set(_three(state))

    def reset_from_seed(self, seed: Any) -> None:
        """Start as `from_seed` does."""
        self._stream.set(_state_from_seed(seed))

    def reset_from_key_counter(self, key: Any, counter: Any) -> None:
        """Start as `from_key_counter` does."""
        self._stream.set(_key_counter(key, counter))

    @property
    def state(self) -> Tensor:
        """The counter, low word first, and the key: three int64."""
        return tensor(np.array(self._stream.words(), np.int64))

    @property
    def algorithm(self) -> int:
        """The number of the algorithm: 1 for Philox."""
        return self._alg

    @property
    def key(self) -> Tensor:
        """The last word of the state."""
        return tensor(np.int64(self._stream.words()[2]))

    def skip(self, delta: Any) -> Tensor:
        """Move on as if `delta` numbers had been drawn; returns the state before."""
        before = self.state
        self._stream.skip(_words(delta)[0])
        return before

    def _source(self, shape: Any) -> Source:
        sizes = hint(shape_of(shape))
        known_size = 1 if sizes is None else int(np.prod([n or 1 for n in sizes], dtype=np.int64))
        return Source(stream=Draw(self._stream, known_size))

    def normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, name: str | None = None
    ) -> Any:
        """Normal numbers; gradients flow to a `mean` and a `stddev` that are tensors."""
        return normal_from(self._source(shape), "normal", shape, mean, stddev, dtype)

    def truncated_normal(
        self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, name: str | None = None
    ) -> Any:
        """Normal numbers less than two standard deviations from the mean."""
        return normal_from(self._source(shape), "truncated_normal", shape, mean, stddev, dtype)

    def uniform(
        self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, name: str | None = None
    ) -> Any:
        """Numbers evenly distributed over [minval, maxval); integers with both bounds or with neither."""
        kind, source = as_dtype(dtype), self._source(shape)
        if kind.is_integer:
            if (minval is None) != (maxval is None):
                raise ValueError(
                    f"For integer dtype {kind!s}, minval and maxval must be both `None` or both non-`None`; "
                    f"got minval={minval} and maxval={maxval}"
                )
            if minval is None:
                return full_int_from(source, shape, kind)
        return uniform_from(source, shape, minval, 1 if maxval is None else maxval, kind)

    def uniform_full_int(self, shape: Any, dtype: Any = uint64, name: str | None = None) -> Any:
        """Any integers of a dtype of 32 or 64 bits."""
        return full_int_from(self._source(shape), shape, as_dtype(dtype))

    def binomial(
        self, shape: Any, counts: Any, probs: Any, dtype: Any = int32, name: str | None = None
    ) -> Any:
        """How often of `counts` times something of probability `probs` happened."""
        source = self._source(shape)
        return source.draw("binomial", shape_of(shape), as_dtype(dtype), tensor(counts), tensor(probs))

    def make_seeds(self, count: int = 1) -> Any:
        """Seeds for stateless functions, int64, one a column."""
        seeds = self.uniform_full_int([count], int64)
        return tensor([seeds, tensor(np.zeros(count, np.int64))])

    def split(self, count: int = 1) -> list["Generator"]:
        """New generators, with keys drawn from this one."""
        keys = _words(self.uniform_full_int([count], int64))
        return [Generator(alg=self._alg, state=[0, 0, key]) for key in keys]


def _three(state: Any) -> list[int]:
    words = _words(state)
    if len(words) != 3:
        raise ValueError(f"Shapes {TensorShape([len(words)])} and [3] are incompatible")
    return words


def _key_counter(key: Any, counter: Any) -> list[int]:
    counter = _words(counter)
    return [*counter, *[0] * (2 - len(counter)), *_words(key)]


_global: list[Generator] = []


def get_global_generator() -> Generator:
    """The generator that the program shares; made at the first call, from no particular state.

    >>> tf.random.get_global_generator() is tf.random.get_global_generator()
    True
    """
    if not _global:
        _global.append(Generator.from_non_deterministic_state())
    return _global[0]


def set_global_generator(generator: Generator) -> None:
    """Let `get_global_generator` give this one.

    >>> tf.random.set_global_generator(tf.random.Generator.from_seed(4))
    >>> tf.random.get_global_generator().state.numpy()
    array([4, 0, 0])
    """
    _global[:] = [generator]

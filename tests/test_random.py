"""Random numbers: seeds, bounds, moments. All draws are seeded, so that no test fails by chance."""

import threading

import numpy as np
import pytest

import nbtape as tf
from nbtape.compile.settings import Settings

Invalid = tf.errors.InvalidArgumentError


def twice(draw):
    return draw().numpy().tolist(), draw().numpy().tolist()


def test_a_global_seed_makes_the_sequence_repeat():
    tf.random.set_seed(7)
    first = twice(lambda: tf.random.normal([3]))
    tf.random.set_seed(7)
    assert twice(lambda: tf.random.normal([3])) == first
    assert first[0] != first[1]
    tf.random.set_seed(8)
    assert tf.random.normal([3]).numpy().tolist() != first[0]


def test_without_a_global_seed_programs_differ():
    drawn = []
    for _ in range(2):
        tf.random.set_seed(None)
        drawn.append(tf.random.uniform([4]).numpy().tolist())
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("seed", [None, 3])
def test_an_op_with_a_seed_has_a_sequence_of_its_own(seed):
    tf.random.set_seed(seed)
    first = twice(lambda: tf.random.uniform([2], seed=1))
    tf.random.set_seed(seed)
    tf.random.uniform([5])
    tf.random.normal([5], seed=1)
    assert twice(lambda: tf.random.uniform([2], seed=1)) == first
    assert first[0] != first[1] and tf.random.uniform([2], seed=2).numpy().tolist() != first[0]


STATELESS = {
    "normal": lambda seed: tf.random.stateless_normal([4], seed),
    "truncated": lambda seed: tf.random.stateless_truncated_normal([4], seed),
    "uniform": lambda seed: tf.random.stateless_uniform([4], seed),
    "ints": lambda seed: tf.random.stateless_uniform([4], seed, 0, 10**6, tf.int32),
    "full ints": lambda seed: tf.random.stateless_uniform([4], seed, None, None, tf.uint32),
    "gamma": lambda seed: tf.random.stateless_gamma([4], seed, 1.5),
    "poisson": lambda seed: tf.random.stateless_poisson([4], seed, 1e6),
    "binomial": lambda seed: tf.random.stateless_binomial([4], seed, 1e6, 0.5),
    "categorical": lambda seed: tf.random.stateless_categorical(tf.zeros([1, 10**4]), 4, seed),
    "bounded": lambda seed: tf.random.stateless_parameterized_truncated_normal([4], seed),
    "shuffle": lambda seed: tf.random.experimental.stateless_shuffle(tf.range(100), seed),
    "split": lambda seed: tf.random.split(seed),
    "fold_in": lambda seed: tf.random.fold_in(seed, 5),
    "dropout": lambda seed: tf.nn.experimental.stateless_dropout(tf.ones([100]), 0.5, seed),
}


@pytest.mark.parametrize("name", STATELESS)
def test_a_stateless_op_is_a_function_of_its_seed(name):
    draw = STATELESS[name]
    a, b, c = (draw(tf.constant(seed)).numpy().tolist() for seed in ([1, 2], [1, 2], [2, 1]))
    assert a == b != c


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform_floats_stay_below_their_upper_bound(dtype):
    x = tf.cast(tf.random.uniform([20000], dtype=dtype, seed=1), "float64").numpy()
    assert x.min() >= 0 and x.max() < 1 and x.mean() == pytest.approx(0.5, abs=0.01)
    y = tf.cast(tf.random.uniform([20000], 1000.0, 1001.0, dtype=dtype, seed=1), "float64").numpy()
    assert y.min() >= 1000 and y.max() < 1001


def test_uniform_integers_take_all_values_of_their_range():
    x = tf.random.uniform([1000], -2, 3, dtype=tf.int64, seed=1)
    assert x.dtype == tf.int64 and set(x.numpy().tolist()) == {-2, -1, 0, 1, 2}


MOMENTS = {
    "normal": (lambda: tf.random.normal([50000], 2.0, 3.0, seed=1), 2, 3),
    "truncated normal": (lambda: tf.random.truncated_normal([50000], 1.0, 2.0, seed=1), 1, 2 * 0.8796),
    "uniform": (lambda: tf.random.uniform([50000], -2, 4, seed=1), 1, 6 / 12**0.5),
    "gamma": (lambda: tf.random.gamma([50000], 3.0, beta=2.0, seed=1), 1.5, 3**0.5 / 2),
    "poisson": (lambda: tf.random.poisson([50000], 4.0, seed=1), 4, 2),
    "binomial": (lambda: tf.random.stateless_binomial([50000], [1, 2], 20.0, 0.25, tf.float32), 5, 3.75**0.5),
    "bounded normal": (
        lambda: tf.random.stateless_parameterized_truncated_normal([50000], [1, 2], 0.0, 1.0, 6.0, 9.0),
        6.1585, 0.1527,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MOMENTS)
def test_numbers_have_the_mean_and_the_spread_of_their_distribution(name):
    draw, mean, std = MOMENTS[name]
    x = draw().numpy().astype(np.float64)
    assert x.mean() == pytest.approx(mean, abs=0.03 * std) and x.std() == pytest.approx(std, rel=0.03)


def test_truncated_normal_stays_within_two_deviations():
    x = tf.random.truncated_normal([50000], 1.0, 2.0, seed=1).numpy()
    assert abs(x - 1).max() <= 4


def test_categorical_draws_classes_as_often_as_softmax_says():
    x = tf.random.categorical(tf.math.log([[0.1, 0.0, 0.9], [0.5, 0.25, 0.25]]), 20000, seed=1).numpy()
    often = np.stack([np.bincount(row, minlength=3) for row in x]) / 20000
    np.testing.assert_allclose(often, [[0.1, 0, 0.9], [0.5, 0.25, 0.25]], atol=0.015)


def test_shuffle_moves_slices_whole_and_is_differentiable():
    x = tf.constant(np.arange(20.0).reshape(10, 2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.random.shuffle(x, seed=1)
        z = tf.reduce_sum(y * y)
    assert (y.numpy()[:, 1] - y.numpy()[:, 0] == 1).all() and sorted(y.numpy()[:, 0]) == list(range(0, 20, 2))
    np.testing.assert_array_equal(tape.gradient(z, x).numpy(), 2 * x.numpy())


def test_gradients_flow_to_the_parameters_of_a_normal():
    m, s = tf.constant([1.0, 2.0]), tf.constant(2.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([m, s])
        y = tf.random.normal([3, 2], m, s, seed=1)
    assert tape.gradient(y, m).numpy().tolist() == [3, 3]
    assert tape.gradient(y, s).numpy() == pytest.approx(((y.numpy() - m.numpy()) / 2).sum(), rel=1e-5)


def test_gradient_of_gamma_in_alpha_keeps_the_probability_of_each_number():
    """For alpha = 1 the numbers are exponential, and dz/dalpha is the integral that TensorFlow gives, too."""
    alpha = tf.constant(np.array([1.0, 3.5, 0.3]))
    with tf.GradientTape() as tape:
        tape.watch(alpha)
        z = tf.random.stateless_gamma([3], [1, 2], alpha, dtype=tf.float64)
    step = 1e-6
    with np.errstate(all="ignore"):
        p = [tf.math.igamma(alpha + d, z).numpy() for d in (-step, 0, step)]
        density = (tf.math.igamma(alpha, z + step) - tf.math.igamma(alpha, z - step)).numpy() / (2 * step)
    slope = -(p[2] - p[0]) / (2 * step) / density
    np.testing.assert_allclose(tape.gradient(z, alpha).numpy(), slope, rtol=1e-5)


def test_a_generator_is_a_stream_of_its_own():
    tf.random.set_seed(1)
    g = tf.random.Generator.from_seed(5)
    first = twice(lambda: g.normal([3]))
    tf.random.set_seed(2)
    g.reset_from_seed(5)
    assert twice(lambda: g.normal([3])) == first and first[0] != first[1]


def test_a_generator_goes_on_from_its_state():
    g = tf.random.Generator.from_seed(5)
    g.uniform([10])
    h = tf.random.Generator.from_state(g.state, alg="philox")
    copied = tf.random.Generator(copy_from=g)
    drawn = g.uniform([4]).numpy().tolist()
    assert h.uniform([4]).numpy().tolist() == copied.uniform([4]).numpy().tolist() == drawn


def test_the_state_of_a_generator_moves_as_in_tensorflow():
    g = tf.random.Generator.from_seed(1)
    states = [g.state.numpy().tolist()]
    for step in (lambda: g.normal([3]), lambda: g.uniform([1000]), lambda: g.skip(7)):
        step()
        states.append(g.state.numpy().tolist())
    assert states == [[1, 0, 0], [769, 0, 0], [256769, 0, 0], [258561, 0, 0]]


def test_generators_split_off_differ_from_each_other():
    g = tf.random.Generator.from_seed(1)
    drawn = [tuple(h.uniform_full_int([2]).numpy().tolist()) for h in (g, *g.split(3))]
    assert len(set(drawn)) == 4
    assert g.make_seeds(2).shape == (2, 2)


@pytest.mark.parametrize(
    "draw, error, says",
    [
        (lambda: tf.random.uniform([2], dtype=tf.int32), ValueError, "Must specify maxval for integer dtype"),
        (lambda: tf.random.uniform([2], 3, 2, tf.int32), Invalid, "Need minval < maxval, got 3 >= 2"),
        (lambda: tf.random.uniform([2], dtype=tf.int8), ValueError, "Accepted dtypes are"),
        (lambda: tf.random.normal(3), Invalid, "shape must be a vector"),
        (lambda: tf.random.normal([-1]), Invalid, "Dimension -1 must be >= 0"),
        (lambda: tf.random.normal([2], dtype=tf.int32), TypeError, "Cannot convert 0.0 to EagerTensor"),
        (lambda: tf.random.stateless_normal([2], [1, 2, 3]), Invalid, "seed must have shape [2], not [3]"),
        (lambda: tf.random.stateless_normal([2], [1, 2], alg="dice"), ValueError, "unsupported value dice"),
        (lambda: tf.random.categorical([0.0, 1.0], 1), Invalid, "logits should be a matrix, got shape [2]"),
        (lambda: tf.random.stateless_gamma([3], [1, 2], [1.0, 2.0]), Invalid, "must end with broadcasted"),
        (lambda: tf.random.set_seed("seven"), TypeError, "whole number or None"),
    ],
)
def test_what_cannot_be_drawn_says_why(draw, error, says):
    with pytest.raises(error) as caught:
        draw()
    assert says in str(caught.value)


def drawn_in_threads(draw, threads=2):
    """What `draw` gives in threads that run at the same time."""
    found, start = [[] for _ in range(threads)], threading.Barrier(threads)

    def run(mine):
        start.wait()
        mine += [x for _ in range(200) for x in np.ravel(draw()).tolist()]

    running = [threading.Thread(target=run, args=(mine,)) for mine in found]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return found


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("mode", ["off", "synchronous"])
def test_no_two_threads_draw_the_same_numbers(seed, mode, monkeypatch):
    monkeypatch.setattr(Settings, "mode", mode)
    program = tf.function(lambda: tf.random.uniform([3], seed=seed, dtype=tf.float64))
    program()
    found = drawn_in_threads(program, 3)
    assert len({x for numbers in found for x in numbers}) == 3 * 600


def test_threads_one_after_the_other_go_on_with_one_sequence():
    def in_thread():
        return drawn_in_threads(lambda: tf.random.normal([1], dtype=tf.float64), 1)[0]

    def program():
        tf.random.set_seed(3)
        return [*in_thread(), *in_thread(), float(tf.random.normal([]))]

    first = program()
    assert first == program() and len(set(first)) == 401

"""Initializers give values of the right spread, the same for the same seed, and refuse the rest."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.state.scaling import _NAMED

K = tf.keras.initializers
SHAPE = (300, 200)  # fan_in 300, fan_out 200
VARIANCES = {
    "RandomNormal": 0.05**2, "RandomUniform": 0.1**2 / 12, "VarianceScaling": 1 / 300,
    "TruncatedNormal": (0.05 * 0.87962566) ** 2, "GlorotNormal": 2 / 500, "GlorotUniform": 2 / 500,
    "HeNormal": 2 / 300, "HeUniform": 2 / 300, "LecunNormal": 1 / 300, "LecunUniform": 1 / 300,
    "Orthogonal": 1 / 300,
}  # fmt: skip
RANDOM = list(VARIANCES)


@pytest.mark.parametrize("name", RANDOM)
def test_values_have_the_variance_they_should(name):
    values = getattr(K, name)(seed=1)(SHAPE)
    assert values.dtype == tf.float32 and values.shape == SHAPE
    x = values.numpy().astype(np.float64)
    assert abs(x.mean()) < 4 * np.sqrt(VARIANCES[name] / x.size)
    assert np.isclose(x.var(), VARIANCES[name], rtol=0.03)


@pytest.mark.parametrize("name", RANDOM)
def test_one_initializer_gives_the_same_values_each_time_and_another_others(name):
    make = getattr(K, name)
    a, b = make(), make()
    assert np.array_equal(a((4, 3)), a((4, 3)))
    assert not np.array_equal(a((4, 3)), b((4, 3)))
    assert np.array_equal(make(seed=3)((4, 3)), make(seed=3)((4, 3)))
    assert not np.array_equal(make(seed=3)((4, 3)), make(seed=4)((4, 3)))


@pytest.mark.parametrize("name", ["TruncatedNormal", "GlorotNormal", "HeNormal", "LecunNormal"])
def test_truncated_values_lie_within_two_deviations(name):
    x = getattr(K, name)(seed=0)((200, 200)).numpy()
    deviation = np.sqrt(VARIANCES["TruncatedNormal"]) if name == "TruncatedNormal" else x.std()
    assert abs(x).max() <= 2 * deviation / 0.87962566 * 1.02


@pytest.mark.parametrize(
    "mode, units", [("fan_in", 3 * 3 * 40), ("fan_out", 3 * 3 * 60), ("fan_avg", 3 * 3 * 50)]
)
def test_variance_scaling_counts_the_units_of_a_convolution(mode, units):
    x = K.VarianceScaling(2.0, mode, "untruncated_normal", seed=0)((3, 3, 40, 60)).numpy()
    assert np.isclose(x.var(), 2.0 / units, rtol=0.05)


def test_variance_scaling_counts_along_given_axes():
    x = K.VarianceScaling(1.0, "fan_in", "uniform", 0, input_axes=[1], output_axes=[0])((20, 500)).numpy()
    assert np.isclose(x.var(), 1 / 500, rtol=0.05)


@pytest.mark.parametrize("shape", [(), (1,), (5000,)])
def test_variance_scaling_of_low_ranks(shape):
    assert K.VarianceScaling()(shape).shape == shape


def test_constants():
    assert K.Zeros()((2, 2)).numpy().tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert K.Ones()(2, dtype="int32").numpy().tolist() == [1, 1]
    assert K.Ones()([2], dtype=tf.bool).numpy().tolist() == [True, True]
    assert K.Zeros()((1,), tf.string).numpy().tolist() == [b""]
    assert K.Constant([1, 2])((2, 2)).numpy().tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert K.Identity(2.0)((2, 3)).numpy().tolist() == [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    assert K.Zeros()(tf.TensorShape([2])).shape == K.Zeros()(tf.constant([2])).shape == (2,)


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (2, 3, 5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orthogonal_matrices_are_orthogonal(shape, dtype):
    q = K.Orthogonal(2.0, seed=0)(shape, dtype).numpy()
    assert q.shape == shape and q.dtype == dtype
    q = q.reshape(-1, shape[-1])
    product = q.T @ q if len(q) >= q.shape[1] else q @ q.T
    assert np.allclose(product, 4.0 * np.eye(len(product)), atol=1e-5)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (
            lambda: K.Identity()((2,)),
            ValueError,
            "can only be used for 2D matrices. Received: shape=(2,) of rank 1.",
        ),
        (
            lambda: K.Orthogonal()((3,)),
            ValueError,
            "must be at least two-dimensional. Received: shape=(3,) of rank 1.",
        ),
        (
            lambda: K.VarianceScaling(-1.0),
            ValueError,
            "Argument `scale` must be positive float. Received: scale=-1.0",
        ),
        (lambda: K.VarianceScaling(mode="x"), ValueError, "Invalid `mode` argument: x."),
        (lambda: K.VarianceScaling(distribution="x"), ValueError, "Invalid `distribution` argument: x."),
        (lambda: K.RandomNormal(seed="x"), ValueError, "`seed` argument should be"),
        (
            lambda: K.RandomNormal()((2,), "int32"),
            TypeError,
            "Cannot convert 0.0 to EagerTensor of dtype int32",
        ),
        (
            lambda: K.Constant([1, 2, 3])((2, 2)),
            tf.errors.InvalidArgumentError,
            "Incompatible shapes: [3] vs. [2,2]",
        ),
        (lambda: K.Zeros()((None, 2)), ValueError, "is not fully defined"),
        (lambda: K.Initializer()((2,)), NotImplementedError, "must implement the `__call__()` method"),
        (lambda: K.get("foo"), ValueError, "Could not interpret initializer identifier: foo"),
        (lambda: K.get(3), ValueError, "Could not interpret initializer identifier: 3"),
        (
            lambda: K.get({"class_name": "Foo", "config": {}}),
            ValueError,
            "Could not interpret initializer identifier",
        ),
        (
            lambda: K.get(np.ones(3))((2,)),
            ValueError,
            "Expected `shape` to be (3,) for direct tensor as initializer.",
        ),
        (
            lambda: tf.zeros_initializer()((2,), tf.string),
            ValueError,
            "expected to be numeric or boolean. Received",
        ),
        (
            lambda: tf.random_normal_initializer()((2,), tf.int32),
            ValueError,
            "is expected to be floating point. Received:",
        ),
        (
            lambda: tf.random_uniform_initializer()((2,), tf.int32),
            TypeError,
            "Cannot convert -0.05 to EagerTensor of dtype",
        ),
        (
            lambda: tf.random_uniform_initializer(3, 3)((2,), tf.int32),
            tf.errors.InvalidArgumentError,
            "Need minval < maxval, got 3 >= 3",
        ),
        (
            lambda: tf.constant_initializer([1, 2, 3])((2, 2)),
            TypeError,
            "has 3 elements, but got `shape` (2, 2) with 4",
        ),
        (lambda: tf.constant_initializer({}), TypeError, "Invalid type for initial value: dict."),
    ],
)
def test_what_cannot_be_made(make, error, words):
    with pytest.raises(error) as raised:
        make()
    assert words in str(raised.value)


@pytest.mark.parametrize("name", sorted(set(_NAMED)))
def test_every_name_finds_its_initializer_which_survives_its_config(name):
    found = K.get(name)
    again = K.deserialize(K.serialize(found))
    assert type(again) is type(found) is _NAMED[name]
    assert again.get_config() == found.get_config() == found.clone().get_config()


def test_get_takes_what_keras_takes():
    assert K.get(None) is None
    assert type(K.get(K.Ones)) is K.Ones
    f = K.Zeros()
    assert K.get(f) is f and K.get(len) is len
    assert K.get({"class_name": "RandomNormal", "config": {"mean": 1.0}}).mean == 1.0
    assert K.get(tf.constant([1, 2]))((2,)).numpy().tolist() == [1.0, 2.0]

    class Own(K.Initializer):
        pass

    assert type(K.deserialize({"class_name": "Own", "config": {}}, {"Own": Own})) is Own
    assert tf.initializers.glorot_uniform is K.GlorotUniform is tf.initializers.GlorotUniform


def test_tensorflows_own_initializers():
    assert tf.zeros_initializer()([2]).dtype == tf.ones_initializer()([2]).dtype == tf.float32
    assert tf.constant_initializer(2)((2,)).numpy().tolist() == [2, 2]
    assert tf.constant_initializer([1, 2, 3, 4])((2, 2), tf.float64).numpy().tolist() == [
        [1.0, 2.0],
        [3.0, 4.0],
    ]
    seeded, unseeded = tf.random_normal_initializer(seed=1), tf.random_normal_initializer()
    assert np.array_equal(seeded((3,)), seeded((3,))) and not np.array_equal(unseeded((3,)), unseeded((3,)))
    whole = tf.random_uniform_initializer(0, 10, seed=1)((1000,), tf.int32).numpy()
    assert whole.min() == 0 and whole.max() == 9 and whole.dtype == np.int32
    assert tf.random_uniform_initializer(-1, 1, 3).get_config() == {"minval": -1, "maxval": 1, "seed": 3}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_random_values_of_each_floating_dtype(dtype):
    for name in RANDOM:
        assert getattr(K, name)(seed=0)((3, 3), dtype=dtype).dtype == dtype


def test_an_initializer_works_in_a_function():
    made = []

    @tf.function
    def f():
        if not made:
            made.append(tf.Variable(lambda: K.GlorotUniform(seed=1)((2, 3))))
        return made[0] + K.Ones()((2, 3))

    assert np.allclose(f().numpy(), K.GlorotUniform(seed=1)((2, 3)).numpy() + 1.0)


def test_repr_tells_how_to_make_it():
    assert repr(K.RandomNormal(seed=3)) == "RandomNormal(seed=3, mean=0.0, stddev=0.05)"

"""Shapes and dtypes; reshaping, joining and padding; TensorArray."""

import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

import nbtape as tf
from nbtape.core.engine import o

# Shapes and dtypes


def test_tensor_shapes_compare_join_and_slice():
    shape = tf.TensorShape([None, 3])
    assert shape == [None, 3] and shape.is_compatible_with([5, 3]) and not shape.is_compatible_with([5, 4])
    assert (
        shape.merge_with([2, None]) == [2, 3] and shape + [4] == [None, 3, 4] and [1] + shape == [1, None, 3]
    )
    assert shape[1] == 3 and shape[:1] == [None] and tf.TensorShape(None)[1:3] == [None, None]
    assert tf.TensorShape(None).with_rank(2) == [None, None] and shape.most_specific_compatible_shape(
        [1, 2]
    ) == [None, None]
    assert str(tf.TensorShape([2])) == "(2,)" and str(tf.TensorShape(None)) == "<unknown>"
    for wrong in (lambda: shape.merge_with([1, 2]), lambda: shape.with_rank(3), lambda: tf.TensorShape([-1]),
                  lambda: shape.assert_same_rank([1]), lambda: shape.assert_is_fully_defined()):  # fmt: skip
        with pytest.raises(ValueError):
            wrong()


def test_dtypes_answer_to_many_names():
    assert (
        tf.float32 == "float32" == tf.float32.name and tf.float32 == np.float32 and tf.float32 != tf.float64
    )
    assert tf.as_dtype("half") is tf.float16 and tf.as_dtype(np.dtype("U3")) is tf.string
    assert str(tf.int8) == "<dtype: 'int8'>" and repr(tf.int8) == "tf.int8"
    assert (tf.uint8.min, tf.uint8.max, tf.uint8.limits) == (0, 255, (0, 255))
    assert pickle.loads(pickle.dumps(tf.bfloat16)) is tf.bfloat16
    with pytest.raises(TypeError, match="Cannot convert the argument `type_value`: 'float33'"):
        tf.as_dtype("float33")


# Reshaping, joining, padding


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.data())
def test_split_and_concat_are_inverse(shape, data):
    x = np.arange(float(np.prod(shape))).reshape(shape)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    cut = data.draw(st.integers(0, shape[axis]))
    parts = tf.split(x, [cut, -1], axis=axis)
    assert np.array_equal(tf.concat(parts, axis).numpy(), x)
    assert not shape[axis] or np.array_equal(tf.stack(tf.unstack(x, axis=axis), axis).numpy(), x)


@pytest.mark.parametrize(
    "shape, says",
    [
        ([4], "Input to reshape is a tensor with 6 values, but the requested shape has 4"),
        (
            [4, -1],
            "Input to reshape is a tensor with 6 values, but the requested shape requires a multiple of 4",
        ),
        ([-1, -1], "Only one input size may be -1, not both 0 and 1"),
        ([2, -3], "Size 1 must be non-negative, not -3"),
        ([2.0], "Value for attr 'Tshape' of float is not in the list of allowed values: int32, int64"),
        ([[2, 3]], "sizes input must be 1-D, not [1,2]"),
    ],
)
def test_an_impossible_reshape_is_told_in_tensorflows_words(shape, says):
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        tf.reshape(tf.ones([6]), shape)
    assert says in str(raised.value)


def test_concat_names_the_shape_that_does_not_fit():
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        tf.concat([tf.ones([2, 3]), tf.ones([2, 3]), tf.ones([2, 2])], 0)
    says = "ConcatOp : Dimension 1 in both shapes must be equal: shape[0] = [2,3] vs. shape[2] = [2,2]"
    assert says in str(raised.value) and "input 2: float32[2,2]" in str(raised.value)


@pytest.mark.parametrize("mode", ["REFLECT", "SYMMETRIC"])
def test_mirror_padding_is_numpys(mode):
    x, paddings = np.arange(24.0).reshape(2, 3, 4), [[1, 0], [2, 1], [3, 3]]
    assert np.array_equal(tf.pad(x, paddings, mode).numpy(), np.pad(x, paddings, mode.lower()))


def test_ranges_refuse_steps_that_lead_nowhere():
    for start, limit, delta, says in (
        (0, -3, 1, "start <= limit when delta > 0: 0/-3"),
        (0, 3, 0, "delta != 0: 0"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=f"Requires {says}"):
            tf.range(start, limit, delta)


# TensorArray


def test_a_tensor_array_is_written_read_and_differentiated():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        ta = tf.TensorArray(tf.float32, size=0, dynamic_size=True, clear_after_read=False)
        for i in range(3):
            ta = ta.write(i, x * float(i))
        y = ta.stack()[2] + ta.read(1) + tf.reduce_sum(ta.concat()) + ta.gather([2])[0]
    assert (
        y.numpy().tolist() == [14, 19] and tape.gradient(y, x).numpy().tolist() == [11, 11] and ta.size() == 3
    )


OUTSIDE, INVALID = tf.errors.OutOfRangeError, tf.errors.InvalidArgumentError


@pytest.mark.parametrize(
    "misuse, error, says",
    [
        (lambda ta: ta.write(5, 1.0), OUTSIDE, "Tried to write to index 5 but array is not resizeable"),
        (lambda ta: ta.write(-1, 1.0), OUTSIDE, "Writing to negative indices (index -1)"),
        (lambda ta: ta.read(2), OUTSIDE, "Tried to read from index 2 but array size is: 2"),
        (lambda ta: (ta.write(0, 1.0).read(0), ta.read(0)), INVALID, "Could not read index 0 twice"),
        (lambda ta: ta.write(0, tf.constant(1)), INVALID, "float32 but Op is trying to write dtype int32"),
        (lambda ta: ta.write(0, 1.0).write(1, [1.0]), ValueError, "Incompatible shape for value ((1,))"),
        (lambda ta: ta.stack(), ValueError, "a slot was never written"),
        (
            lambda ta: ta.unstack([1.0] * 3),
            ValueError,
            "Cannot unstack 3 tensors into a TensorArray of static",
        ),
        (lambda ta: ta.write(0, 1.0).concat(), INVALID, "Concat saw a scalar shape at index 0"),
    ],
)
def test_misuse_of_a_tensor_array_is_told_in_tensorflows_words(misuse, error, says):
    with pytest.raises(error) as raised:
        misuse(tf.TensorArray(tf.float32, size=2))
    assert says in str(raised.value)


def test_blocks_go_into_the_batch_and_back():
    x = tf.reshape(tf.range(24.0), [1, 4, 6])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.space_to_batch(x, [2, 3], [[1, 1], [0, 3]])
        loss = tf.reduce_sum(y**2)
    assert y.shape == [6, 3, 3] and y[0].numpy().tolist() == [[0, 0, 0], [6, 9, 0], [18, 21, 0]]
    np.testing.assert_array_equal(tape.gradient(loss, x), 2 * x)
    np.testing.assert_array_equal(tf.batch_to_space(y, [2, 3], [[1, 1], [0, 3]]), x)
    paddings, crops = tf.required_space_to_batch_paddings([5, 4], [3, 2], [[0, 0], [1, 0]])
    assert paddings.numpy().tolist() == [[0, 1], [1, 1]] and crops.numpy().tolist() == [[0, 1], [0, 1]]
    with pytest.raises(INVALID, match=r"padded_shape\[0\]=3 is not divisible by block_shape\[0\]=2"):
        tf.space_to_batch(tf.ones([1, 3]), [2], [[0, 0]])
    with pytest.raises(INVALID, match="not divisible by product of block sizes"):
        tf.batch_to_space(tf.ones([3, 1]), [2], [[0, 0]])


def test_a_tensor_array_that_grows_keeps_what_was_there_apart():
    @tf.function
    def grown(n):
        ta = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[])
        for i in tf.range(n):
            ta = ta.write(i, tf.cast(i, tf.float32))
        return ta.stack(), ta.write(n, 7.0).stack(), ta.write(n, 8.0).write(0, 9.0).stack()

    assert [y.numpy().tolist() for y in grown(tf.constant(3))] == [[0, 1, 2], [0, 1, 2, 7], [9, 1, 2, 8]]

    short = np.zeros((0, 2), np.float32)
    first = o.dynamic_put.eager(short, np.int32(0), np.ones(2, np.float32))
    second, other = (o.dynamic_put.eager(first, np.int32(1), np.full(2, k, np.float32)) for k in (2, 3))
    assert np.shares_memory(first, second) and not np.shares_memory(first, other)
    assert second.tolist() == [[1, 1], [2, 2]] and other.tolist() == [[1, 1], [3, 3]]
    with pytest.raises(tf.errors.OutOfRangeError, match="negative indices"):
        o.dynamic_put.eager(first, np.int32(-1), np.ones(2, np.float32))

"""Tensors as values: how they are made, printed, converted, and that nothing can change one."""

import array
import copy
import pickle

import numpy as np
import pytest

import nbtape as tf

# Making


@pytest.mark.parametrize(
    "value, dtype",
    [
        (1, "int32"),
        (2**31, "int64"),
        (1.0, "float32"),
        (True, "bool"),
        (1j, "complex128"),
        ("a", "string"),
        ([1, 2], "int32"),
        ([1, 2.5], "float32"),
        ([1, True], "int32"),
        ([], "float32"),
        ([2**40], "int64"),
        (range(3), "int32"),
        ((1, (2)), "int32"),
        (np.float64(1), "float64"),
        (np.arange(2), "int64"),
        (np.array([1], ">i4"), "int32"),
        ([np.float64(1), 2.0], "float64"),
        ([1.0, np.float64(2)], "float32"),
        ([np.float16(1)], "float16"),
        ([np.int8(1), 2], "int32"),
        ([np.arange(2), [3, 4]], "int32"),
        (np.array(["a", "b"]), "string"),
        (tf.TensorShape([1, 2]), "int32"),
        (array.array("d", [1, 2]), "float64"),
        (bytearray(b"ab"), "uint8"),
    ],
)
def test_the_dtype_follows_from_the_value(value, dtype):
    assert tf.constant(value).dtype.name == dtype


@pytest.mark.parametrize(
    "value, dtype, error, says",
    [
        ([[1, 2], [3]], None, ValueError, "Can't convert non-rectangular Python sequence to Tensor."),
        ([1, "a"], None, ValueError, "mixed types"),
        (["a", 1], None, ValueError, "mixed types"),
        ([True, 1], None, ValueError, "mixed types"),
        (None, None, ValueError, "Attempt to convert a value (None) with an unsupported type"),
        ([1, None], None, ValueError, "a value (None)"),
        ({1}, None, ValueError, "unsupported type (<class 'set'>)"),
        (2**63, None, ValueError, "out-of-range integer"),
        ([-1, 2**63], None, ValueError, "out-of-range integer"),
        (1e300, None, ValueError, "out of range for a double-precision float"),
        ([1.0, 1e39], None, ValueError, "out of range for a double-precision float"),
        (1.5, tf.int32, TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32"),
        ([1.5], tf.int32, TypeError, "Cannot convert [1.5] to EagerTensor of dtype int32"),
        (1, tf.bool, TypeError, "Cannot convert 1 to EagerTensor of dtype bool"),
        ("a", tf.float32, TypeError, "Cannot convert 'a' to EagerTensor"),
        (300, tf.uint8, TypeError, "out of range"),
        ([-1], tf.uint8, TypeError, "out of range"),
        (np.array([1j]), tf.float32, TypeError, "np.real(x)"),
        (np.datetime64("2020-01-01"), None, ValueError, "Unsupported numpy type"),
    ],
)
def test_what_is_no_tensor_is_refused(value, dtype, error, says):
    with pytest.raises(error) as raised:
        tf.constant(value, dtype)
    assert says in str(raised.value)


def test_a_shape_reshapes_or_fills():
    assert tf.constant([1, 2, 3, 4], shape=[2, 2]).numpy().tolist() == [[1, 2], [3, 4]]
    assert tf.constant(7, shape=(2,)).numpy().tolist() == [7, 7]
    with pytest.raises(TypeError, match="has 3 elements, but got `shape`"):
        tf.constant([1, 2, 3], shape=[2, 2])


def test_tensors_in_a_list_are_stacked_and_differentiable():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.convert_to_tensor([[x, 1.0], [x * x, 3.0]])
    assert y.numpy().tolist() == [[2, 1], [4, 3]]
    assert tape.gradient(y, x).numpy() == 5


def test_a_tensor_of_another_dtype_is_refused():
    with pytest.raises(
        ValueError, match="Tensor conversion requested dtype int32 for Tensor with dtype float32"
    ):
        tf.convert_to_tensor(tf.constant([1.0]), dtype=tf.int32)
    assert tf.convert_to_tensor(1, dtype_hint=tf.float32).dtype == tf.float32
    assert tf.convert_to_tensor(1.5, dtype_hint=tf.int32).dtype == tf.float32


def test_strings_keep_every_byte():
    t = tf.constant([b"a\x00", b"\x00"])
    assert t.numpy().tolist() == [b"a\x00", b"\x00"] and t[0].numpy() == b"a\x00"


# Operands


def test_python_numbers_take_the_dtype_of_the_tensor():
    assert (tf.constant([1], tf.int64) + 1).dtype == tf.int64
    assert (tf.constant([1.0], tf.float16) * 2).dtype == tf.float16
    assert (tf.constant([1, 2]) + True).numpy().tolist() == [2, 3]
    assert (1.5 + tf.constant([1.0], tf.bfloat16)).dtype == tf.bfloat16
    with pytest.raises(TypeError, match="Cannot convert 1.5 to EagerTensor of dtype int32"):
        tf.constant([1]) + 1.5


def test_arrays_beside_tensors_take_their_dtype():
    assert (tf.constant([1.0]) + np.ones(1)).dtype == tf.float32
    assert (tf.constant([1]) + np.ones(1)).dtype == tf.int32
    with pytest.raises(TypeError, match="to EagerTensor of dtype int32"):
        tf.constant([1]) + np.array([1.5])  # TensorFlow drops the fraction without a word


def test_two_tensors_of_different_dtypes_are_refused():
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="expected to be a int32 tensor but is a float tensor"
    ):
        tf.constant(1) + tf.constant(1.0)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="expected to be a float tensor but is a string tensor"
    ):
        tf.constant([1.0]) + "a"


def test_equality_is_elementwise():
    t = tf.constant([1, 2])
    assert (t == [1, 3]).numpy().tolist() == [True, False]
    assert not (t == None) and t != None  # noqa: E711
    assert not (t == [1, 2, 3]).numpy()
    with pytest.raises(TypeError, match="Cannot convert 1.5"):
        tf.constant(1) == 1.5  # noqa: B015
    with pytest.raises(TypeError, match=r"Tensor is unhashable. Instead, use tensor.ref\(\) as the key."):
        hash(t)
    assert {t.ref(): 1}[t.ref()] == 1 and t.ref().deref() is t


# Printing


@pytest.mark.parametrize(
    "value, written, printed",
    [
        (1, "shape=(), dtype=int32, numpy=1", "tf.Tensor(1, shape=(), dtype=int32)"),
        (0.1, "dtype=float32, numpy=0.10000000149011612", "tf.Tensor(0.1, shape=(), dtype=float32)"),
        ("hi", "dtype=string, numpy=b'hi'", "tf.Tensor(b'hi', shape=(), dtype=string)"),
        (
            [1.5],
            "shape=(1,), dtype=float32, numpy=array([1.5], dtype=float32)",
            "tf.Tensor([1.5], shape=(1,), dtype=float32)",
        ),
        (
            [[1], [2]],
            "numpy=\narray([[1],\n       [2]], dtype=int32)",
            "tf.Tensor(\n[[1]\n [2]], shape=(2, 1), dtype=int32)",
        ),
        (["a"], "numpy=array([b'a'], dtype=object)", "tf.Tensor([b'a'], shape=(1,), dtype=string)"),
    ],
)
def test_repr_and_str_are_tensorflows(value, written, printed):
    t = tf.constant(value)
    assert repr(t).startswith("<tf.Tensor: ") and repr(t).endswith(written + ">")
    assert str(t) == printed


def test_a_tensor_formats_as_its_value():
    assert f"{tf.constant(1.5):.3f} {tf.constant([1, 2])} {tf.constant('a')}" == "1.500 [1 2] b'a'"


# As Python objects


def test_scalars_are_python_numbers_where_one_is_asked_for():
    assert float(tf.constant(1.5)) == 1.5 and int(tf.constant(3.7)) == 3 and complex(tf.constant(1j)) == 1j
    assert "abc"[tf.constant(1)] == "b" and list(range(tf.constant(2))) == [0, 1]
    assert round(tf.constant(1.26), 1) == 1.3
    for ask in (float, int, complex):
        with pytest.raises(TypeError, match="only 0-dimensional arrays can be converted to Python scalars"):
            ask(tf.constant([1.0, 2.0]))


def test_truth_is_numpys():
    assert tf.constant(1) and not tf.constant(0.0) and not tf.constant("") and not tf.constant([])
    with pytest.raises(ValueError, match="ambiguous"):
        bool(tf.constant([1, 2]))


def test_length_and_iteration_go_over_the_first_axis():
    a, b = tf.constant([[1, 2], [3, 4]])
    assert a.numpy().tolist() == [1, 2] and b.numpy().tolist() == [3, 4]
    assert len(tf.zeros([0, 3])) == 0 and list(reversed([1, 2])) == [
        int(x) for x in reversed(tf.constant([1, 2]))
    ]
    with pytest.raises(TypeError, match=r"Scalar tensor has no `len\(\)`"):
        len(tf.constant(1))
    with pytest.raises(TypeError, match="Cannot iterate over a scalar tensor."):
        list(tf.constant(1))


def test_copies_and_pickles_are_equal():
    for t in (tf.constant([1, 2]), tf.constant("a"), tf.constant(2.5, tf.bfloat16)):
        for again in (copy.copy(t), copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
            assert repr(again) == repr(t)


@pytest.mark.parametrize("name", ["T", "astype", "sum", "reshape", "assign", "trainable", "size"])
def test_a_missing_attribute_says_what_to_write(name):
    with pytest.raises(AttributeError, match=f"'EagerTensor' object has no attribute '{name}'. .+"):
        getattr(tf.constant([1.0]), name)


def test_a_missing_attribute_is_not_offered():
    t = tf.constant([1.0])
    assert not {"T", "astype", "sum", "reshape"} & set(dir(t)) and "shape" in dir(t)
    assert not hasattr(t, "T") and not hasattr(t, "assign")


def test_an_attribute_of_graphs_says_so():
    with pytest.raises(AttributeError, match="Tensor.name is undefined when eager execution is enabled."):
        _ = tf.constant([1.0]).name


def test_set_shape_checks():
    tf.constant([1, 2]).set_shape([None])
    with pytest.raises(
        ValueError, match=r"Tensor's shape \(2,\) is not compatible with supplied shape \(3,\)"
    ):
        tf.constant([1, 2]).set_shape([3])


# Nothing changes a Tensor


WAYS_TO_WRITE = [
    lambda t: t.numpy().__setitem__(0, 9.0),
    lambda t: t.numpy().setflags(write=True),
    lambda t: setattr(t.numpy().flags, "writeable", True),
    lambda t: t.numpy().base.setflags(write=True),
    lambda t: t.numpy().sort(),
    lambda t: t.numpy().view().fill(9),
    lambda t: np.asarray(t).__setitem__(0, 9.0),
    lambda t: np.array(t, copy=False).__setitem__(0, 9.0),
    lambda t: np.add(t.numpy(), 1, out=t.numpy()),
    lambda t: np.copyto(np.asarray(t), 9),
    lambda t: memoryview(t.numpy()).__setitem__(0, 9.0),
    lambda t: np.frombuffer(t.numpy(), np.float32).__setitem__(0, 9.0),
    lambda t: t.__setitem__(0, 9.0),
    lambda t: setattr(t, "shape", (2,)),
    lambda t: setattr(t, "anything", 1),
]


@pytest.mark.parametrize("write", WAYS_TO_WRITE)
def test_writing_is_refused(write):
    t = tf.constant([3.0, 1.0, 2.0])
    for seen in (t, tf.reshape(t, [3]), t[:], tf.broadcast_to(t, [3])):
        with pytest.raises((ValueError, TypeError, AttributeError)):
            write(seen)
    assert t.numpy().tolist() == [3, 1, 2]


def test_item_assignment_says_what_it_is():
    with pytest.raises(TypeError, match="does not support item assignment"):
        tf.constant([1.0])[0] = 2.0


def test_what_a_tensor_was_made_from_may_change():
    a = np.array([1.0, 2.0])
    made = [tf.constant(a), tf.convert_to_tensor(a), tf.identity(a), tf.reshape(a, [2]), tf.concat([a], 0)]
    made += [tf.experimental.dlpack.from_dlpack(a), tf.constant(memoryview(a)), tf.ensure_shape(a, [2])]
    a[0] = 50.0
    assert [t.numpy()[0] for t in made] == [1.0] * len(made)


# NumPy, DLPack, buffers


def test_numpy_takes_a_tensor_as_an_array():
    t = tf.constant([[1.0, 2.0]])
    assert np.asarray(t).dtype == np.float32 and np.array(t, dtype=np.int64).tolist() == [[1, 2]]
    assert np.zeros(tf.constant([2, 3])).shape == (2, 3) and np.arange(5)[tf.constant([0, 2])].tolist() == [
        0,
        2,
    ]
    assert np.asarray(tf.constant(1)).shape == () and isinstance(tf.constant(1).numpy(), np.int32)
    assert np.array([tf.constant(1), tf.constant(2)]).tolist() == [1, 2]
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.array(t, dtype=np.float64, copy=False)


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "int64", "uint8", "complex64", "bool"]
)
def test_dlpack_goes_both_ways_by_copy(dtype):
    dlpack = tf.experimental.dlpack
    t = tf.cast([[0, 1], [2, 3]], dtype)
    taken = np.from_dlpack(t)
    assert taken.tolist() == t.numpy().tolist()
    if taken.flags.writeable:
        taken[0, 0] = 1
    assert t.numpy()[0, 0] == 0
    again = dlpack.from_dlpack(dlpack.to_dlpack(t))
    assert again.dtype == t.dtype and again.numpy().tolist() == t.numpy().tolist()


def test_anything_with_an_array_protocol_becomes_a_tensor():
    class Array:
        def __array__(self, dtype=None, copy=None):
            return np.array([1.5, 2.5])

    class DLPack:
        def __dlpack__(self, **kwargs):
            return np.arange(2.0).__dlpack__(**kwargs)

        def __dlpack_device__(self):
            return 1, 0

    class Sequence:
        def __len__(self):
            return 2

        def __getitem__(self, i):
            return [1, 2][i]

    assert tf.constant(Array()).numpy().tolist() == [1.5, 2.5]
    assert tf.constant(DLPack()).numpy().tolist() == [0, 1]
    assert tf.constant(Sequence()).numpy().tolist() == [1, 2]
    assert tf.constant(array.array("i", [3, 4])).numpy().tolist() == [3, 4]


# IndexedSlices


def test_indexed_slices_stay_sparse_until_a_dense_tensor_is_asked_for():
    s = tf.IndexedSlices([[1.0], [2.0]], [0, 2], [4, 1])
    for same in (2 * s, s * tf.constant(2.0), tf.constant(2.0) * s, s / 0.5, -s - s * -3.0):
        assert isinstance(same, tf.IndexedSlices)
        assert tf.convert_to_tensor(same).numpy().ravel().tolist() == [2, 0, 4, 0]
    assert (s + s).values.shape == [4, 1] and tf.convert_to_tensor(s + s).numpy().ravel().tolist() == [
        2,
        0,
        4,
        0,
    ]
    assert (
        (tf.ones([4, 1]) + s).numpy().ravel().tolist()
        == [2, 1, 3, 1]
        == (s + np.ones((4, 1))).numpy().ravel().tolist()
    )
    assert (tf.ones([4, 1]) * s).numpy().ravel().tolist() == [1, 0, 2, 0]
    assert len(tf.nest.flatten(s)) == 1 and len(tf.nest.flatten(s, expand_composites=True)) == 3
    assert str(s).startswith(
        "IndexedSlices(indices=tf.Tensor([0 2], shape=(2,), dtype=int32), values=tf.Tensor("
    )
    with pytest.raises(ValueError, match="IndexedSlices without dense_shape"):
        tf.convert_to_tensor(tf.IndexedSlices([1.0], [0]))

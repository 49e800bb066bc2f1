"""Strings, as TensorFlow answers."""

import numpy as np
import pytest

import nbtape as tf

invalid = tf.errors.InvalidArgumentError


def test_strings_add_and_compare():
    s = tf.constant(["a", "b"])
    assert (s + "x").numpy().tolist() == [b"ax", b"bx"] and ("x" + s).numpy().tolist() == [b"xa", b"xb"]
    assert (tf.constant("a") + "b").numpy() == b"ab"
    assert (s == ["a", "c"]).numpy().tolist() == [True, False]


def test_join_takes_one_shape_and_scalars():
    assert tf.strings.join([["a", "b"], "c"]).numpy().tolist() == [b"ac", b"bc"]
    assert tf.strings.join([]).numpy() == b""
    with pytest.raises(invalid, match=r"Input shapes do not match: \[2\] vs. \[3\]"):
        tf.strings.join([["a", "b"], ["c", "d", "e"]])


@pytest.mark.parametrize("axis, joined", [(None, b"abcd"), ([1, 0], b"abcd"), ([0, 1], b"acbd")])
def test_reduce_join_follows_the_order_of_axes(axis, joined):
    assert tf.strings.reduce_join([["a", "b"], ["c", "d"]], axis=axis).numpy() == joined


def test_substr_counts_from_either_end_and_stays_inside():
    assert tf.strings.substr("hello", -3, 2).numpy() == b"ll"
    assert tf.strings.substr("héllo", 1, 2, unit="UTF8_CHAR").numpy() == "él".encode()
    with pytest.raises(invalid, match="pos 6 out of range for string b'hello' at index 0"):
        tf.strings.substr("hello", 6, 2)


def test_regex_replace_names_groups():
    assert tf.strings.regex_replace("ab12", r"(\w)(\d)", r"\2\1").numpy() == b"a1b2"
    assert tf.strings.regex_replace(["aXbX"], "X", "-", replace_global=False).numpy().tolist() == [b"a-bX"]
    with pytest.raises(invalid, match=r"Invalid pattern: \("):
        tf.strings.regex_replace("a", "(", "")


@pytest.mark.parametrize(
    "options, text",
    [
        ({}, b"3.141590"),
        ({"precision": 2}, b"3.14"),
        ({"scientific": True}, b"3.141590e+00"),
        ({"shortest": True}, b"3.14159"),
        ({"width": 8, "precision": 1}, b"     3.1"),
        ({"width": 8, "precision": 1, "fill": "0"}, b"000003.1"),
    ],
)
def test_as_string_has_forms(options, text):
    assert tf.strings.as_string(3.14159, **options).numpy() == text


def test_as_string_refuses_what_it_cannot_mean():
    with pytest.raises(invalid, match="precision not supported for datatype int32"):
        tf.strings.as_string(3, precision=2)


def test_to_number_reads_numbers_only():
    assert tf.strings.to_number([" 2 ", "-3e2", "inf"]).numpy().tolist() == [2, -300, np.inf]
    for text, dtype in (("x", tf.float32), ("1.5", tf.int32), ("9999999999", tf.int32), ("1_0", tf.float32)):
        with pytest.raises(invalid, match="could not correctly convert string"):
            tf.strings.to_number(text, dtype)


@pytest.mark.parametrize(
    "x, text",
    [
        (np.arange(10), "[0 1 2 ... 7 8 9]"),
        (np.array([[1.0, 2.5], [3.0, 4.0]], np.float32), "[[1 2.5]\n [3 4]]"),
        (np.arange(8).reshape(2, 2, 2), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]"),
        (np.float32([1 / 3, 1e-7, -0.0]), "[0.333333343 1e-07 -0]"),
        (np.float64(1 / 3), "0.33333333333333331"),
        (np.array(["a", 'b"'], object), '["a" "b\\""]'),
    ],
)
def test_format_shows_tensors_as_print_does(x, text):
    assert tf.strings.format("{}", tf.constant(x)).numpy().decode() == text

"""Samples of the rows that stand in graphs: constants, variables, branches, loops, effects."""

import numpy as np

import nbtape as tf
from nbtape.core.shape import Spec
from nbtape.graph.rows import Literal
from nbtape.graph.trace import Region, fill

from . import case, real

DOUBLE = np.dtype(np.float64)


def region(function, *shapes, dtype=DOUBLE):
    """A function of float64 tensors of these shapes as a region."""
    return fill(Region("sample"), function, [Spec(shape, dtype) for shape in shapes])


def quiet(text):
    """Where the samples print to."""


BRANCHES = {
    "true": region(lambda x, w: [x * w], (2,), (2,)),
    "false": region(lambda x, w: [tf.sin(x)], (2,), (2,)),
}
BODY = region(lambda x, w: [x * w + tf.sin(x)], (2,), (2,))
TEST = region(lambda x, w: [tf.reduce_sum(x) < 3.0], (2,), (2,))
STREAM = region(lambda a, x: [a * x, a + x * x], (2,), (2,))
RULE = region(lambda g, x: [2.0 * g * x], (2,), (2,))
VARIABLE = tf.Variable([1.0, 2.0]).ref()

# Rows of sessions, which say which variables have values.
ELSEWHERE = {"is_initialized": "test_session.py", "initialized_value": "test_session.py"}
# Rows that write files for TensorBoard.
ELSEWHERE |= {name: "test_summary.py" for name in ("write_summary", "summary", "merge_summary")}
SAMPLES = {
    "placeholder_with_default": case(real(2), shape=(2,), order=1),
    "const": [case(value=Literal(np.float32(2))), case(value=Literal(np.arange(3)))],
    "read_variable": case(variable=VARIABLE, order=0),
    "assign_variable": case(np.float32([3, 4]), variable=VARIABLE, order=0),
    "scatter_variable": case(np.int64([1, 1]), np.float32([3, 4]), variable=VARIABLE, kind="add", order=0),
    "spoil_variable": case(np.float32(2), variable=VARIABLE, order=0),
    "reassigned": case(real(2), real(2, seed=1), order=0),
    "linked": case(real(2), np.int32(1), order=1),
    "cond": [
        case(np.bool_(True), real(2), real(2, seed=1), **BRANCHES),
        case(np.bool_(False), real(2), real(2, seed=1), **BRANCHES),
    ],
    "while_": [
        case(
            real(2, lo=0.3),
            real(2, seed=1, lo=1.0, hi=1.5),
            cond=TEST,
            body=BODY,
            carries=1,
            scanned=0,
            reverse=False,
            saved=True,
        ),
        case(
            real(2, lo=0.3),
            real(2, seed=1, lo=1.0, hi=1.5),
            cond=TEST,
            body=BODY,
            carries=1,
            scanned=0,
            reverse=False,
            saved=False,
        ),
        case(
            real(2),
            real(3, 2, seed=1),
            cond=None,
            body=STREAM,
            carries=1,
            scanned=1,
            reverse=False,
            saved=False,
        ),
        case(
            real(2),
            real(3, 2, seed=1),
            cond=None,
            body=STREAM,
            carries=1,
            scanned=1,
            reverse=True,
            saved=True,
        ),
        case(
            real(2),
            np.zeros((0, 2)),
            cond=None,
            body=STREAM,
            carries=1,
            scanned=1,
            reverse=False,
            saved=False,
        ),
    ],
    "custom_call": case(real(2), real(2, seed=1), real(2, seed=2), grad=RULE, n=1, present=(0,), order=0),
    "print_": case(np.float32(1), text="x is \0\n", stream=quiet, summarize=3, order=0),
    "assert_true": case(np.bool_(True), np.float32(1), shown="", summarize=3, order=0),
    "no_op": case(order=0),
    "py_function": case(real(2), func=lambda x: x * x, specs=(Spec((2,), DOUBLE),), as_arrays=False, order=1),
}

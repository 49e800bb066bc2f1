"""Convolutions and pools as kernels give what their rows give."""

import numpy as np
import pytest

import nbtape as tf
from nbtape.compile.planning import (
    convolution,
    pooling,
    tiles,
)
from nbtape.compile.planning.plan import Call, Launch, plan_of
from nbtape.compile.planning.windows import windows_of
from nbtape.compile.running.host import Host
from nbtape.core.engine import o
from nbtape.core.shape import Spec
from nbtape.graph.passes import optimise
from nbtape.graph.program import Program, Step, Value, program_of

# batch, image, kernel, channels in, out, groups, strides, padding, dilations
CONVOLUTIONS = [
    (3, (14, 14), (3, 3), 16, 32, 1, (1, 1), "SAME", (1, 1)),
    (3, (6, 8), (3, 3), 1, 16, 1, (1, 1), "SAME", (1, 1)),
    (2, (7, 6), (3, 2), 5, 10, 1, (2, 1), "SAME", (1, 1)),
    (2, (9, 7), (3, 3), 5, 20, 1, (2, 2), "VALID", (2, 1)),
    (2, (5, 6), (1, 1), 5, 20, 1, (1, 1), "VALID", (1, 1)),
    (2, (7, 6), (1, 1), 5, 20, 1, (3, 2), "VALID", (1, 1)),
    (2, (7, 6), (3, 3), 8, 24, 4, (1, 1), ((2, 1), (0, 3)), (1, 2)),
    (2, (13,), (4,), 8, 24, 2, (3,), "SAME", (1,)),
    (2, (12,), (3,), 4, 5, 1, (4,), "SAME", (6,)),
    (2, (5, 6, 7), (3, 2, 3), 3, 6, 1, (1, 2, 1), "SAME", (1, 1, 1)),
    (2, (4, 5), (3, 3), 128, 128, 2, (1, 1), "SAME", (1, 1)),
    (2, (3, 2), (3, 3), 3, 100, 1, (1, 1), ((4, 3), (3, 4)), (1, 1)),
    (1, (1, 1), (1, 1), 1, 1, 1, (1, 1), "SAME", (1, 1)),
    (64, (14, 15), (3, 3), 16, 48, 1, (1, 1), "SAME", (1, 1)),
]
# image, channels, window, strides, padding
POOLS = [
    ((14, 14), 16, (2, 2), (2, 2), "VALID"),
    ((15, 13), 5, (2, 2), (2, 2), "VALID"),
    ((15, 13), 5, (2, 2), (2, 2), "SAME"),
    ((9,), 32, (3,), (2,), "SAME"),
    ((5, 6, 7), 3, (3, 2, 1), (1, 2, 1), "SAME"),
    ((15, 13), 5, (3, 3), (1, 1), ((1, 2), (0, 1))),
]


def program(steps, outputs):
    """The program of these steps, whose inputs are what no step gives."""
    made = {y for step in steps for y in step.outputs}
    inputs = dict.fromkeys(x for step in steps for x in step.inputs if x not in made and x.constant is None)
    return Program(list(inputs), list(outputs), list(steps))


def stepped(op, *xs, **attrs):
    """A step, and its outputs."""
    found = op.infer(*[x.spec for x in xs], **attrs)
    return Step(op, xs, attrs, tuple([Value(spec) for spec in (found if op.many else (found,))]))


def value(array):
    return Value(Spec(array.shape, array.dtype))


def run(program, *arrays):
    """What the kernels of a program give; no step of it may run as its row does."""
    plan = plan_of(program)
    assert not any(isinstance(action, Call) for action in plan.actions)
    host = Host(plan, bare=True)
    return host.run(list(arrays))


def given(op, *arrays, **attrs):
    step = stepped(op, *map(value, arrays), **attrs)
    return run(program([step], step.outputs), *arrays)


def close(got, wanted):
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    scale = np.abs(wanted).max() or 1
    np.testing.assert_allclose(got / scale, wanted / scale, atol=3e-5 if got.dtype == np.float32 else 1e-13)


def images(rng, dtype, batch, inner, size, channels, depth, groups, *attrs):
    """An image, a kernel, what their convolution is and a gradient of it, and the attributes."""
    x = rng.standard_normal((batch, *inner, channels)).astype(dtype)
    k = rng.standard_normal((*size, channels // groups, depth)).astype(dtype)
    told = dict(zip(("strides", "padding", "dilations"), attrs))
    y = o.conv.eager(x, k, **told)
    return x, k, y, rng.standard_normal(y.shape).astype(dtype), told


@pytest.mark.parametrize(
    "case, dtype",
    [*[(case, np.float32) for case in CONVOLUTIONS], *[(c, np.float64) for c in CONVOLUTIONS[2:4]]],
)
def test_convolutions_and_their_gradients_agree_with_their_rows(case, dtype):
    x, k, y, g, attrs = images(np.random.default_rng(0), dtype, *case)
    close(given(o.conv, x, k, **attrs)[0], y)
    inner = x.shape[1:]
    wanted = o.conv_input_grad.eager(g, k, shape=inner, **attrs)
    close(given(o.conv_input_grad, g, k, shape=inner, **attrs)[0], wanted)
    wanted = o.conv_kernel_grad.eager(x, g, shape=k.shape, **attrs)
    close(given(o.conv_kernel_grad, x, g, shape=k.shape, **attrs)[0], wanted)


@pytest.mark.parametrize("strange", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_survives_a_convolution(strange):
    x, k, _, _, attrs = images(np.random.default_rng(1), np.float32, *CONVOLUTIONS[0])
    x[1, 5, 6, 3] = strange
    got, wanted = given(o.conv, x, k, **attrs)[0], o.conv.eager(x, k, **attrs)
    assert not np.isfinite(wanted).all()
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    np.testing.assert_array_equal(got == np.inf, wanted == np.inf)


def test_a_new_batch_size_needs_no_new_kernel():
    texts = []
    for batch in (3, 5):
        x, k, _, g, attrs = images(np.random.default_rng(0), np.float32, batch, *CONVOLUTIONS[0][1:])
        steps = [
            stepped(o.conv, value(x), value(k), **attrs),
            stepped(o.conv_input_grad, value(g), value(k), shape=x.shape[1:], **attrs),
            stepped(o.conv_kernel_grad, value(x), value(g), shape=k.shape, **attrs),
        ]
        plan = plan_of(program(steps, [y for step in steps for y in step.outputs]))
        texts.append({action.kernel.text for action in plan.actions})
    assert texts[0] == texts[1]


@pytest.mark.parametrize("width", [16, 32])
def test_tiles_fit_smaller_registers(width, monkeypatch):
    monkeypatch.setattr(tiles, "vector_bytes", lambda: width)
    x, k, y, g, attrs = images(np.random.default_rng(0), np.float32, *CONVOLUTIONS[2])
    close(given(o.conv, x, k, **attrs)[0], y)
    wanted = o.conv_kernel_grad.eager(x, g, shape=k.shape, **attrs)
    close(given(o.conv_kernel_grad, x, g, shape=k.shape, **attrs)[0], wanted)


def test_long_convolutions_run_in_parts():
    x, k, _, g, attrs = images(np.random.default_rng(0), np.float32, *CONVOLUTIONS[-1])
    step = stepped(o.conv_kernel_grad, value(x), value(g), shape=k.shape, **attrs)
    plan = plan_of(program([step], step.outputs))
    assert any(isinstance(action, Launch) and len(action.parts) > 1 for action in plan.actions)


def test_halves_and_integers_stay_with_their_rows():
    for dtype in (np.float16, np.int32):
        x, k = np.ones((1, 4, 4, 1), dtype), np.ones((2, 2, 1, 1), dtype)
        step = stepped(o.conv, value(x), value(k), strides=(1, 1), padding="VALID", dilations=(1, 1))
        assert not convolution.is_native(step)


@pytest.mark.parametrize(
    "inner, channels, ksize, strides, padding, dtype",
    [*[(*pool, np.float32) for pool in POOLS], *[(*POOLS[2], t) for t in (np.float64, np.int32, np.uint8)]],
)
def test_maxima_and_their_gradients_agree_with_their_rows(inner, channels, ksize, strides, padding, dtype):
    rng = np.random.default_rng(2)
    x = rng.integers(0, 9, (3, *inner, channels)).astype(dtype)
    if x.dtype.kind == "f":
        x[rng.random(x.shape) < 0.2] = np.nan
        x[rng.random(x.shape) < 0.2] = -np.inf
    attrs = {"ksize": ksize, "strides": strides, "padding": padding}
    y, index = o.max_pool.eager(x, **attrs)
    got = given(o.max_pool, x, **attrs)
    np.testing.assert_array_equal(got[0], y)
    np.testing.assert_array_equal(got[1], index)
    g = rng.standard_normal(y.shape).astype(np.float32)
    wanted = o.unpool.eager(g, index, shape=x.shape[1:])
    close(given(o.unpool, g, index, shape=x.shape[1:])[0], wanted)
    pool = stepped(o.max_pool, value(x), **attrs)
    back = stepped(o.unpool, value(g), pool.outputs[1], shape=x.shape[1:])
    close(run(program([pool, back], back.outputs), x, g)[0], wanted)


@pytest.mark.parametrize(
    "inner, channels, ksize, strides, padding, dtype",
    [*[(*pool, np.float32) for pool in POOLS], (*POOLS[2], np.float64)],
)
def test_averages_and_their_gradients_agree_with_their_rows(inner, channels, ksize, strides, padding, dtype):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((3, *inner, channels)).astype(dtype)
    attrs = {"ksize": ksize, "strides": strides, "padding": padding}
    y = o.avg_pool.eager(x, **attrs)
    close(given(o.avg_pool, x, **attrs)[0], y)
    g = rng.standard_normal(y.shape).astype(dtype)
    wanted = o.avg_pool_grad.eager(g, shape=x.shape[1:], **attrs)
    close(given(o.avg_pool_grad, g, shape=x.shape[1:], **attrs)[0], wanted)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("case", [CONVOLUTIONS[0], CONVOLUTIONS[6]])
def test_a_convolution_adds_a_bias_and_rectifies(case, relu):
    x, k, y, _, attrs = images(np.random.default_rng(3), np.float32, *case)
    bias = np.linspace(-9, 9, y.shape[-1], dtype=np.float32)
    bias[0] = np.nan
    got = given(o.conv_add, x, k, bias, relu=relu, **attrs)[0]
    wanted = np.maximum(y + bias, 0) if relu else y + bias
    assert np.isnan(got[..., 0]).all()
    close(got[..., 1:], wanted[..., 1:])


def net(x, k, b, w, add=tf.add):
    y = tf.nn.relu(add(tf.nn.conv2d(x, k, 1, "SAME"), b))
    return tf.reduce_sum(tf.nn.max_pool2d(y, 2, 2, "VALID") * w)


@pytest.mark.parametrize("add", [tf.add, tf.nn.bias_add])
def test_a_net_is_one_convolution_forward_and_its_gradients_pass_no_relu_of_that_size(add):
    specs = [tf.TensorSpec(shape) for shape in ((2, 6, 6, 1), (3, 3, 1, 4), (4,), (2, 3, 3, 4))]

    def step(x, k, b, w):
        with tf.GradientTape() as tape:
            tape.watch([k, b])
            y = net(x, k, b, w, add)
        return y, *tape.gradient(y, [k, b])

    traced = tf.function(step).get_concrete_function(*specs)
    whole = optimise(program_of(traced.graph), checked=True)
    names = [step.op.name for step in whole.steps]
    assert "conv_add" in names and "conv" not in names and "relu" not in names
    gates = [step for step in whole.steps if step.op is o.relu_grad]
    assert [gate.outputs[0].shape for gate in gates] == [(2, 3, 3, 4)]
    rng = np.random.default_rng(4)
    arrays = [rng.standard_normal(spec.shape).astype(np.float32) for spec in specs]
    for got, wanted in zip(run(whole, *arrays), step(*map(tf.constant, arrays)), strict=True):
        close(np.asarray(got), wanted.numpy())


def test_a_result_that_others_read_stays_apart_from_what_is_added_to_it():
    def step(x, k, b):
        y = tf.nn.conv2d(x, k, 1, "SAME")
        return y, tf.nn.relu(y + b)

    specs = [tf.TensorSpec(shape) for shape in ((2, 6, 6, 1), (3, 3, 1, 4), (4,))]
    whole = optimise(program_of(tf.function(step).get_concrete_function(*specs).graph), checked=True)
    assert [step.op.name for step in whole.steps] == ["conv", "add", "relu"]


def test_a_window_that_is_all_padding_stays_with_its_row():
    step = stepped(o.max_pool, value(np.ones((1, 3, 1))), ksize=(2,), strides=(4,), padding=((0, 3),))
    assert not pooling.is_native(step)


def test_windows_of_one_and_two_dims_are_lifted_to_three():
    windows = windows_of({"strides": (2,), "padding": "SAME"}, (5,), (3,), (3,))
    assert (windows.size, windows.stride, windows.low) == ((1, 1, 3), (1, 1, 2), (0, 0, 1))
    assert windows.reach == (1, 1, 7)

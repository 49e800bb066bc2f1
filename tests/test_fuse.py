"""What runs together as one kernel, seen in `fn.plan`."""

import pytest

import nbtape as tf


def units(f, *shapes):
    """What the units of a function's plan are called."""
    specs = [tf.TensorSpec(shape) for shape in shapes]
    return [unit.what for unit in tf.function(f).get_concrete_function(*specs).plan.units]


@pytest.mark.parametrize(
    "f, shapes",
    [
        (lambda x, y: tf.sigmoid(x) * tf.tanh(y), ([4, 3], [4, 3])),
        (lambda x, y: tf.sigmoid(x[:, :3]) * tf.tanh(x[:, 3:]) + y, ([4, 6], [3])),
        (lambda x, y: tf.nn.softmax(x + y), ([4, 3], [3])),
        (lambda x, y: (tf.reduce_sum(x * y, 0), tf.reduce_sum(x * y, 1), x - y), ([4, 3], [4, 3])),
        (lambda x, y: (x - tf.reduce_mean(x, 1, keepdims=True)) * y, ([4, 3], [3])),
    ],
)
def test_one_kernel(f, shapes):
    assert len(units(f, *shapes)) == 1


def test_what_needs_a_whole_sum_comes_after_it():
    assert len(units(lambda x: x / tf.reduce_sum(x), [4, 3])) == 2


def test_groups_with_a_product_between_them_stay_apart():
    found = units(lambda x: tf.tanh(tf.tanh(x) @ x) + tf.tanh(x), [4, 4])
    kernels = [what for what in found if "tanh" in what]
    assert len(kernels) == 2
    assert kernels[0].startswith("tanh")


def test_sizes_are_no_part_of_a_text():
    f = tf.function(lambda x: tf.nn.softmax(tf.tanh(x) * 3.0))
    sources = [f.get_concrete_function(tf.TensorSpec(shape)).source for shape in ([4, 3], [128, 10])]
    kernels = [source[source.index("# kernel 1") :] for source in sources]
    assert kernels[0] == kernels[1]


@pytest.mark.usefixtures("compiled")
def test_what_a_later_stage_reads_first_is_there_for_an_earlier_one():
    def f(x, y):
        sums = tf.reduce_sum(x * x, 1)
        return y * sums + (1 - y) * sums  # 1 - y needs no sum

    x, y = tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([0.5, 2.0])
    assert tf.function(f)(x, y).numpy().tolist() == f(x, y).numpy().tolist()

"""tf.data.Dataset: sources, transformations, order, cardinality, iteration, errors."""

import numpy as np
import pytest

import nbtape as tf

Dataset = tf.data.Dataset
INTS = tf.TensorSpec([None], tf.int32)


def listed(dataset):
    return [tf.nest.map_structure(plain, element) for element in dataset]


def plain(x):
    value = x.numpy()
    return value if isinstance(value, bytes) else value.tolist()


def ragged():
    return Dataset.from_generator(lambda: iter([[1], [1, 2], []]), output_signature=INTS)


CASES = [
    (lambda: Dataset.range(2, 8, 3), [2, 5]),
    (lambda: Dataset.from_tensors([1, 2]), [[1, 2]]),
    (lambda: Dataset.from_tensor_slices(([1, 2], ["a", "b"])), [(1, b"a"), (2, b"b")]),
    (lambda: Dataset.from_tensor_slices({"x": [1, 2]}), [{"x": 1}, {"x": 2}]),
    (lambda: Dataset.zip((Dataset.range(2), Dataset.range(5, 9))), [(0, 5), (1, 6)]),
    (lambda: Dataset.range(3).map(lambda x: (x, x * x)), [(0, 0), (1, 1), (2, 4)]),
    (lambda: Dataset.from_tensor_slices(([1], [2])).map(lambda x, y: x + y), [3]),
    (lambda: Dataset.range(6).filter(lambda x: tf.equal(x % 2, 0)), [0, 2, 4]),
    (lambda: Dataset.range(9).take_while(lambda x: x < 3), [0, 1, 2]),
    (lambda: Dataset.range(5).batch(2), [[0, 1], [2, 3], [4]]),
    (lambda: Dataset.range(5).batch(2, drop_remainder=True), [[0, 1], [2, 3]]),
    (lambda: Dataset.range(4).batch(2).unbatch(), [0, 1, 2, 3]),
    (lambda: Dataset.range(5).batch(2).rebatch(3), [[0, 1, 2], [3, 4]]),
    (lambda: ragged().padded_batch(2, padding_values=9), [[[1, 9], [1, 2]], [[]]]),
    (lambda: Dataset.range(3).repeat(2).skip(2).take(3), [2, 0, 1]),
    (lambda: Dataset.range(7).shard(3, 1), [1, 4]),
    (lambda: Dataset.range(2).concatenate(Dataset.range(5, 6)), [0, 1, 5]),
    (lambda: Dataset.range(2).enumerate(5), [(5, 0), (6, 1)]),
    (lambda: Dataset.range(3).flat_map(lambda x: Dataset.range(x)), [0, 0, 1]),
    (
        lambda: Dataset.range(1, 4).interleave(lambda x: Dataset.from_tensors(x).repeat(4), 2, 2),
        [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 3, 3],
    ),
    (lambda: Dataset.range(5).window(3, 2).flat_map(lambda w: w.batch(3)), [[0, 1, 2], [2, 3, 4], [4]]),
    (lambda: Dataset.range(4).scan(np.int64(0), lambda s, x: (s + x, s + x)), [0, 1, 3, 6]),
    (lambda: Dataset.from_tensor_slices([1, 1, 2, 1]).unique(), [1, 2]),
    (
        lambda: Dataset.range(6).group_by_window(lambda x: x % 2, lambda k, d: d.batch(3), 3),
        [[0, 2, 4], [1, 3, 5]],
    ),
    (lambda: Dataset.counter(2, 3).take(2), [2, 5]),
    (lambda: Dataset.range(3).cache().prefetch(1), [0, 1, 2]),
    (lambda: Dataset.range(2).apply(lambda d: d.map(lambda x: x + 1)), [1, 2]),
    (
        lambda: Dataset.choose_from_datasets(
            [Dataset.range(3), Dataset.range(9, 12)], Dataset.range(2).repeat(2)
        ),
        [0, 9, 1, 10],
    ),
]
BY_CASE = pytest.mark.parametrize("make, elements", CASES)


@BY_CASE
def test_elements(make, elements):
    dataset = make()
    assert listed(dataset) == elements == listed(dataset)


@BY_CASE
def test_an_iterator_goes_on_from_a_state(make, elements):
    for n in range(len(elements) + 1):
        there, here = iter(make()), iter(make())
        for _ in range(n):
            next(there)
        here._restore_state(there._gather_state())
        assert listed(here) == elements[n:] == listed(there)


def test_specs_are_known_before_the_elements():
    pairs = Dataset.from_tensor_slices((np.zeros([4, 2], np.float32), np.zeros(4, np.int32)))
    assert pairs.element_spec == (tf.TensorSpec([2], tf.float32), tf.TensorSpec([], tf.int32))
    assert pairs.batch(3).element_spec[0].shape.as_list() == [None, 2]
    assert pairs.batch(3, True).element_spec[0].shape.as_list() == [3, 2]
    assert pairs.map(lambda x, y: {"s": tf.reduce_sum(x)}).element_spec == {
        "s": tf.TensorSpec([], tf.float32)
    }
    assert (
        repr(Dataset.range(1))
        == "<_RangeDataset element_spec=TensorSpec(shape=(), dtype=tf.int64, name=None)>"
    )


@pytest.mark.parametrize(
    "dataset, count",
    [
        (Dataset.range(7).batch(3), 3),
        (Dataset.range(7).batch(3, True), 2),
        (Dataset.range(3).repeat(), tf.data.INFINITE_CARDINALITY),
        (Dataset.range(3).filter(lambda x: x > 1), tf.data.UNKNOWN_CARDINALITY),
        (Dataset.range(3).repeat().take(5), 5),
        (Dataset.zip((Dataset.range(3), Dataset.range(2).repeat())), 3),
        (Dataset.range(7).window(3, 1, 2, True), 3),
        (Dataset.range(0).repeat(), 0),
    ],
)
def test_cardinality(dataset, count):
    assert int(dataset.cardinality()) == count
    if count >= 0:
        assert len(dataset) == count
    else:
        with pytest.raises(TypeError, match="infinite" if count == -1 else "unknown"):
            len(dataset)


def test_functions_are_traced_once():
    traces = []
    dataset = Dataset.range(5).map(lambda x: traces.append(1) or x + 1)
    assert listed(dataset) == [1, 2, 3, 4, 5] and len(traces) == 1


def test_shuffle_reaches_as_far_as_its_buffer():
    found = listed(Dataset.range(200).shuffle(10))
    assert sorted(found) == list(range(200)) != found
    assert all(x - i <= 9 for i, x in enumerate(found))


def test_shuffle_is_new_in_each_iteration_unless_told():
    new, same = Dataset.range(50).shuffle(50), Dataset.range(50).shuffle(50, reshuffle_each_iteration=False)
    assert listed(new) != listed(new) and listed(same) == listed(same)


def test_shuffle_follows_its_seeds():
    def order(common, seed):
        tf.random.set_seed(common)
        return listed(Dataset.range(50).shuffle(50, seed=seed))

    assert order(1, 2) == order(1, 2) != order(1, 3) != order(2, 3)
    assert order(1, None) == order(1, None) != order(2, None)


def test_random_map_functions_draw_for_each_element():
    assert len(set(listed(Dataset.range(20).map(lambda x: tf.random.uniform([]))))) > 15


def test_reduce_carries_structures_and_growing_states():
    d = Dataset.range(4)
    count, total = d.reduce((0, np.int64(0)), lambda s, x: (s[0] + 1, s[1] + x))
    assert (int(count), int(total)) == (4, 6)
    grown = d.reduce(tf.zeros([0], tf.int64), lambda s, x: tf.concat([s, [x]], 0))
    assert grown.numpy().tolist() == [0, 1, 2, 3]


def test_cache_computes_once_and_may_live_in_a_file(tmp_path):
    calls = []

    def numbers():
        calls.append(1)
        yield from ["a\0", "bc"]

    spec = tf.TensorSpec([], tf.string)
    cached = Dataset.from_generator(numbers, output_signature=spec).cache(tmp_path / "kept")
    assert listed(cached) == listed(cached) == [b"a\0", b"bc"] and len(calls) == 1
    other = Dataset.from_generator(numbers, output_signature=spec).cache(str(tmp_path / "kept"))
    assert listed(other) == [b"a\0", b"bc"] and len(calls) == 1


def test_errors_in_one_element_can_be_passed_over():
    d = Dataset.range(3).map(lambda x: tf.debugging.check_numerics(1.0 / tf.cast(x, tf.float32), "bad"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="bad : Tensor had Inf"):
        list(d)
    assert listed(d.ignore_errors()) == [1.0, 0.5]


def test_iterators_give_one_after_another():
    it = iter(Dataset.range(1))
    assert int(it.get_next()) == 0 and not it.get_next_as_optional().has_value()
    with pytest.raises(tf.errors.OutOfRangeError, match="End of sequence"):
        it.get_next()
    assert [type(x) for x in Dataset.from_tensor_slices([[1, 2]]).as_numpy_iterator()] == [np.ndarray]
    assert int(Dataset.range(1).get_single_element()) == 0


def test_tapes_do_not_record_what_datasets_do():
    v = tf.Variable(2.0)
    dataset = Dataset.from_tensor_slices([1.0, 2.0]).map(lambda x: x * v)
    with tf.GradientTape() as tape:
        total = tf.add_n(list(dataset)) * v
    assert float(tape.gradient(total, v)) == 6.0


def bad(values, **options):
    return list(Dataset.from_generator(lambda: iter(values), **options))


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: Dataset.from_tensor_slices(5), ValueError, "only supported for rank >= 1"),
        (
            lambda: Dataset.from_tensor_slices(([1, 2], [1])),
            ValueError,
            "Dimensions 2 and 1 are not compatible",
        ),
        (lambda: Dataset.range(), ValueError, "between 1 and 3 but was 0"),
        (
            lambda: Dataset.range(3).batch(0),
            tf.errors.InvalidArgumentError,
            "Batch size must be greater than zero",
        ),
        (lambda: Dataset.range(3).shuffle(0), tf.errors.InvalidArgumentError, "buffer_size must be greater"),
        (
            lambda: Dataset.range(3).shard(2, 2),
            tf.errors.InvalidArgumentError,
            "Index must be between 0 and 1",
        ),
        (lambda: Dataset.range(3).map(lambda a, b: a), TypeError, "missing 1 required positional argument"),
        (lambda: Dataset.range(3).map(3), ValueError, "must be a callable"),
        (lambda: Dataset.range(3).map(lambda a: object()), TypeError, "Unsupported return value"),
        (lambda: Dataset.range(3).filter(lambda a: a), ValueError, "must return a `tf.bool` scalar tensor"),
        (lambda: Dataset.range(3).flat_map(lambda a: a), TypeError, "must return a `Dataset`"),
        (lambda: Dataset.zip((Dataset.range(3), 5)), TypeError, "encountered object of type <class 'int'>"),
        (
            lambda: Dataset.range(2).concatenate(Dataset.from_tensors(1.0)),
            TypeError,
            "Incompatible dataset elements",
        ),
        (lambda: list(ragged().batch(2)), tf.errors.InvalidArgumentError, "different shapes in component 0"),
        (lambda: list(ragged().padded_batch(2, [1])), tf.errors.DataLossError, "pad to a smaller size"),
        (lambda: Dataset.from_tensors(1).unbatch(), ValueError, "scalar components"),
        (lambda: Dataset.from_generator([1]), TypeError, "must be a Python callable"),
        (lambda: bad(["a"], output_types=tf.int32), tf.errors.InvalidArgumentError, "could not be converted"),
        (
            lambda: bad([[1]], output_signature=tf.TensorSpec([2])),
            tf.errors.InvalidArgumentError,
            "of shape .1,.",
        ),
        (
            lambda: bad([1], output_types=(tf.int32, tf.int32)),
            tf.errors.InvalidArgumentError,
            "expected structure",
        ),
        (lambda: Dataset.range(2).reduce(0.0, lambda s, x: x), TypeError, "must match the initial state"),
        (
            lambda: Dataset.range(2).get_single_element(),
            tf.errors.InvalidArgumentError,
            "more than one element",
        ),
        (lambda: tf.function(lambda: list(Dataset.range(2)))(), RuntimeError, "Python-style iteration"),
    ],
)
def test_misuse_is_explained(call, error, text):
    with pytest.raises(error, match=text):
        call()

"""tf.data.Dataset: sources, transformations, order, cardinality, iteration, errors."""

import gc
import itertools
import threading
import time

import numpy as np
import pytest

import nbtape as tf
import nbtape.compat.v1 as v1

Dataset = tf.data.Dataset
INTS = tf.TensorSpec([None], tf.int32)


def listed(dataset):
    return [tf.nest.map_structure(plain, element) for element in dataset]


def plain(x):
    value = x.numpy()
    return value if isinstance(value, bytes) else value.tolist()


def ragged():
    return Dataset.from_generator(lambda: iter([[1], [1, 2], []]), output_signature=INTS)


def odd_or_twice(x):
    if x % 2 == 1:
        n = 1
    else:
        n = 2
    return Dataset.from_tensors(x).repeat(n)


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


@pytest.mark.parametrize("function", [lambda d: d, lambda d: d.batch(2).unbatch(), lambda d: d.prefetch(1)])
def test_a_function_is_traced_once_for_datasets_of_one_structure(function):
    traces = []

    @tf.function
    def total(dataset):
        traces.append(1)
        result = np.int64(0)
        for x in function(dataset):
            result += x
        return result

    assert [int(total(Dataset.range(n))) for n in (3, 5, 1)] == [3, 10, 0] and len(traces) == 1


def test_a_function_takes_the_next_element_whenever_it_runs():
    traces = []

    @tf.function
    def twice(iterator):
        traces.append(1)
        return next(iterator) * 2

    first, second = iter(Dataset.range(2)), iter(Dataset.range(5, 9))
    assert [int(twice(it)) for it in (first, second, first, second)] == [0, 10, 2, 12] and len(traces) == 1
    with pytest.raises(tf.errors.OutOfRangeError, match="End of sequence"):
        twice(first)


def over(dataset):
    total = np.int64(0)
    for x in dataset:
        total += x
    return total


def windows(dataset):
    total = np.int64(0)
    for window in dataset.window(2):
        for x in window:
            total = total * 2 + x
    return total


def optional(dataset):
    iterator = iter(dataset)
    found = iterator.get_next_as_optional()
    return found.get_value() + next(iterator) if found.has_value() else np.int64(-1)


@pytest.mark.parametrize(
    "function, result",
    [
        (lambda d, n: over(d.map(lambda x: x * n)), 30),
        (lambda d, n: over(d.filter(lambda x: x > n)), 4),
        (lambda d, n: over(d.take_while(lambda x: x < n)), 3),
        (lambda d, n: over(d.scan(n, lambda s, x: (s + x, s))), 3 + 3 + 4 + 6 + 9),
        (lambda d, n: over(d.take(n)), 3),
        (lambda d, n: over(d.skip(n)), 7),
        (lambda d, n: over(d.repeat(n)), 30),
        (lambda d, n: over(d.shuffle(n)), 10),
        (lambda d, n: over(d.batch(n).map(lambda b: tf.reduce_max(b))), 6),
        (lambda d, n: over(d.padded_batch(n).map(lambda b: b[-1])), 6),
        (lambda d, n: over(d.enumerate(n).map(lambda i, x: i)), 3 + 4 + 5 + 6 + 7),
        (lambda d, n: d.reduce(n, lambda s, x: s + n * x), 33),
        (lambda d, n: over(d.flat_map(lambda x: Dataset.range(n))), 15),
        (lambda d, n: over(d.interleave(lambda x: Dataset.from_tensors(x * n).repeat(x), 2)), 90),
        (lambda d, n: over(Dataset.range(n)), 3),
        (lambda d, n: over(Dataset.from_tensor_slices([n, n + 1])), 7),
        (lambda d, n: over(Dataset.from_tensors(n).concatenate(d)), 13),
        (lambda d, n: over(Dataset.zip((d, Dataset.range(n))).map(lambda x, y: x * y)), 5),
        (lambda d, n: windows(d), 26),
        (lambda d, n: optional(d), 1),
        (lambda d, n: d.cardinality(), 5),
        (lambda d, n: d.skip(4).get_single_element(), 4),
    ],
)
def test_functions_make_datasets_of_their_arguments(function, result):
    compiled = tf.function(function)
    for _ in range(2):
        assert int(compiled(Dataset.range(5), tf.constant(3, tf.int64))) == result


def test_functions_return_datasets():
    made = tf.function(lambda d, n: (d.map(lambda x: x + n), Dataset.range(n)))
    changed, new = made(Dataset.range(2), tf.constant(3, tf.int64))
    assert listed(changed) == listed(changed) == [3, 4] and listed(new) == [0, 1, 2]


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


def test_shuffling_numbers_is_shuffling():
    """One million steps of a buffer of three, against the distribution of where an element may come."""
    found = np.array(listed(Dataset.range(100_000).shuffle(3, seed=1).batch(1000))).ravel()
    early = np.bincount((found - np.arange(100_000) + 100)[10:-10], minlength=103)[[102, 101, 100]] / 100_000
    np.testing.assert_allclose(early, [1 / 3, 2 / 9, 4 / 27], atol=0.01)


@pytest.mark.parametrize("size", [1, 7, 1000, 5000])
def test_rows_and_numbers_are_shuffled_alike(size):
    numbers = Dataset.range(3000)
    for dataset in (numbers, numbers.prefetch(1)):
        found = listed(dataset.shuffle(size, seed=1).batch(100).unbatch())
        assert sorted(found) == list(range(3000)) and all(x - i < size for i, x in enumerate(found))


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


@pytest.mark.parametrize(
    "make",
    [
        lambda d: d.map(lambda x: (x, tf.strings.as_string(x))),
        lambda d: d.map(lambda x: tf.range(x)),
        lambda d: d.shuffle(9, seed=1),
        lambda d: d.window(2).map(lambda w: w.reduce(np.int64(0), lambda a, b: a + b)),
    ],
)
def test_what_was_cached_comes_again(make):
    cached = make(Dataset.range(6)).cache()
    first = listed(cached)
    assert listed(cached) == first == listed(cached.repeat(2).skip(len(first)))
    halves = iter(cached)
    next(halves)
    again = iter(cached)
    again._restore_state(halves._gather_state())
    assert listed(again) == first[1:]


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
        (
            lambda: tf.function(lambda n: len(Dataset.range(3).window(n).element_spec))(tf.constant(2)),
            TypeError,
            "Window size has to be known",
        ),
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
        (
            lambda: Dataset.range(2).interleave(Dataset.range, 2, num_parallel_calls=3),
            tf.errors.InvalidArgumentError,
            "is 3 and `cycle_length` is 2",
        ),
    ],
)
def test_misuse_is_explained(call, error, text):
    with pytest.raises(error, match=text):
        call()


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("nbtape-prefetch")]


def ended(count):
    """Whether as many threads are left, after those that were told to end had time for it."""
    gc.collect()
    for _ in range(200):
        if len(threads()) == count:
            return True
        time.sleep(0.01)
    return False


def test_prefetch_runs_ahead_as_far_as_its_room():
    asked = []
    dataset = Dataset.from_generator(
        lambda: (asked.append(i) or i for i in itertools.count()),
        output_signature=tf.TensorSpec([], tf.int32),
    )
    before, iterator = len(threads()), iter(dataset.prefetch(3))
    assert int(next(iterator)) == 0 and ended(before + 1)
    for _ in range(200):
        if len(asked) >= 4:
            break
        time.sleep(0.01)
    assert asked in ([0, 1, 2, 3], [0, 1, 2, 3, 4])
    del iterator
    assert ended(before)


def test_prefetch_raises_where_the_element_is_taken():
    def numbers():
        yield 1
        raise ValueError("no second")

    iterator = iter(Dataset.from_generator(numbers, tf.int32).prefetch(2))
    assert int(next(iterator)) == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?s)no second.*test_data.py"):
        next(iterator)
    assert listed(iterator) == [] and ended(0)


def test_errors_name_the_line_of_the_map_function_and_its_name():
    checked = Dataset.range(2).map(
        lambda x: tf.debugging.check_numerics(1.0 / tf.cast(x, tf.float32), "x"), name="inv"
    )
    for dataset in (checked, checked.prefetch(1), checked.batch(2)):
        with pytest.raises(
            tf.errors.InvalidArgumentError,
            match="(?s)passed to inv.*test_data.py, line .*lambda x: tf.debugging",
        ):
            list(dataset)


def test_calls_of_a_parallel_map_are_open_at_the_same_time():
    gate = threading.Barrier(3, timeout=20)

    def wait(x):
        gate.wait()
        return x

    dataset = Dataset.range(6).map(lambda x: tf.py_function(wait, [x], tf.int64), num_parallel_calls=3)
    assert listed(dataset) == [0, 1, 2, 3, 4, 5]


def test_a_parallel_map_gives_what_is_there_first_if_it_may():
    taken = threading.Event()

    def wait(x):
        if x == 0:
            taken.wait(20)
        return x

    dataset = Dataset.range(6).map(lambda x: tf.py_function(wait, [x], tf.int64), 3, deterministic=False)
    iterator = iter(dataset)
    first = int(next(iterator))
    taken.set()
    assert first != 0 and sorted([first, *listed(iterator)]) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("cycle, block, n", [(1, 1, 1), (2, 2, 2), (3, 1, 2), (4, 3, tf.data.AUTOTUNE)])
def test_a_parallel_interleave_has_the_order_of_one_after_the_other(cycle, block, n):
    def ways(**how):
        return listed(
            Dataset.range(8).interleave(lambda x: Dataset.range(x * 10, x * 11), cycle, block, **how)
        )

    assert ways(num_parallel_calls=n) == ways()


def test_datasets_that_are_interleaved_in_parallel_are_open_at_the_same_time():
    gate = threading.Barrier(3, timeout=20)

    def wait(x):
        gate.wait()
        return x

    def made(x):
        return Dataset.from_tensors(x).repeat(2).map(lambda x: tf.py_function(wait, [x], tf.int64))

    dataset = Dataset.range(3).interleave(made, 3, 1, num_parallel_calls=3)
    assert listed(dataset) == [0, 1, 2, 0, 1, 2]


def test_no_more_datasets_are_computed_at_once_than_was_said():
    lock, now, most = threading.Lock(), [0], [0]

    def count(x):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.002)
        with lock:
            now[0] -= 1
        return x

    def made(x):
        return Dataset.from_tensors(x).repeat(3).map(lambda x: tf.py_function(count, [x], tf.int64))

    assert len(listed(Dataset.range(6).interleave(made, 4, num_parallel_calls=2))) == 18
    assert most[0] <= 2


def test_a_parallel_interleave_gives_what_is_there_first_if_it_may():
    taken = threading.Event()

    def wait(x):
        if x == 0:
            taken.wait(20)
        return x

    def made(x):
        return Dataset.from_tensors(x).map(lambda x: tf.py_function(wait, [x], tf.int64))

    iterator = iter(Dataset.range(4).interleave(made, 2, num_parallel_calls=2, deterministic=False))
    first = int(next(iterator))
    taken.set()
    assert first != 0 and sorted([first, *listed(iterator)]) == [0, 1, 2, 3]


def test_a_parallel_interleave_raises_at_the_place_of_the_error_and_goes_on():
    def made(x):
        return Dataset.from_tensors(x).repeat(3).map(lambda x: 10 // (x - 2))

    iterator = iter(Dataset.range(1, 5).interleave(made, 2, 2, num_parallel_calls=2))
    found = []
    for _ in range(12):
        try:
            found.append(int(next(iterator)))
        except tf.errors.InvalidArgumentError:
            found.append("error")
    assert found == [-10, -10, "error", "error", -10, "error", 10, 10, 5, 5, 10, 5]
    assert listed(iterator) == []


def test_parallel_maps_draw_random_numbers_in_order():
    def drawn():
        tf.random.set_seed(1)
        return listed(Dataset.range(9).map(lambda x: tf.random.uniform([]), num_parallel_calls=3))

    assert drawn() == drawn()


@pytest.mark.parametrize(
    "make",
    [
        lambda d: d.map(lambda x: x * 2, num_parallel_calls=3),
        lambda d: d.interleave(lambda x: Dataset.range(x, x + 3), 3, 2, num_parallel_calls=2),
        lambda d: d.shuffle(4, seed=2).prefetch(3),
        lambda d: d.repeat(3).shuffle(4, seed=2).batch(3).prefetch(1),
        lambda d: d.shuffle(4, seed=1).repeat(3).map(lambda x: (x, tf.strings.as_string(x))),
        lambda d: d.window(3, 1).shuffle(4, seed=3).flat_map(lambda w: w.batch(3)),
        lambda d: d.prefetch(1).shuffle(20, seed=3).cache(),
        lambda d: Dataset.sample_from_datasets([d, Dataset.random(seed=3).take(9)], seed=3),
    ],
)
def test_an_iterator_goes_on_as_another_would(make, tmp_path):
    def saved(n):
        iterator = iter(make(Dataset.range(10)))
        for _ in range(n):
            next(iterator)
        tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "kept"))
        return listed(iterator)

    for n in (0, 1, 5):
        rest, iterator = saved(n), iter(make(Dataset.range(10)))
        tf.train.Checkpoint(iterator=iterator).read(str(tmp_path / "kept"))
        assert listed(iterator) == rest


def test_a_state_stays_as_it_was():
    iterator = iter(Dataset.range(3000).shuffle(1000, seed=1))
    next(iterator)
    state = iterator._gather_state()
    before = {name: array.copy() for name, array in state.items()}
    rest = listed(iterator)
    for name, array in state.items():
        np.testing.assert_array_equal(array, before[name])
        array.flags.writeable = False
    for _ in range(2):
        iterator._restore_state(state)
        assert listed(iterator) == rest


def test_what_is_no_array_cannot_be_kept():
    iterator = iter(Dataset.range(4).window(2).prefetch(1).shuffle(3))
    next(iterator)
    with pytest.raises(tf.errors.InvalidArgumentError, match="state of this iterator cannot be kept"):
        iterator._gather_state()


def test_datasets_are_saved_with_their_structure(tmp_path):
    dataset = Dataset.from_tensor_slices(({"x": [1, 2], "s": ["a", "b\0"]}, np.array([0.5, 1.5], "bfloat16")))
    dataset.save(tmp_path / "saved")
    again = Dataset.load(tmp_path / "saved")
    assert again.element_spec == dataset.element_spec and listed(again) == listed(dataset)
    ragged().save(tmp_path / "ragged")
    assert listed(Dataset.load(tmp_path / "ragged")) == [[1], [1, 2], []]
    with pytest.raises(tf.errors.NotFoundError, match="no saved dataset"):
        Dataset.load(tmp_path / "nothing")
    (tmp_path / "saved" / "rows.npz").write_bytes(b"PK rubbish")
    with pytest.raises(tf.errors.DataLossError, match="holds no elements"):
        Dataset.load(tmp_path / "saved")


def test_lines_of_files(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\ntwo\r\n")
    (tmp_path / "b.txt").write_bytes(b"three")
    files = Dataset.list_files(str(tmp_path / "*.txt"), shuffle=False)
    lines = files.flat_map(tf.data.TextLineDataset)
    assert listed(lines) == [b"one", b"two", b"three"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="No files matched"):
        Dataset.list_files(str(tmp_path / "*.csv"))


def test_promised_cardinalities_are_checked():
    few = Dataset.range(5).filter(lambda x: x < 3)
    assert len(few.apply(tf.data.experimental.assert_cardinality(3))) == 3
    for n in (2, 4):
        with pytest.raises(tf.errors.FailedPreconditionError, match=f"expected to contain {n} elements"):
            list(few.apply(tf.data.experimental.assert_cardinality(n)))


def test_a_mapped_batch_is_computed_at_once_and_equal():
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    scaled = Dataset.from_tensor_slices(images).map(lambda x: tf.cast(x, tf.float32) / 255.0)
    together = np.concatenate([np.asarray(b) for b in scaled.batch(4)])
    np.testing.assert_array_equal(together, np.stack([np.asarray(x) for x in scaled]))
    assert together.dtype == np.float32


def test_options_are_kept():
    options = tf.data.Options()
    options.deterministic = False
    dataset = Dataset.range(3).with_options(options).map(lambda x: x)
    assert dataset.options().deterministic is False and listed(dataset) == [0, 1, 2]
    with pytest.raises(AttributeError, match="Cannot set the property speed"):
        options.speed = 3


def test_sessions_take_elements_of_one_shot_iterators():
    with tf.Graph().as_default():
        dataset = Dataset.from_tensor_slices(np.arange(5)).map(lambda x: x * 2).batch(2)
        taken = dataset.make_one_shot_iterator().get_next()
        total = tf.reduce_sum(taken)
        with v1.Session() as session:
            assert [session.run([taken, total])[1] for _ in range(3)] == [2, 10, 8]
            with pytest.raises(tf.errors.OutOfRangeError):
                session.run(total)


def test_sessions_start_iterators_over_what_they_are_fed():
    with tf.Graph().as_default():
        fed = v1.placeholder(tf.int64, [None])
        iterator = Dataset.from_tensor_slices(fed).map(lambda x: x + 1).make_initializable_iterator()
        taken = iterator.get_next()
        with v1.Session() as session:
            with pytest.raises(tf.errors.FailedPreconditionError, match="has not been initialized"):
                session.run(taken)
            for values in ([1, 2], [5, 6]):
                session.run(iterator.initializer, {fed: values})
                assert [int(session.run(taken)) for _ in range(2)] == [values[0] + 1, values[1] + 1]

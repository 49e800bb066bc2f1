"""tf.nest: structures taken apart and put together again."""

from collections import OrderedDict, defaultdict, namedtuple

import pytest

import nbtape as tf

Point = namedtuple("Point", "x y")


def test_dicts_are_walked_in_the_order_of_their_keys():
    assert tf.nest.flatten({"b": 3, "a": (1, [2])}) == [1, 2, 3]
    assert tf.nest.pack_sequence_as({"b": 0, "a": (0, [0])}, [1, 2, 3]) == {"b": 3, "a": (1, [2])}
    assert list(tf.nest.pack_sequence_as({"b": 0, "a": 0}, [1, 2])) == ["b", "a"]


def test_containers_keep_their_kind():
    for structure in (Point(1, [2]), OrderedDict(b=1, a=2), defaultdict(int, a=1), (1, (2,)), []):
        again = tf.nest.map_structure(lambda x: x, structure)
        assert again == structure and type(again) is type(structure)


def test_what_is_no_container_is_a_leaf():
    t = tf.constant([1, 2])
    for leaf in (None, "ab", b"ab", t, {1, 2}, 3):
        assert not tf.nest.is_nested(leaf) and tf.nest.flatten(leaf)[0] is leaf
        assert tf.nest.map_structure(lambda x: (x,), leaf)[0] is leaf


def test_structures_must_agree():
    same = tf.nest.assert_same_structure
    same([1, {"a": 2}], [3, {"a": 4}])
    same((1, 2), [1, 2], check_types=False)
    for a, b, error, says in [
        ([1, 2], [1], ValueError, "don't have the same number of elements"),
        ([1, 2], (1, 2), TypeError, "has type list, while second structure"),
        ({"a": 1}, {"b": 1}, ValueError, "don't have the same set of keys"),
        ([1, [2]], [1, 2], ValueError, 'Substructure "type=list str=[2]" is a sequence'),
    ]:
        with pytest.raises(error) as raised:
            same(a, b)
        assert says in str(raised.value) and "Entire first structure:\n" in str(raised.value)


def test_the_number_of_leaves_must_agree():
    with pytest.raises(ValueError, match="Structure had 2 atoms, but flat_sequence had 1 items"):
        tf.nest.pack_sequence_as([1, 2], [1])
    with pytest.raises(TypeError, match="Attempted to pack value"):
        tf.nest.pack_sequence_as([1], 5)
    with pytest.raises(TypeError, match="nest only supports dicts with sortable keys"):
        tf.nest.flatten({1: 1, "a": 2})

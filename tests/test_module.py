"""A module finds its variables and submodules where TensorFlow's does, in the same order."""

import collections

import pytest

import nbtape as tf


class Layer(tf.Module):
    def __init__(self, name=None):
        super().__init__(name)
        self.w = tf.Variable(1.0, name="w")


def names(variables):
    return [v.name for v in variables]


def is_variable(x):
    return isinstance(x, tf.Variable)


def test_attributes_are_searched_in_alphabetical_order_through_containers():
    m = tf.Module()
    m.z = tf.Variable(1.0, name="z")
    m.a = {"k2": tf.Variable(2.0, name="k2"), "k1": [tf.Variable(3.0, name="k1")]}
    m.t = (tf.Variable(4.0, name="t", trainable=False), m.z)
    assert names(m.variables) == ["k1:0", "k2:0", "t:0", "z:0"]
    assert names(m.trainable_variables) == ["k1:0", "k2:0", "z:0"]
    assert names(m.non_trainable_variables) == ["t:0"]
    assert type(m.variables) is type(m.submodules) is tuple


def test_own_variables_come_before_those_of_submodules():
    m = tf.Module()
    m.a, m.b = Layer(), tf.Variable(1.0, name="b")
    m.a.deeper = Layer()
    assert names(m.variables) == ["b:0", "w:0", "w:0"]
    assert m.submodules == (m.a, m.a.deeper)


def test_what_is_held_twice_is_listed_once():
    m, v = tf.Module(), tf.Variable(1.0)
    m.a = m.b = v
    m.x = m.y = child = Layer()
    child.again = v
    assert len(m.variables) == 2
    assert m.submodules == (child,)


def test_cycles_end():
    a, b = tf.Module(), tf.Module()
    a.b, b.a = b, a
    a.v, b.v = tf.Variable(1.0, name="av"), tf.Variable(1.0, name="bv")
    a.itself = [a]
    assert names(a.variables) == ["av:0", "bv:0"]
    assert names(b.variables) == ["bv:0", "av:0"]
    assert a.submodules == (b,) and b.submodules == (a,)


def test_changes_are_seen():
    m = tf.Module()
    m.layers = []
    assert m.variables == ()
    m.layers.append(Layer())
    m.layers.append({"x": Layer()})
    assert len(m.variables) == len(m.submodules) == 2
    del m.layers
    assert m.submodules == ()


def test_objects_of_other_kinds_are_not_searched():
    class Plain:
        def __init__(self):
            self.v = tf.Variable(1.0)

    m = tf.Module()
    m.plain, m.text, m.nothing, m.own = Plain(), "text", None, tf.Variable(2.0, name="own")
    assert names(m.variables) == ["own:0"]


def test_paths_lead_to_each_leaf_and_name_every_way():
    m, child = tf.Module(), tf.Module()
    m.x = [child, {"k": child}]
    m.p = collections.namedtuple("P", "q r")(tf.Variable(1.0), 3)
    child.v = tf.Variable(1.0)
    found = [path for path, _ in m._flatten(with_path=True, predicate=is_variable)]
    assert found == [("p", "q"), ("x", 0, "v"), ("x", 1, "k", "v")]
    other = tf.Module()
    other.m, m.other, other.v = m, other, tf.Variable(1.0)
    cycle = [path for path, _ in other._flatten(with_path=True, predicate=is_variable)]
    assert cycle[0] == ("v",) and ("m", "other", "v") in cycle


def test_flatten_takes_a_predicate_an_order_and_a_depth():
    m = Layer()
    m.ccc, m.bb, m.child = tf.Variable(1.0, name="ccc"), tf.Variable(1.0, name="bb"), Layer()
    by_length = m._flatten(attribute_traversal_key=lambda n: -len(n), predicate=is_variable, recursive=False)
    assert names(by_length) == ["ccc:0", "bb:0", "w:0"]
    assert len([x for x in m._flatten() if is_variable(x)]) == 4


def test_ignored_attributes_are_not_searched():
    class Quiet(tf.Module):
        _TF_MODULE_IGNORED_PROPERTIES = frozenset({"hidden"}) | tf.Module._TF_MODULE_IGNORED_PROPERTIES

    m = Quiet()
    m.hidden, m.shown = tf.Variable(1.0), tf.Variable(1.0, name="shown")
    assert names(m.variables) == ["shown:0"]


def test_keys_that_cannot_be_sorted_are_an_error_that_names_the_attribute():
    m = tf.Module()
    m.d = {1: tf.Variable(1.0), "a": tf.Variable(2.0)}
    with pytest.raises(ValueError, match="Error processing property 'd'"):
        m.variables  # noqa: B018


@pytest.mark.parametrize("name", ["a b", "1a", "", "a/b", "a-b"])
def test_a_name_is_an_identifier(name):
    with pytest.raises(
        ValueError, match="is not a valid module name. Module names must be valid Python identifiers"
    ):
        tf.Module(name=name)


@pytest.mark.parametrize(
    "cls, name",
    [
        ("ABCNet2D", "abc_net2_d"),
        ("HTTPServer", "http_server"),
        ("MyBigModule", "my_big_module"),
        ("X", "x"),
        ("_Hidden", "__hidden"),
        ("Net_v2", "net_v2"),
        ("myThing", "my_thing"),
    ],
)
def test_names_made_from_class_names_are_tensorflows(cls, name):
    assert type(cls, (tf.Module,), {})().name == name


def test_scopes_nest():
    class Inner(tf.Module):
        def __init__(self):
            super().__init__()
            with self.name_scope:
                self.w = tf.Variable(1.0, name="w")

    class Outer(tf.Module):
        def __init__(self):
            super().__init__(name="out")
            with self.name_scope:
                self.inner, self.v = Inner(), tf.Variable(1.0)

    m = Outer()
    assert (m.inner.w.name, m.v.name) == ("out/inner/w:0", "out/Variable:0")
    assert (m.inner.name, m.inner.name_scope.name) == ("inner", "out/inner/")


def test_with_name_scope_keeps_the_method_what_it_was():
    class Linear(tf.Module):
        @tf.Module.with_name_scope
        def build(self, name):
            """Make w."""
            self.w = tf.Variable(1.0, name=name)
            return name

    m = Linear(name="lin")
    assert m.build("w") == "w" and m.w.name == "lin/w:0"
    assert (Linear.build.__name__, Linear.build.__doc__) == ("build", "Make w.")


def test_repr_has_no_address():
    assert repr(Layer(name="first")) == "<Layer 'first'>"

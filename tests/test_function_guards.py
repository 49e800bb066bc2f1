"""What a trace took for granted about Python values: when it changes, the function is traced again."""

import functools
import gc
import sys
import types
import weakref

import pytest

import nbtape as tf
from nbtape.program.traces import RetracingWarning

X = tf.constant(1.0)


class Config:
    rate = 1.0

    def __init__(self, **values):
        self.__dict__.update(values)


class Slotted:
    __slots__ = ("rate",)

    def __init__(self, rate):
        self.rate = rate


def helper(x):
    return x * number


number, flag, name, pair, nested = 2.0, True, "a", (1, 2), [[1.0, 2.0]]
config, slotted, function, tensor, variable = (
    Config(),
    Slotted(1.0),
    helper,
    tf.constant(1.0),
    tf.Variable(1.0),
)
options = {"rate": 1.0}
module = types.ModuleType("settings")
module.rate = 1.0
partial = functools.partial(helper)


def put(key, value):
    return lambda: globals().__setitem__(key, value)


@pytest.mark.parametrize(
    "body, change",
    [
        (lambda x: x * number, put("number", 5.0)),
        (lambda x: x * number, put("number", 2)),
        (lambda x: x if flag else -x, put("flag", False)),
        (lambda x: x if name == "a" else -x, put("name", "b")),
        (lambda x: x * sum(pair), put("pair", (1, 3))),
        (lambda x: x * nested[0][1], lambda: nested[0].__setitem__(1, 7.0)),
        (lambda x: x * len(nested), lambda: nested.append(1)),
        (lambda x: x * options["rate"], put("options", {"rate": 2.0})),
        (lambda x: x * config.rate, lambda: setattr(config, "rate", 3.0)),
        (lambda x: x * config.rate, lambda: setattr(Config, "rate", 4.0)),
        (lambda x: x * config.rate, put("config", Config(rate=8.0))),
        (lambda x: x * Config.rate, lambda: setattr(Config, "rate", 4.5)),
        (lambda x: x * slotted.rate, lambda: setattr(slotted, "rate", 3.0)),
        (lambda x: x * module.rate, lambda: setattr(module, "rate", 3.0)),
        (lambda x: function(x), put("function", lambda x: -x)),
        (lambda x: helper(x), put("number", 6.0)),
        (lambda x: partial(x), put("number", 6.5)),
        (lambda x: [helper(y) for y in [x, x]], put("number", 7.0)),
        (lambda x: (lambda y: y * number)(x), put("number", 8.0)),
        (lambda x: tf.cond(x > 0, lambda: x * number, lambda: x), put("number", 9.0)),
        (lambda x: x * tensor, put("tensor", tf.constant(4.0))),
        (lambda x: x * variable, put("variable", tf.Variable(4.0))),
    ],
)
def test_a_changed_value_is_traced_anew(body, change, monkeypatch):
    for key in ("number", "flag", "name", "pair", "config", "function", "tensor", "variable", "options"):
        monkeypatch.setitem(globals(), key, globals()[key])
    for owner in (Config, slotted, module):
        monkeypatch.setattr(owner, "rate", 1.0)
    monkeypatch.setitem(globals(), "nested", [[1.0, 2.0]])
    monkeypatch.setitem(globals(), "config", Config())
    f = tf.function(body)
    f(X), f(X)
    assert f.experimental_get_tracing_count() == 1
    change()
    assert tf.nest.map_structure(float, f(X)) == tf.nest.map_structure(float, body(X))
    f(X)
    assert f.experimental_get_tracing_count() == 2


def closing_over(k, owner):
    def set_k(value):
        nonlocal k
        k = value

    @tf.function
    def f(x):
        local = owner.inner
        return x * k * local.rate

    return f, set_k


def test_closures_and_attributes_of_what_they_hold_are_guarded():
    owner = Config(inner=Config(rate=2.0))
    f, set_k = closing_over(3.0, owner)
    assert float(f(X)) == 6.0
    set_k(4.0)
    assert float(f(X)) == 8.0
    owner.inner.rate = 1.0
    assert float(f(X)) == 4.0
    owner.inner = Config(rate=10.0)
    assert float(f(X)) == 40.0
    assert f.experimental_get_tracing_count() == 4


def test_attributes_of_arguments_are_guarded():
    f = tf.function(lambda x, options: x * options.rate)
    options = Config(rate=2.0)
    assert float(f(X, options)) == 2.0
    options.rate = 3.0
    assert float(f(X, options)) == 3.0


class Layer(tf.Module):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    @property
    def doubled(self):
        return self.rate * 2.0

    def __call__(self, x):
        return x * self.doubled


class Model(tf.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.training, self.traces = [Layer(1.0), Layer(2.0)], True, 0

    @tf.function
    def call(self, x):
        self.traces += 1
        for layer in self.layers:
            x = layer(x)
        return x if self.training else -x


def test_methods_see_changes_of_their_object_and_of_what_it_holds():
    model, other = Model(), Model()
    assert float(model.call(X)) == 8.0 and float(other.call(X)) == 8.0
    model.training = False
    assert float(model.call(X)) == -8.0
    model.layers[1].rate = 1.0
    assert float(model.call(X)) == -4.0
    model.layers.append(Layer(5.0))
    assert float(model.call(X)) == -40.0
    model.call(X), other.call(X)
    assert (model.traces, other.traces) == (4, 1)


def test_a_flag_that_goes_back_and_forth_costs_two_traces():
    options = Config(training=True)
    f = tf.function(lambda x: x if options.training else -x)
    for i in range(20):
        options.training = i % 2 == 0
        assert float(f(X)) == (1.0 if i % 2 == 0 else -1.0)
    assert f.experimental_get_tracing_count() == 2


def test_what_a_trace_changes_itself_is_no_guard():
    seen = []
    counter = Config(n=0)

    @tf.function
    def f(x):
        seen.append(len(seen))
        counter.n += 1
        counter.last = x
        return x + 1.0

    f(X), f(X), f(X)
    assert counter.n == 1 and len(seen) == 1


def test_a_function_defined_again_word_for_word_is_the_same():
    def define(value):
        space = {}
        exec(f"def inner(x):\n    return x * {value}\n", space)
        return space["inner"]

    options = Config(inner=define(2.0))
    f = tf.function(lambda x: options.inner(x))
    f(X)
    options.inner = define(2.0)
    assert float(f(X)) == 2.0 and f.experimental_get_tracing_count() == 1
    options.inner = define(3.0)
    assert float(f(X)) == 3.0 and f.experimental_get_tracing_count() == 2


def test_functions_called_bring_their_guards_along():
    options = Config(rate=2.0)
    inner = tf.function(lambda x: x * options.rate)
    inner(X)
    outer = tf.function(lambda x: inner(x) + 1.0)
    assert float(outer(X)) == 3.0
    options.rate = 5.0
    assert float(outer(X)) == 6.0


def test_a_value_that_changes_all_the_time_is_given_up():
    options = Config(step=0)
    f = tf.function(lambda x: x + options.step)
    f(X)
    with pytest.warns(RetracingWarning, match="attribute options.step changed .0, 1, 2, 3, 4, 5.") as caught:
        for step in range(1, 30):
            options.step = step
            f(X)
    assert len(caught) == 1 and f.experimental_get_tracing_count() == 6
    assert float(f(X)) == 6.0  # the value of the last trace, as the warning says


def test_a_value_that_changes_now_and_then_stays_a_guard():
    options = Config(rate=0.0)
    f = tf.function(lambda x: x * options.rate)
    for rate in range(12):
        options.rate = float(rate)
        assert all(float(f(X)) == rate for _ in range(20))


def test_guards_keep_nothing_alive():
    model = Model()
    model.call(X)
    model.layers[0].parent = model
    options = Config(inner=Config(rate=1.0))
    f = tf.function(lambda x, options: x * options.inner.rate)
    f(X, options)
    refs = [weakref.ref(x) for x in (model, model.layers[0], options, options.inner)]
    del model, options
    gc.collect()
    assert [ref() for ref in refs] == [None] * 4
    assert float(f(X, Config(inner=Config(rate=2.0)))) == 2.0


def test_a_profiler_of_the_user_stays():
    events = []

    def profiler(frame, event, arg):
        events.append(event)

    options = Config(rate=2.0)
    f = tf.function(lambda x: x * options.rate)
    sys.setprofile(profiler)
    try:
        f(X)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert "call" in events
    options.rate = 3.0
    assert float(f(X)) == 3.0
    assert sys.getprofile() is None


def test_errors_while_tracing_end_the_watch():
    def body(x):
        raise KeyError("no")

    with pytest.raises(KeyError):
        tf.function(body)(X)
    assert sys.getprofile() is None


def test_values_that_disappear_are_changes():
    options = Config(rate=2.0)
    f = tf.function(lambda x: x * getattr(options, "rate", 1.0) * options.rate)
    f(X)
    del options.rate  # and the class's is seen
    assert float(f(X)) == 1.0

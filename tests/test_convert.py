"""Conversion of Python's control flow: in a tf.function, on tensors, it does what it does eagerly."""

import functools
import linecache
import traceback

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import nbtape as tf

# What each function gives for each of its inputs is what it gives without tf.function, where Python runs it.


def if_else(x):
    if x > 2:
        y = x * 10
    elif x == 2:
        y = x - 100
    else:
        y = -x
    return y


def if_without_else(x):
    y = x
    if x > 2:
        y = y + 1
        unused = y  # noqa: F841
    return y


def early_returns(x):
    if x > 3:
        return x
    if x > 1:
        if x == 2:
            return x * 100
        x = x + 1
    else:
        return -x
    return x * 10


def bare_return(x):
    v = tf.zeros([])
    if x > 2:
        return
    v = v + 1


def return_in_with(x):
    with tf.name_scope("scope"):
        if x > 2:
            return x
    return -x


def return_in_try(x):
    y = 0
    try:
        if x > 2:
            return x
        y = x * 2
    except ValueError:
        return x
    else:
        y = y + 1
    finally:
        x = x + 1
    return x + y


def while_loop(x):
    a, b = 0, 1
    while b < x * 10:
        a, b = b, a + b
    return a, b


def while_with_else(x):
    i = 0
    while i < x:
        i += 1
        if i == 3:
            break
    else:
        i = i * 100
    return i


def while_true(x):
    i = 0
    while True:
        i += 1
        if i > x:
            break
    return i


def while_true_return(x):
    i = tf.constant(0)
    while True:
        if i >= x:
            return i * 2
        i = i + 1


def while_walrus(x):
    i = 0
    while (j := i * 2) < x:
        i = i + 1
    return i, j


def while_walrus_and_jumps(x):
    total, i = 0, 0
    while (i := i + 1) < 8:
        if i == 3:
            continue
        if i * x > 10:
            break
        total += i
    return total, i


def for_range(x):
    total = 0
    for i in range(x):
        total += i
    return total


def for_range_of_steps(x):
    total = tf.constant(0)
    for i in tf.range(10, x, -3):
        total = total * 2 + i
    return total


def for_rows(x):
    total = tf.zeros([2])
    for row in tf.reshape(tf.range(6.0), [3, 2]) * tf.cast(x, tf.float32):
        total = total * 0.5 + row
    return total


def for_rows_of_pairs(x):
    total = x
    for a, b in tf.reshape(tf.range(6), [3, 2]):
        total += a * b
    return total


def break_and_continue(x):
    s = 0
    for i in tf.range(10):
        if i % 2 == 0:
            continue
        if i > x:
            break
        s += i
    return s


def nested_loops(x):
    s = 0
    for i in tf.range(x):
        for j in tf.range(i):
            if j == 2:
                break
            if (i + j) % 2 == 0:
                continue
            s += i * 10 + j
    return s


def return_in_loop(x):
    for i in tf.range(5):
        if i == x:
            return i * 10
    return tf.constant(-1)


def return_in_nested_loops(x):
    for i in tf.range(5):
        for j in tf.range(5):
            if i * j > x:
                return i, j
        else:
            x = x + 1
    return x, x


def break_of_python_loop(x):
    s = 0
    for i in range(5):
        if i >= x:
            break
        s += i
    return s


def last_value_of_loop(x):
    for i in tf.range(x + 1):
        y = i * 2
    return y, i


def none_before_loop(x):
    y = None
    for i in tf.range(x + 1):
        y = i
    return y


def structures(x):
    pair, d = [0, 1], {"a": 0, "b": (1, 2)}
    for i in tf.range(x):
        pair = [pair[1], pair[0] + i]
        d = {"a": d["a"] + i, "b": (d["b"][1], d["b"][0])}
    return pair, d


def logic(x):
    a = x > 0 and not (x > 10 or x == 2)
    b = x > 2 or x < 1
    return a, b, 0 < x < 3, 0 < x <= 2 < 5, x > 1 and True


def lazy_logic(x):
    rows = tf.constant([5, 6, 7])
    return x < 3 and rows[tf.minimum(x, 2)] > 5


def conditional_expression(x):
    return (x if x > 2 else -x) + (1 if x is None else 2)


def attributes(x):
    class Thing:
        n = 0

    thing, d = Thing(), {"k": 1}
    for i in tf.range(x):
        thing.n += i
        d["k"] = d["k"] * 2
    if x > 1:
        thing.m = 1
    else:
        thing.m = 2
    return thing.n, thing.m, d["k"]


def nonlocal_names(x):
    total = 0

    def add(n):
        nonlocal total
        if n > 1:
            total = total + n

    for i in tf.range(x):
        add(i)
    return total


def closures(x):
    scale = x * 2
    if x > 1:
        scale = scale + 1
    double = lambda y: y * 2 if y > scale else scale  # noqa: E731
    return tf.map_fn(lambda y: double(y) if y > 2 else y, tf.range(5))


def temporaries(x):
    for i in tf.range(x):
        t = i * 2
        if t > 2:
            u = t
        else:
            u = -t
        x = x + u
    t = 1
    return x + t


def python_values(x, flag=True, none=None):
    y = [x]
    if flag:
        y.append(x + 1)
    if none is None and not flag:
        y.append(None)
    for _ in range(3):
        y.append(y[-1] * 2)
    while len(y) > 4:
        y.pop()
    return y, [v for v in y if v is not None]


def builtins(x):
    rows = tf.reshape(tf.range(6), [3, 2])
    total = 0
    for i in range(len(rows)):
        total += rows[i][0]
    return total, float(x), int(tf.cast(x, tf.float32) * 1.5), min(x, 2), max(1, x, 2)


def datasets(x):
    total = tf.constant(0, tf.int64)
    for i, (a, b) in enumerate(tf.data.Dataset.zip((tf.data.Dataset.range(5), tf.data.Dataset.range(5, 10)))):
        if a > tf.cast(x, tf.int64):
            break
        total += i * a + b
    for batch in tf.data.Dataset.range(7).batch(3):
        total += tf.reduce_sum(batch)
    return total


def match_statement(x, kind="double"):
    match kind:
        case "double":
            if x > 1:
                return x * 2
        case _:
            return x
    return -x


def tensor_array(x):
    array = tf.TensorArray(tf.int32, size=5)
    for i in tf.range(5):
        array = array.write(i, i * x)
    return array.stack()


def growing_array(x):
    array = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
    for i in tf.range(5):
        if i * x > 6:
            break
        array = array.write(i, i * x)
    return array.stack()


FUNCTIONS = [
    if_else, if_without_else, early_returns, bare_return, return_in_with, return_in_try, while_loop,
    while_with_else, while_true, while_true_return, while_walrus,
    while_walrus_and_jumps, for_range, for_range_of_steps, for_rows,
    for_rows_of_pairs, break_and_continue, nested_loops, return_in_loop, return_in_nested_loops,
    break_of_python_loop, last_value_of_loop, none_before_loop, structures, logic, lazy_logic,
    conditional_expression, attributes, nonlocal_names, closures, temporaries, python_values, builtins,
    datasets, match_statement, tensor_array, growing_array,
]  # fmt: skip


def values(structure):
    """A structure of tensors as lists and numbers."""
    return tf.nest.map_structure(lambda x: None if x is None else np.asarray(x).tolist(), structure)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_trace_does_what_python_does(function):
    traced = tf.function(function)
    for n in range(5):
        x = tf.constant(n)
        expected = function(*[n] * (function in (for_range, break_of_python_loop)) or [x])
        assert values(traced(x)) == values(expected)
    assert traced.experimental_get_tracing_count() == 1


# Programs of branches, loops and jumps, as Hypothesis finds them.


def indented(lines):
    return ["    " + line for line in lines]


@st.composite
def blocks(draw, depth, in_loop):
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        lines += draw(statements(depth, in_loop))
    return lines


TESTS = st.sampled_from(["a > b", "a % 3 == 1 and b < 4", "not a > c", "b > 1 or c == 2", "0 < c <= a"])


@st.composite
def statements(draw, depth, in_loop):
    jumps = ["return"] + ["break", "continue"] * in_loop
    kind = draw(st.sampled_from(["assign"] * 3 + (["if", "if", "for", "while"] + jumps) * (depth > 0)))
    if kind == "assign":
        return [
            draw(
                st.sampled_from(
                    ["a += 1", "b = (a + c) % 50", "c = b - a", "a, b = b, a", "c = a if a > b else c"]
                )
            )
        ]
    if kind == "return":
        return [f"if {draw(TESTS)}:", "    return a * 100 + b, c"]
    if kind in jumps:
        return [f"if {draw(TESTS)}:", *indented(draw(blocks(0, False))), f"    {kind}"]
    body = draw(blocks(depth - 1, in_loop or kind != "if"))
    if kind == "if":
        orelse = ["else:", *indented(draw(blocks(depth - 1, in_loop)))] if draw(st.booleans()) else []
        return [f"if {draw(TESTS)}:", *indented(body), *orelse]
    n = draw(st.integers(0, 3))
    if kind == "for":
        over = draw(st.sampled_from([f"tf.range({n})", f"tf.range(x % 3 + {n})", f"range({n})"]))
        return [f"for i in {over}:", *indented(body)]
    k = f"k{depth}"
    return [f"{k} = 0", f"while {k} < a % 4 and ({draw(TESTS)}):", f"    {k} += 1", *indented(body)]


@settings(max_examples=25)
@given(blocks(3, False))
def test_any_program_does_in_a_trace_what_python_does(body):
    lines = ["def f(x):", *indented(["a, b, c, i = x, x + 1, 2, 0", *body, "return a, b + c"])]
    namespace: dict = {"tf": tf}
    run_as_cell("\n".join(lines) + "\n", f"<program {hash(tuple(lines))}>", namespace)
    traced = tf.function(namespace["f"])
    for n in range(-1, 4):
        assert values(traced(tf.constant(n))) == values(namespace["f"](n))


# Gradients


def newton(x):
    y = x
    while abs(y * y - x) > 1e-3:
        y = (y + x / y) / 2
    return y


def powers(x):
    y = x
    for i in tf.range(4):
        if y > 3.0:
            y = tf.sqrt(y) * x
        elif i == 1:
            continue
        else:
            y = y * x
    return y


def stopped(x):
    total = x * 0
    for row in tf.constant([1.0, 2.0, 3.0, 4.0]) * x:
        if row > 5.0:
            break
        total = total + row * row
    return total


def returned(x):
    for _ in range(5):
        x = x * 1.5
        if x > 4.0:
            return x * x
    return x * 0.5


def one_of(x):
    return x * x if x > 1.5 and x < 2.5 else -x


@pytest.mark.parametrize("function", [newton, powers, stopped, returned, one_of], ids=lambda f: f.__name__)
@pytest.mark.parametrize("value", [1.0, 2.0, 3.0])
def test_gradients_flow_through_converted_code(function, value):
    def gradients(f):
        x = tf.constant(value)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = f(x)
            g = tape.gradient(y, x)
        return [float(y), float(g), float(outer.gradient(g, x, unconnected_gradients="zero"))]

    assert gradients(tf.function(function)) == pytest.approx(gradients(function), rel=1e-4)


def test_gradients_are_taken_inside_of_converted_code():
    @tf.function
    def train(w, n):
        for _ in tf.range(n):
            with tf.GradientTape() as tape:
                tape.watch(w)
                loss = (w - 3.0) ** 2 if w > 0 else -w
            w = w - 0.1 * tape.gradient(loss, w)
        return w

    def expected(w):
        for _ in range(20):
            w = w - 0.1 * (2 * (w - 3) if w > 0 else -1)
        return w

    assert float(train(tf.constant(-0.5), tf.constant(20))) == pytest.approx(expected(-0.5), rel=1e-5)


def test_variables_change_in_the_branch_that_runs():
    v = tf.Variable(1.0)

    @tf.function
    def f(n):
        for i in tf.range(n):
            if i % 2 == 0:
                v.assign_add(2.0)
            else:
                v.assign(v * 3.0)
        return v.read_value()

    assert [float(f(n)) for n in (tf.constant(1), tf.constant(3))] == [3.0, 17.0]


# Errors


def undefined_in_else(x):
    if x > 0:
        y = x
    return y  # noqa: F821


def undefined_in_main(x):
    if x > 0:
        pass
    else:
        y = x
    return y


def dtypes_differ(x):
    if x > 0:
        y = 1.0
    else:
        y = 2
    return y


def expression_differs(x):
    return 1 if x > 0 else 2.0


def structures_differ(x):
    if x > 0:
        y = (1, 2)
    else:
        y = 1
    return y


def no_return(x):
    if x > 0:
        return x


def none_in_main(x):
    if x > 0:
        return
    return x


def not_bool(x):
    if x:
        return 1
    return 2


def vector(x):
    if tf.stack([x, x]) > 0:
        return 1
    return 2


def dtype_changes(x):
    y = 0
    for _ in tf.range(x):
        y = 1.5
    return y


def shape_changes(x):
    y = tf.zeros([1])
    while x < 3:
        y = tf.concat([y, y], 0)
    return y


def structure_changes(x):
    y = [0]
    for i in tf.range(x):
        y = y + [i]
    return y


def invariant_is_left(x):
    y = tf.zeros([1, 2])
    for _ in tf.range(x):
        tf.autograph.experimental.set_loop_options(shape_invariants=[(y, tf.TensorShape([None, 2]))])
        y = tf.zeros([2, 3])
    return y


def invariant_is_wrong(x):
    y = tf.zeros([1, 2])
    for _ in tf.range(x):
        tf.autograph.experimental.set_loop_options(shape_invariants=[(y, tf.TensorShape([None, 3]))])
        y = y * 2
    return y


def undefined_in_loop(x):
    for i in tf.range(x):
        y = y + i  # noqa: F821
    return y


def none_in_loop(x):
    y = 0
    for _ in tf.range(x):
        y = None
    return y


def endless(x):
    def numbers():
        while True:
            yield 1

    for i in numbers():
        if x > i:
            break
    return x


ERRORS = [
    (undefined_in_else, ValueError, "'y' must also be initialized in the else branch"),
    (undefined_in_main, ValueError, "'y' must also be initialized in the main branch"),
    (
        dtypes_differ,
        TypeError,
        "'y' has dtype float32 in the main branch, but dtype int32 in the else branch",
    ),
    (expression_differs, TypeError, "'x > 0' has dtype int32 in the main branch, but dtype float32"),
    (structures_differ, TypeError, "'y' must have the same nested structure in the main and else branches"),
    (no_return, ValueError, "the else branch must also have a return statement."),
    (none_in_main, ValueError, "'return_value' is None at the end of the main branch."),
    (not_bool, ValueError, "condition of if statement expected to be `tf.bool` scalar, got"),
    (vector, ValueError, "condition of if statement expected to be `tf.bool` scalar, got"),
    (dtype_changes, TypeError, "'y' has dtype int32 before the loop, but dtype float32 after one iteration"),
    (shape_changes, ValueError, "'y' has shape (1,) before the loop, but shape (2,) after one iteration."),
    (structure_changes, TypeError, "'y' does not have the same nested structure after one iteration."),
    (invariant_is_left, ValueError, "'y' has shape (2, 3) after one iteration, which does not conform with"),
    (invariant_is_wrong, ValueError, "'y' has shape (1, 2) before the loop, which does not conform with the"),
    (undefined_in_loop, ValueError, "'y' must be defined before the loop"),
    (none_in_loop, ValueError, "'y' is None at the end of the iteration."),
    (endless, NotImplementedError, "break and return statements which depend on a TF condition are not"),
]


@pytest.mark.parametrize("function, kind, text", ERRORS, ids=lambda x: getattr(x, "__name__", None))
def test_errors_say_what_tensorflow_says_and_name_the_line(function, kind, text):
    with pytest.raises(kind) as caught:
        tf.function(function)(tf.constant(2))
    assert text in str(caught.value)
    assert f"in user code: {__file__}, line" in caught.value.__notes__[0]
    code = function.__code__
    lines = {number for _, _, number in code.co_lines() if number != code.co_firstlineno}
    named = int(caught.value.__notes__[0].removeprefix(f"in user code: {__file__}, line ").split(":")[0])
    assert named in lines


def test_a_loop_that_does_not_run_leaves_nothing_to_read():
    traced = tf.function(last_value_of_loop)
    assert values(traced(tf.constant(2))) == (4, 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="loop must iterate at least once to initialize"):
        traced(tf.constant(-1))


def test_set_loop_options_lets_shapes_change_and_bounds_the_steps():
    @tf.function
    def grown(n):
        x = tf.zeros([0])
        for i in tf.range(n):
            tf.autograph.experimental.set_loop_options(shape_invariants=[(x, tf.TensorShape([None]))])
            x = tf.concat([x, [tf.cast(i, tf.float32)]], 0)
        return x

    @tf.function
    def bounded(n):
        i = 0
        while i < n:
            tf.autograph.experimental.set_loop_options(maximum_iterations=3)
            i += 1
        return i

    assert grown(tf.constant(3)).numpy().tolist() == [0, 1, 2]
    assert [int(bounded(tf.constant(n))) for n in (2, 5)] == [2, 3]


def test_an_assertion_on_a_tensor_holds_for_each_run():
    @tf.function
    def f(x):
        assert x > 0, "must be positive"
        assert isinstance(x, tf.Tensor)
        return x

    assert int(f(tf.constant(1))) == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be positive"):
        f(tf.constant(-1))

    @tf.function
    def g(x):
        assert x is None, "not None"

    with pytest.raises(AssertionError, match="not None") as caught:
        g(tf.constant(1))
    assert caught.traceback[-1].path.name == "test_convert.py"


def test_a_test_with_effects_runs_once_for_each_step():
    tested = []

    def below(i, n):
        tested.append(int(i))
        return i < n

    @tf.function
    def f(n):
        i = 0
        while tf.py_function(below, [i, n], tf.bool):
            i += 1
        return i

    assert int(f(tf.constant(2))) == 2 and tested == [0, 1, 2]


def test_python_effects_happen_while_tracing():
    seen = []

    @tf.function
    def f(x):
        seen.append("traced")
        if x > 0:
            seen.append("main")
        else:
            seen.append("else")
        for _ in range(2):
            seen.append("step")
        return x

    f(tf.constant(1)), f(tf.constant(2))
    assert seen == ["traced", "main", "else", "step", "step"]


# What is converted


def helper(x):
    return x if x > 0 else -x


def with_decorator(function):
    @functools.wraps(function)
    def decorated(*args, **kwargs):
        if args[0] > 100:
            return args[0]
        return function(*args, **kwargs)

    return decorated


@with_decorator
def decorated_helper(x, *, offset=1):
    if x > 0:
        return x + offset
    return -x


class Base:
    __factor = 10

    def scaled(self, x):
        if x > 0:
            __local = x * self.__factor
            return __local
        return x


class Derived(Base):
    def __call__(self, x):
        return self.scaled(x)

    def scaled(self, x):
        if x > 5:
            return -super().scaled(x)
        return super().scaled(x)

    @classmethod
    def made(cls, x):
        return cls()(x) if x > 1 else x

    @staticmethod
    def plain(x):
        return 1 if x > 1 else 2

    @property
    def size(self):
        return 3


CALLS = [
    helper,
    decorated_helper,
    functools.partial(decorated_helper, offset=5),
    Derived(),
    Derived().scaled,
    Derived.made,
    Derived.plain,
    lambda x: 1 if x > 0 else 2, lambda x: 3 if x > 0 else 4,
    lambda x: (lambda y: 3 if y > 1 else 4)(x) if x > 0 else 5,
]  # fmt: skip


@pytest.mark.parametrize("function", CALLS)
def test_what_is_called_is_converted_too(function):
    direct, called = tf.function(function), tf.function(lambda x: function(x))
    for n in (-1, 1, 3, 7, 200):
        x = tf.constant(n)
        assert int(direct(x)) == int(called(x)) == int(function(x))


def test_functions_given_to_map_fn_are_converted():
    f = tf.function(lambda x: tf.map_fn(helper, x))
    assert f(tf.constant([-1, 2])).numpy().tolist() == [1, 2]
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
        tf.function(lambda x: tf.map_fn(helper, x), autograph=False)(tf.constant([-1, 2]))


def test_functions_given_to_datasets_are_converted():
    assert [int(x) for x in tf.data.Dataset.range(-2, 2).map(helper)] == [2, 1, 0, 1]


def factorial(n):
    return 1 if n == 0 else n * factorial(n - 1)


class Chain:
    def __init__(self, n):
        self.n: int = n

    def last(self):
        if self.n > 0:
            following: Chain = Chain(self.n - 1)
            return following.last()
        try:
            raise ValueError
        except ValueError:
            for _ in range(2):
                continue
        return self


def test_functions_and_classes_that_name_themselves_are_found():
    assert int(tf.function(lambda x: x * factorial(4))(tf.constant(2))) == 48
    assert int(tf.function(lambda x: x + Chain(3).last().n)(tf.constant(2))) == 2


COUNT = 0


def test_names_keep_their_meaning():
    globals()["COUNT"] = 0

    def f(x, step=2, *, times=3):
        global COUNT
        nonlocal total
        for _ in range(times):
            if x > 0:
                total = total + step
            COUNT += 1
        del x
        return total

    total = 0
    converted = tf.autograph.to_graph(f)
    assert converted(1) == f(1) - 6 == 6 and COUNT == 6
    assert converted.__name__ == "f" and converted.__closure__[-1] is f.__closure__[-1]
    assert converted(1, 1, times=1) == 13


def test_an_unset_name_is_an_error_as_in_python():
    def f(x):
        if x:
            y = 1
        return y

    assert tf.autograph.to_graph(f)(True) == 1
    with pytest.raises(UnboundLocalError, match="'y'"):
        tf.autograph.to_graph(f)(False)


def test_a_global_is_changed_in_the_branch_that_runs():
    namespace: dict = {"tf": tf}
    source = "def f(x):\n    global y\n    y = 0\n    if x > 0:\n        y = x\n    return y\n"
    run_as_cell(source, "<cell 1>", namespace)
    assert [int(tf.function(namespace["f"])(tf.constant(n))) for n in (-3, 3)] == [0, 3]


def run_as_cell(source, filename, namespace):
    """Run source as a notebook does, whose cells are files to Python."""
    linecache.cache[filename] = len(source), None, source.splitlines(True), filename
    exec(compile(source, filename, "exec"), namespace)


def test_functions_of_cells_are_converted_and_errors_name_the_cell():
    namespace: dict = {"tf": tf}
    source = "@tf.function\ndef f(x, y):\n    while x < 3:\n        x = x * y\n    return x\n"
    run_as_cell(source, "<cell 2>", namespace)
    assert float(namespace["f"](tf.constant(1.0), tf.constant(1.5))) == 3.375
    with pytest.raises(TypeError) as caught:
        namespace["f"](tf.constant(1), tf.constant(1.5))
    assert "<cell 2>, line 4: x = x * y" in str(caught.value)


def test_code_without_source_runs_as_it_is():
    namespace: dict = {"tf": tf}
    exec("f = lambda x: 0 if x is None else x\ndef g(x): return 1 if x > 0 else 2", namespace)
    assert int(tf.function(namespace["f"])(tf.constant(1))) == 1
    with pytest.raises(
        tf.errors.OperatorNotAllowedInGraphError, match="left g as it is: its source is not available"
    ):
        tf.function(namespace["g"])(tf.constant(1))


def test_source_that_has_changed_is_not_taken_for_the_function():
    namespace: dict = {"tf": tf}
    run_as_cell("def f(x):\n    return 1 if x > 0 else 2\n", "<cell 3>", namespace)
    run_as_cell("\n\ndef f(x):\n    return 1 if x > 0 else 2\n", "<cell 3>", {})
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match="its source has changed"):
        tf.function(namespace["f"])(tf.constant(1))


def test_functions_can_be_left_as_they_are():
    left = tf.autograph.experimental.do_not_convert(helper)

    @tf.autograph.experimental.do_not_convert()
    def inner(x):
        return helper(x)

    @tf.function
    def nested(x):
        @tf.autograph.experimental.do_not_convert
        def inside(x):
            return 1 if x > 0 else 2

        return inside(x)

    for f in (tf.function(left), tf.function(lambda x: left(x)), tf.function(inner), nested):
        with pytest.raises(tf.errors.OperatorNotAllowedInGraphError):
            f(tf.constant(1))
    assert left(3) == 3


def test_generators_run_as_they_are():
    def numbers(n):
        for i in range(n):
            if i != 1:
                yield i

    @tf.function
    def f(x):
        total = x
        for i in numbers(4):
            total += i if x > 0 else -i
        return total, sum(i for i in numbers(4) if i)

    assert [int(v) for v in f(tf.constant(1))] == [6, 5]


def test_functions_run_eagerly_are_not_converted():
    seen = []

    @tf.function
    def f(x):
        if x > 0:
            seen.append(1)
        return x

    tf.config.run_functions_eagerly(True)
    try:
        f(tf.constant(-1)), f(tf.constant(1))
    finally:
        tf.config.run_functions_eagerly(False)
    assert seen == [1]


def test_errors_in_converted_code_have_the_lines_of_the_source():
    @tf.function
    def f(x):
        for i in tf.range(3):
            if x > 0:
                x = [
                    x,
                    undefined_function(i),  # noqa: F821
                ]
        return x

    with pytest.raises(NameError, match="undefined_function") as caught:
        f(tf.constant(1))
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert last.filename == __file__ and last.line == "undefined_function(i),  # noqa: F821"


def test_the_source_of_a_conversion_can_be_read():
    def f(x):
        for i in tf.range(x):
            if i > 2:
                break
        return x

    assert (
        tf.autograph.to_code(f)
        == tf.autograph.to_code(tf.function(f))
        == (
            "def f(x):\n"
            "    i: None\n"
            "    stopped: None\n"
            "    stopped = False\n"
            "\n"
            "    def loop_body(item):\n"
            "        nonlocal i, stopped\n"
            "        i = item\n"
            "\n"
            "        def if_body():\n"
            "            nonlocal stopped\n"
            "            stopped = True\n"
            "\n"
            "        def else_body():\n"
            "            pass\n"
            "        ag__.if_(i > 2, if_body, else_body, ('stopped',))\n"
            "    ag__.for_(ag__.call(tf.range)(x), loop_body, ('stopped',), ('i',), stop=lambda: stopped)\n"
            "    return x"
        )
    )

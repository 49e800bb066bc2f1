"""What a notebook shows of values, in a real shell: HTML beside the text that they print anyway."""

import re

import ml_dtypes
import numpy as np
import pytest

import nbtape as tf
from nbtape.notebook.heat import heat
from nbtape.notebook.numbers import latex, latex_name, statistics

pytest_plugins = ["shells"]

EVIL = "<img src=x onerror=alert(1)>"
TRACED = "f = tf.function(lambda x: tf.tanh(x @ w) * 2.0)\nf(x)"
MODEL = "model = tf.keras.Sequential([tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)])\nmodel(x)"
MODULE = "class M(tf.Module): pass\nm = M()\nm.w = w"


def cells(html):
    """What the cells of a heat map say when pointed at."""
    return re.findall(r'<td[^>]* title="([^"]*)"', html)


SHOWN = {  # what makes a value, how it is called, and what its HTML says
    "variable": ("", "w", "weights"),
    "tensor": ("", "x", "float32[1,2]"),
    "slices": ("", "tf.IndexedSlices(x, [3], [9, 2])", "1 of 9 rows"),
    "tape": ("%%tape\ny = x @ w + b", "tape", "matmul"),
    "function": (TRACED, "f", "first call"),
    "graph": (TRACED, "f.graph", "MatMul"),
    "module": (MODULE, "m", "2 numbers (8 B), 2 of them trainable"),
    "model": (MODEL, "model", "Dense"),
    "layer": (MODEL, "model.layers[0]", "9 numbers (36 B)"),
    "optimizer": ("", "tf.keras.optimizers.Adam(0.01)", "learning_rate=0.01"),
    "old optimizer": ("", "tf.compat.v1.train.AdamOptimizer(0.5)", "beta1"),
    "dataset": ("", "tf.data.Dataset.from_tensor_slices({'a': [1, 2]}).batch(2)", ": 1 element"),
    "checkpoint": ("", "tf.train.Checkpoint(w=w)", "Checkpoint of 1 variables"),
    "gradients": ("%%tape -q\ny = x @ w + b", "get_ipython().run_line_magic('grad', 'y b')", "gradients of"),
}


@pytest.mark.parametrize("kind", SHOWN)
def test_values_are_shown_as_html_beside_their_text(notebook, kind):
    before, expression, told = SHOWN[kind]
    notebook.run(before)
    data, again = notebook.formats(expression), notebook.formats(expression)
    assert told in data["text/html"] and "<script" not in data["text/html"]
    assert not re.search("0x[0-9a-f]{6}", data["text/plain"] + data["text/html"])
    assert data["text/plain"] == again["text/plain"]


@pytest.mark.parametrize("expression", ["w", "x", "b", "tf.constant(1.0)", "tf.keras.optimizers.SGD()"])
def test_the_text_is_what_is_printed(notebook, expression):
    assert notebook.formats(expression)["text/plain"] == repr(notebook.shell.ev(expression))


@pytest.mark.parametrize("expression", ["tf.constant(1.0)", "tf.constant('a')", "tf.zeros([0, 3])"])
def test_what_its_text_says_in_full_has_no_html(notebook, expression):
    assert "text/html" not in notebook.formats(expression)


def test_names_of_users_are_escaped(notebook):
    notebook.run(f"evil = tf.Variable([1.0, 2.0], name={EVIL!r})")
    notebook.run("class M(tf.Module): pass\nm = M()\nm.d = {'<b>': evil}")
    notebook.run("%%tape -q\ny = evil * 2.0")
    expressions = ("evil", "m", "tape", "tf.train.Checkpoint(m=m)")
    shown = [notebook.formats(expression)["text/html"] for expression in expressions]
    assert all(shown) and not any("<img src=x" in html for html in shown)
    assert "&lt;img src=x" in shown[0]


def test_a_class_of_the_users_keeps_its_own_html(notebook):
    notebook.run("class M(tf.Module):\n    def _repr_html_(self): return '<i>mine</i>'")
    assert notebook.formats("M()")["text/html"] == "<i>mine</i>"


def test_looking_leaves_no_trace_on_an_open_tape(notebook):
    notebook.run("%%tape -q\ny = b * b\nfrom IPython.display import display\ndisplay(w, y, tape)")
    assert notebook.run("len(tape.nodes)") == 1


def test_small_arrays_show_their_numbers_and_exact_ones_when_pointed_at():
    html = heat(np.float32([[0.1, -2], [3, 1e-9]]))
    assert cells(html) == ["[0, 0] 0.1", "[0, 1] -2.0", "[1, 0] 3.0", "[1, 1] 1e-09"]
    assert re.findall(r">([-\d.e]+)</td>", html) == ["0.1", "-2", "3", "1e-09"]
    assert "mean" not in html and "mean 4.5" in heat(np.arange(10))


def test_big_arrays_are_sampled():
    html = heat(np.arange(10.0**6).reshape(1000, 1000))
    assert len(cells(html)) == 28 * 28 and len(html) < 80_000
    assert cells(html)[0] == "[0, 0] 0.0" and cells(html)[-1] == "[999, 999] 999999.0"
    assert "sampled: 28 of 1,000 × 28 of 1,000" in html and "max 999999" in html


def test_what_is_not_finite_is_found_in_big_arrays_and_stands_out_without_colour():
    a = np.zeros((3, 500, 500), np.float32)
    a[2, 123, 456] = np.nan
    html = heat(a)
    assert cells(html).count("[2, 123, 456] nan") == 1 and "1 NaN" in html
    assert re.findall(r'<td class="odd"[^>]*>([^<]*)</td>', html) == ["×"]
    assert re.findall(r'<td class="odd"[^>]*>([^<]*)</td>', heat(np.array([np.nan, np.inf, -np.inf]))) == [
        "NaN", "∞", "-∞"]  # fmt: skip


def test_arrays_of_any_rank_have_a_facet_for_each_matrix():
    facets = re.findall("<caption>([^<]*)</caption>", heat(np.zeros((2, 3, 4, 5))))
    assert facets == [f"[{i}, {j}, :, :]" for i in range(2) for j in range(3)]
    picture = heat(np.zeros((1, 20, 20, 3)))
    assert re.findall("<caption>([^<]*)</caption>", picture) == [f"[0, :, :, {i}]" for i in range(3)]
    assert "8 of 64 matrices" in heat(np.zeros((64, 5, 5)))


@pytest.mark.parametrize(
    "values",
    [
        np.arange(3) * 100_001,
        np.array([True, False]),
        np.ones((2, 2), ml_dtypes.bfloat16),
        np.array([1 + 2j]),
        np.ones(()),
    ],
)
def test_arrays_of_all_kinds_of_numbers_are_drawn(values):
    assert len(cells(heat(values))) == values.size


@pytest.mark.parametrize("values", [np.zeros((0, 3)), np.array(["a"], object)])
def test_there_is_no_picture_of_nothing_nor_of_texts(values):
    assert heat(values) == ""


def test_colours_leave_the_page_visible_so_that_they_suit_light_and_dark():
    colours = re.findall(r'<td style="background-color:(#[0-9a-f]*)"', heat(np.array([-1.0, 0.0, 2.0])))
    assert [c[:7] for c in colours] == ["#1c7ed6", "#1c7ed6", "#e8590c"]
    assert [int(c[7:], 16) for c in colours] == [76, 0, 153]
    assert "#e8590c00" in heat(np.zeros(2)) and "#e8590c4c" in heat(np.ones(2))


def test_statistics_are_of_what_is_finite():
    told = statistics(np.array([1.0, 3.0, np.nan, np.inf, -np.inf]))
    assert str(told) == "min 1, max 3, mean 2, std 1, 1 NaN, 2 inf"
    assert statistics(np.array(["a"], object)) is None


def test_latex_of_small_matrices():
    assert latex(np.array([[1.0, 2.5e-7], [np.inf, np.nan]])) == (
        r"\begin{bmatrix} 1 & 2.5 \times 10^{-7} \\ \infty & \mathrm{NaN} \end{bmatrix}"
    )
    assert latex(np.array(3)) == "3" and latex(np.array(1 - 2j)) == "1 - 2i"
    assert latex(np.zeros((11, 1))) is None and latex(np.zeros((2, 2, 2))) is None
    assert latex_name("a_b<$\\") == r"\mathtt{a\_b\lt \$\backslash }"


def test_arrays_are_shown_in_the_form_that_was_chosen(notebook, capsys):
    notebook.run("%arrays latex")
    assert notebook.formats("w")["text/latex"] == r"$$ \begin{bmatrix} 1 \\ 2 \end{bmatrix} $$"
    assert "text/html" not in notebook.formats("w")
    notebook.run("%arrays plain")
    assert set(notebook.formats("w")) == {"text/plain"}
    capsys.readouterr()
    notebook.run("%arrays heat\n%arrays")
    assert "text/html" in notebook.formats("w")
    assert capsys.readouterr().out.splitlines()[-1] == "arrays are shown as heat"


def test_symbolic_tensors_and_variables_of_graphs_have_their_text(notebook):
    notebook.run("with tf.Graph().as_default():\n    v = tf.Variable([1.0, 2.0])\n    y = v * 2.0")
    assert set(notebook.formats("v")) == set(notebook.formats("y")) == {"text/plain"}


def test_whole_numbers_are_shown_in_full():
    assert ">1234567<" in heat(np.array([1234567, 2]))


def test_variables_under_keys_that_have_no_path_go_by_their_names(notebook):
    notebook.run("class M(tf.Module): pass\nm = M()\nm.d = {1: w}")
    assert "weights" in notebook.formats("m")["text/html"]


def test_big_graphs_end_somewhere(notebook):
    one = "tf.constant(1.0, name=f's{i}/c')"
    notebook.run(f"g = tf.Graph()\nwith g.as_default():\n    ones = [{one} for i in range(120)]")
    assert "20 more scopes" in notebook.formats("g")["text/html"]


def test_tables_of_many_variables_end_somewhere(notebook):
    notebook.run("class M(tf.Module): pass\nm = M(); m.all = [tf.Variable(1.0) for _ in range(130)]")
    html = notebook.formats("m")["text/html"]
    assert html.count("<tr>") == 102 and "30 more" in html and "130 numbers" in html
    assert isinstance(notebook.run("m"), tf.Module)

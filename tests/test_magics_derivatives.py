"""`%grad` and its like return what they show and leave the tape as it is; the options of `%%tape`."""

import re

import pytest
from IPython.core.error import UsageError

import nbtape as tf
from nbtape.core import context

pytest_plugins = ["shells"]

CUBE = "%%tape -q\ny = b * b * b"


def test_grad_returns_what_it_shows(notebook):
    notebook.run("%%tape -q\nloss = tf.reduce_mean((x @ w + b) ** 2)")
    (shown,) = notebook.bundles("g = %grad loss w b")
    assert notebook.run("float(g[1]), len(g)") == (23.0, 2)
    assert notebook.formats("g")["text/plain"] == shown["text/plain"]
    assert notebook.formats("g")["text/html"] == shown["text/html"]


def test_grad_shows_itself_once_wherever_it_stands(notebook, capsys):
    notebook.run(CUBE)
    assert len(notebook.bundles("%grad y b\n1;")) == len(notebook.bundles("1\n%grad y b")) == 1
    assert capsys.readouterr().out == ""


def test_grad_of_higher_order(notebook):
    notebook.run(CUBE)
    values = [float(notebook.run(f"g = %grad y b --order {n}\ng[0]")) for n in (1, 2, 3)]
    assert values == [0.75, 3.0, 6.0]
    assert notebook.run("len(tape.nodes)") == 2  # the tape itself has seen nothing of it
    assert notebook.show("%grad --order 2 y b")[0].splitlines()[0] == "gradients of order 2 of y"


@pytest.mark.parametrize("order", ["0", "x", "-1", "1.5"])
def test_grad_refuses_an_order_that_is_none(notebook, order):
    notebook.run(CUBE)
    with pytest.raises(UsageError):
        notebook.run(f"%grad y b --order {order}")


def test_grad_of_higher_order_says_why_there_is_none(notebook):
    notebook.run("c = tf.constant(1.0)\n" + "%tape -q\ny = b * c")
    with pytest.raises(UsageError, match="is not watched by this tape"):
        notebook.run("%grad y c --order 2")


def test_grad_in_latex(notebook):
    notebook.run("c = tf.constant(1.0)\nbig = tf.Variable(tf.ones([4, 40]))")
    notebook.run("%%tape -q\ny = tf.reduce_sum(x @ w) * b + tf.reduce_sum(big)")
    (shown,) = notebook.bundles("%grad y w b c big --latex")
    lines = shown["text/latex"].split(r" \\ \nabla")
    assert lines[0].endswith(r"\nabla_{\mathtt{w}}\, \mathtt{y} &= \begin{bmatrix} 1.5 \\ 2 \end{bmatrix}")
    assert lines[1].endswith("&= 11") and r"\mathrm{None}" in lines[2] and r"\rVert &= 12.6491" in lines[2]
    assert "text/html" not in shown


def test_grad_in_pictures(notebook):
    notebook.run("%%tape -q\ny = tf.reduce_sum(x @ w) * b")
    table, picture = notebook.bundles("%grad y w b --plot")
    assert (
        "text/html" in table
        and picture["image/png"].startswith("iVBOR")
        and "0x" not in picture["text/plain"]
    )


def test_histograms_of_many_values(notebook):
    notebook.run("big = tf.Variable(tf.range(100.0))\n%tape -q\ny = big * big")
    html = notebook.show("%grad y big")[1]
    assert "100 values from 0 to 198" in html and html.count('scope="col"') == 9
    assert re.search(">([▁▂▃▄▅▆▇█]{12})<", html)


def test_jacobian(notebook):
    notebook.run("%%tape -q -w x\ny = x * x")
    text, html = notebook.show("%jacobian y x")
    assert text.splitlines()[0] == "dy/dx" and "float32[1,2,1,2]" in html
    notebook.run("(j,) = %jacobian y x")
    assert notebook.run("j.shape.as_list(), tf.reduce_sum(j).numpy()") == ([1, 2, 1, 2], 14.0)


def test_hessian(notebook):
    notebook.run("%%tape -q\ny = tf.reduce_sum(w * w * w)")
    (shown,) = notebook.bundles("(h,) = %hessian y w --latex")
    assert notebook.run("tf.reshape(h, [2, 2]).numpy().tolist()") == [[6.0, 0.0], [0.0, 12.0]]
    assert shown["text/plain"].splitlines()[0] == "d²y/dw²"
    with pytest.raises(UsageError, match="has no gradient by x"):
        notebook.run("%hessian y x")


def test_jvp(notebook):
    notebook.run("%%tape -q -w x\ny = x * x + b")
    notebook.run("d = %jvp y x [[1.0,10.0]] b 100")
    assert notebook.run("d.numpy().tolist()") == [[106.0, 180.0]]
    with pytest.raises(UsageError, match="wants a direction"):
        notebook.run("%jvp y x")


def test_gradcheck_runs_the_tape_again(notebook):
    notebook.run("%%tape -q\nloss = tf.reduce_mean(tf.tanh(x @ w / 9.0 + b) ** 2) * tf.random.normal([])")
    notebook.run("errors = %gradcheck loss w b")
    assert set(notebook.run("errors")) == {"w", "b"} and max(notebook.run("errors").values()) < 1e-3
    text = notebook.show("%gradcheck loss")[0]
    assert [line.split()[-1] for line in text.splitlines()[3:]] == ["agrees", "agrees"]


def test_gradcheck_runs_in_the_precision_of_casts(notebook):
    notebook.run("%%tape -q\ny = tf.cast(b, tf.float32) * b * b")
    text = notebook.show("%gradcheck y b")[0].splitlines()[-1]
    assert text.endswith("agrees") and float(text.split()[3]) < 1e-2


def test_gradcheck_finds_a_wrong_gradient(notebook):
    notebook.run("%%tape -q\ny = b * tf.stop_gradient(b)")
    text = notebook.show("%gradcheck y b")[0].splitlines()[-1]
    assert text.endswith("DIFFERS") and text.split()[3] == "5.0e-01"


@pytest.mark.parametrize("wrap", ["tf.function", "tf.custom_gradient"])
def test_gradcheck_says_what_it_cannot_run_again(notebook, wrap):
    result = "(v * v, lambda g: g * 2.0 * v)" if wrap == "tf.custom_gradient" else "v * v"
    notebook.run(f"@{wrap}\ndef f(v):\n    return {result}\n%tape -q\ny = f(b)")
    with pytest.raises(ValueError, match="does not hold what f did inside"):
        notebook.run("%gradcheck y b")


def test_derivatives_leave_no_trace_on_open_tapes(notebook):
    lines = ["%grad y b --order 2", "%jacobian y b", "%hessian y b", "%jvp y b 1", "%gradcheck y b"]
    notebook.run("%%tape outer -q\ny = b * b\n" + "\n".join(lines) + "\nz = y * b")
    assert notebook.run("len(outer.nodes), float(outer.gradient(z, b))") == (2, 0.75)


@pytest.mark.parametrize("magic", ["jacobian", "hessian", "jvp", "gradcheck", "grad"])
def test_all_want_a_target_and_a_tape(notebook, magic):
    with pytest.raises(UsageError, match="is no tape"):
        notebook.run(f"%{magic} b b")
    notebook.run(CUBE)
    with pytest.raises(UsageError, match="a target is wanted"):
        notebook.run(f"%{magic}")
    with pytest.raises(UsageError, match="no option is called --slow"):
        notebook.run(f"%{magic} y b --slow")


def test_a_tape_says_at_its_end_what_it_recorded(notebook):
    text, html = notebook.show("%%tape t -w x\ny = tf.tanh(x @ w) * b * b;")
    assert text == "t: 4 operations (mul × 2, matmul, tanh), watches w, b, x, holds 24 B"
    assert html == f"<div><b>t</b>{text[1:]}</div>"
    assert notebook.bundles("%%tape -q\ny = b * b") == []


def test_a_tape_says_nothing_where_its_cell_failed(notebook):
    notebook.shown.outputs.clear()
    with pytest.raises(ZeroDivisionError):
        notebook.run("%%tape --profile\ny = b * b\n1 / 0")
    assert not notebook.shown.outputs and not context.local.recorders


def test_tape_checks_for_what_is_not_finite(notebook):
    with pytest.raises(
        tf.errors.NonFiniteError, match=r"log made .* Cell In\[2\], line 3: z = tf.math.log\(y\)"
    ):
        notebook.run("%%tape --check\ny = b * 0.0\nz = tf.math.log(y)")
    assert not context.local.recorders


def test_tape_profiles_by_kind_of_operation(notebook):
    card, profile = notebook.bundles("%%tape --profile\nfor _ in range(3): y = tf.tanh(b * b);")
    head, *rows = [line.split() for line in profile["text/plain"].splitlines()]
    assert head == ["operation", "times", "ms", "share"]
    assert {row[0]: row[1] for row in rows} == {"tanh": "3", "mul": "3"}
    assert "6 operations" in card["text/plain"]


def test_scope_names_the_variables_of_a_cell(notebook, capsys):
    notebook.run("%%scope encoder\nv = tf.compat.v1.get_variable('v', [2])\n%scope")
    assert capsys.readouterr().out == "encoder\n"
    assert notebook.run("v.name") == "encoder/v:0"
    notebook.run("tf.reset()\n%scope")
    assert capsys.readouterr().out.splitlines()[-1] == "the root scope"


def test_device_holds_to_the_end_of_the_cell(notebook, capsys):
    notebook.run("%device")
    assert "/device:CPU:0" in capsys.readouterr().out
    notebook.run("%%device /CPU:0\nfrom nbtape.core import context\ninside = context.local.device")
    assert len(notebook.run("inside")) == 1 and not context.local.device


@pytest.mark.parametrize("line", ["%scope a b", "%device a b", "%vars --deep", "%tapes --now"])
def test_other_magics_refuse_what_they_do_not_know(notebook, line):
    with pytest.raises(UsageError):
        notebook.run(line)


def test_cells_of_several_magics_nest(notebook):
    notebook.run("%%scope a\n%%tape t -q\nv = tf.compat.v1.get_variable('v', initializer=2.0)\ny = v * v")
    assert notebook.run("float(t.gradient(y, v)), v.name") == (4.0, "a/v:0")
    notebook.run("tf.reset()")

"""`%load_ext nbtape`: `%%tape` and `%grad`, in a shell of this process and in a kernel of its own."""

import re
import warnings

import nbformat
import pytest
from IPython.core.error import UsageError
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import nbtape as tf
from nbtape.core import context, source

pytest_plugins = ["shells"]


def test_cell_runs_under_a_tape_in_the_users_namespace(notebook):
    notebook.run("%%tape\nloss = tf.reduce_mean((x @ w + b) ** 2)\ndouble = lambda: 2 * loss")
    assert notebook.run("float(loss), float(double())") == (132.25, 264.5)
    assert notebook.run("tape.gradient(loss, [w, b])[0].numpy().tolist()") == [[69.0], [92.0]]


def test_tape_answers_many_times(notebook):
    notebook.run("%%tape\nloss = b * b")
    assert [notebook.run("float(tape.gradient(loss, b))") for _ in range(3)] == [1.0] * 3


def test_tape_ends_with_its_cell(notebook):
    notebook.run("%%tape\ny = b * b")
    assert not context.local.recorders
    notebook.run("z = y * b")
    with pytest.warns(tf.errors.GradientWarning):
        assert notebook.run("tape.gradient(z, b)") is None


def test_tape_ends_with_a_cell_that_fails(notebook):
    with pytest.raises(ZeroDivisionError):
        notebook.run("%%tape\ny = b * b\n1 / 0")
    assert not context.local.recorders
    assert notebook.run("float(tape.gradient(y, b))") == 1.0


def test_error_is_that_of_plain_code(notebook, capsys):
    with pytest.raises(ZeroDivisionError) as caught:
        notebook.run("%%tape\n\ny = b * b\n1 / 0")
    frame = caught.traceback[-1]
    assert frame.lineno == 3  # counted from 0
    assert "Cell In[2], line 4" in capsys.readouterr().out


def test_error_of_an_op_names_the_cell_and_the_line(notebook):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"matmul at Cell In\[2\], line 3: y = x @ x"):
        notebook.run("%%tape\nlonger = 1\ny = x @ x")


def test_syntax_error_names_its_line(notebook, capsys):
    with pytest.raises(SyntaxError) as caught:
        notebook.run("%%tape\ny = b\ny = = b")
    assert caught.value.lineno == 3


def test_last_expression_is_displayed(notebook, capsys):
    assert float(notebook.run("%%tape\ny = b * b\ny + 1")) == 1.25
    assert capsys.readouterr().out == "Out[2]: <tf.Tensor: shape=(), dtype=float32, numpy=1.25>\n"
    notebook.run("%%tape\ny = b * b\ny + 1;")
    assert capsys.readouterr().out == ""


def test_top_level_await(notebook):
    notebook.run("%%tape\nimport asyncio\ny = b * b\nawait asyncio.sleep(0)\nz = y * b")
    assert notebook.run("float(tape.gradient(z, b))") == 0.75


def test_tape_takes_a_name_and_tensors_to_watch(notebook):
    notebook.run("c = tf.constant(2.0)\nparts = [tf.constant(1.0)]")
    notebook.run("%%tape first -w c parts[0]\ny = c * c + parts[0]")
    notebook.run("%%tape second --watch c, x\nz = c * tf.reduce_sum(x)")
    assert notebook.run("[float(g) for g in first.gradient(y, [c, parts[0]])]") == [4.0, 1.0]
    assert notebook.run("float(second.gradient(z, c))") == 7.0
    assert "tape" not in notebook.shell.user_ns


def test_line_magic_records_to_the_end_of_the_cell(notebook):
    notebook.run("y = b * b\n%tape -w y\nz = y * b")
    assert notebook.run("[float(g) for g in tape.gradient(z, [y, b])]") == [0.5, 0.25]


def test_other_cell_magics_nest(notebook, capsys):
    notebook.run("%%tape\n%%capture said\nprint('hush')\ny = b * b")
    assert notebook.run("said.stdout, float(tape.gradient(y, b))") == ("hush\n", 1.0)
    notebook.run("%%capture\n%%tape\ny = b * b * b")
    assert notebook.run("float(tape.gradient(y, b))") == 0.75


def test_a_cell_run_inside_leaves_the_tape_open(notebook):
    notebook.run("%%tape\nget_ipython().run_cell('y = b * b')\nz = y * b")
    assert notebook.run("float(tape.gradient(z, b))") == 0.75


def test_exported_script_may_call_the_magic(notebook):
    notebook.run("get_ipython().run_cell_magic('tape', 't', 'y = b * b\\ny')")
    assert notebook.run("float(t.gradient(y, b))") == 1.0
    with pytest.raises(ZeroDivisionError):
        notebook.run("get_ipython().run_cell_magic('tape', '', '1 / 0')")
    assert not context.local.recorders


def test_history_has_the_cell_once(notebook):
    notebook.run("%%tape\ny = b * b")
    assert notebook.shell.history_manager.input_hist_raw[2:] == ["%%tape\ny = b * b"]


@pytest.mark.parametrize("line", ["a b", "1a", "--fast", "t -w +"])
def test_wrong_options_are_refused(notebook, line):
    with pytest.raises(UsageError):
        notebook.run(f"%%tape {line}\ny = 1")
    assert not context.local.recorders


def test_grad_prints_a_table(notebook):
    notebook.run("%%tape\nloss = tf.reduce_mean((x @ w + b) ** 2)")
    text, html = notebook.show("%grad loss w b")
    assert text.splitlines() == [
        "gradients of loss = 132.25",
        "",
        "source  shape   dtype    norm  min  max  mean  value",
        "w       (2, 1)  float32   115   69   92  80.5  [[69], [92]]",
        "b       ()      float32    23   23   23    23  23",
    ]
    first = ["(2, 1)", "float32", "115", "69", "92", "80.5", "[[69], [92]]"]
    assert re.findall("<td.*?>(.*?)</td>", html)[:7] == first
    assert html.count('scope="row"') == 2 and html.count('scope="col"') == 8


def test_grad_alone_takes_all_that_the_tape_watches(notebook):
    notebook.run("c = tf.constant([1.0, 2.0, 3.0])")
    notebook.run("%%tape -w c\ny = c * b")
    text, _ = notebook.show("%grad y")
    assert text.splitlines()[0] == "gradients of the sum of y, float32[3]"
    assert [line.split()[0] for line in text.splitlines()[3:]] == ["b", "c"]


def test_grad_takes_expressions_and_structures(notebook):
    notebook.run("class Model: pass\nmodel = Model()\nmodel.w = w\nmodel.all = {'w': w, 'b': b}")
    notebook.run("%%tape t\ny = x @ w + b")
    text, _ = notebook.show("%grad -t t tf.reduce_sum(y, axis=0) [model.w, model.all['b']] model.all")
    names = ["model.w", "model.all['b']", "model.all[0]", "model.all[1] weights"]
    assert [line[: len(name)] for name, line in zip(names, text.splitlines()[3:], strict=True)] == names


def test_grad_says_why_a_gradient_is_none(notebook):
    notebook.run("n = tf.Variable(1)\nc = tf.constant(2.0)")
    notebook.run("%%tape\ny = b * c")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the table says it: no warning beside it
        text, html = notebook.show("%grad y c n b")
    c, n, b = text.splitlines()[3:]
    assert "None: float32[] is not watched by this tape" in c and "integer" in n and "None" not in b
    assert re.search(r'<td colspan="5"[^>]*>None: float32\[\] is not watched by this tape', html)


def test_grad_tells_what_is_not_finite_and_what_is_sparse(notebook):
    notebook.run("table = tf.Variable(tf.ones([5, 2]))\nd = tf.Variable([0.0, 4.0])")
    notebook.run("%%tape\ny = tf.reduce_sum(tf.gather(table, [1, 3, 1])) + tf.reduce_sum(tf.sqrt(d))")
    lines = notebook.show("%grad y table d")[0].splitlines()[3:]
    rows, d = [line.split("float32")[1].split(maxsplit=4) for line in lines]
    assert rows == ["3.16228", "0", "2", "0.6", "IndexedSlices, 2 of 5 rows"]
    assert d == ["inf", "0.25", "0.25", "inf", "[inf, 0.25]  1 of 2 not finite"]


def test_grad_of_many_values_is_only_summed_up(notebook):
    notebook.run("big = tf.Variable(tf.ones([100, 100]))")
    notebook.run("%%tape\ny = tf.reduce_sum(big * 0.5)")
    last = notebook.show("%grad y")[0].splitlines()[-1]
    assert last.split() == "big (100, 100) float32 50 0.5 0.5 0.5".split()


def test_grad_escapes_what_users_wrote(notebook):
    notebook.run("evil = tf.Variable(1.0, name='<img src=x onerror=alert(1)>')\nother = tf.Variable(1)")
    notebook.run("%%tape\ny = evil * 1.0")
    _, html = notebook.show("%grad y (lambda:[evil,other])() {'<b>&':evil}['<b>&']")
    assert "<img" not in html and "<b>" not in html
    assert "&lt;img src=x" in html and "&lt;b&gt;&amp;" in html


@pytest.mark.parametrize("line", ["", "-t nothing y", "y + b", "-t w y b"])
def test_wrong_requests_are_refused(notebook, line):
    notebook.run("%%tape\ny = b * b")
    with pytest.raises(UsageError):
        notebook.run(f"%grad {line}")


def test_grad_of_an_unknown_name_is_a_name_error(notebook, capsys):
    notebook.run("%%tape\ny = b * b")
    with pytest.raises(NameError, match="nowhere"):
        notebook.run("%grad y nowhere")
    assert "magics.py" not in capsys.readouterr().out  # the traceback shows the user's frames only


def test_grad_leaves_no_trace_on_an_open_tape(notebook):
    notebook.run("%%tape outer\ny = b * b\n%grad y b\nz = y * b")
    assert notebook.run("float(outer.gradient(z, b))") == 0.75


def test_warning_of_a_lost_gradient_names_the_cell(notebook):
    notebook.run("%%tape\ny = tf.stop_gradient(b)")
    with pytest.warns(tf.errors.GradientWarning) as caught:
        notebook.run("lost = tape.gradient(y, b)")
    warning = caught.list[0]
    text = warnings.formatwarning(warning.message, warning.category, warning.filename, warning.lineno)
    assert text.startswith("Cell In[3], line 1: GradientWarning: a gradient is None: ")


def test_loading_twice_changes_nothing_and_unloading_restores(fresh, capsys):
    def state():
        shell = fresh.shell
        kinds = {kind: set(names) for kind, names in shell.magics_manager.magics.items()}
        hooks = [*shell.input_transformers_cleanup, *shell.events.callbacks["post_run_cell"]]
        hooks += [*shell.ast_transformers, *shell.Completer.custom_matchers]
        formatters = shell.display_formatter.formatters.values()
        printers = [dict(formatter.type_printers) for formatter in formatters]
        return kinds, hooks, printers, source.name_file[0], warnings.formatwarning

    before = state()
    fresh.run("%load_ext nbtape")
    loaded = state()
    fresh.run("%load_ext nbtape")
    tf.load_ipython_extension(fresh.shell)
    assert state() == loaded != before
    fresh.run("%reload_ext nbtape")
    fresh.run("%unload_ext nbtape")
    assert state() == before


def test_kernel_stops_at_an_error_under_a_tape():
    waits = "%%tape\nimport asyncio\nawait asyncio.sleep(0)\ny = b * b"
    cells = [
        "%load_ext nbtape\nimport nbtape as tf\nb = tf.Variable(0.5)",
        waits,
        "%grad y b",
        "%%tape\ny = b\n1 / 0",
        "y",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.raises(CellExecutionError, match=r"(?s)Cell.*In\[4\].*line 3.*ZeroDivisionError"):
        NotebookClient(book, kernel_name="python3", timeout=120).execute()
    last = book.cells[2].outputs[0].data["text/plain"].splitlines()[-1]
    assert last.split() == "b () float32 1 1 1 1 1".split()
    assert not book.cells[4].outputs

"""`%vars`, `%tapes`, `%source`, `%trace`; completion and help of all magics."""

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError

from nbtape.notebook.highlight import highlighted
from nbtape.notebook.options import USAGES

pytest_plugins = ["shells"]

EVIL = "<img src=x onerror=alert(1)>"
MAGICS = "tape grad jacobian hessian jvp gradcheck scope device vars tapes source trace arrays".split()


def test_vars_is_a_tree_of_scopes(notebook):
    notebook.run("vs = [tf.Variable(tf.range(10.0), name=f'tree_of_vars/layer{i}/w') for i in range(2)]")
    notebook.run("vs.append(tf.Variable(1, trainable=False, name='tree_of_vars/count'))")
    text, html = notebook.show("%vars tree_of_vars/")
    names = [line.split()[0] for line in text.splitlines()]
    assert names == ["variable", "tree_of_vars/count", "tree_of_vars/layer0/w", "tree_of_vars/layer1/w", "21"]
    assert text.splitlines()[1].split()[1:4] == ["()", "int32", "no"]
    assert (
        "tree_of_vars/layer1/: 10 numbers (40 B), 10 of them trainable" in html
        and html.count("<details open>") == 3
    )


def test_vars_leaves_out_what_looks_keep(notebook):
    notebook.run("adam = tf.optimizers.Adam()\nadam.look.on = True\nadam.apply_gradients([(b, b)])")
    assert "look" not in notebook.show("%vars")[0] and notebook.run("adam.look.gradient(b) is not None")


def test_vars_goes_by_the_users_names_and_escapes_them(notebook):
    notebook.run(f"evil = tf.Variable(1.0, name='evil/' + {EVIL!r})\nmine = tf.Variable(2.0)")
    assert "mine" in notebook.show("%vars")[0]
    html = notebook.show("%vars evil")[1]
    assert "<img" not in html and "&lt;img" in html


def test_vars_of_an_empty_scope(notebook, capsys):
    notebook.run("%vars nowhere")
    assert capsys.readouterr().out == "no variable is alive whose name begins with nowhere\n"


def test_tapes_tells_what_each_holds(notebook):
    notebook.run("%%tape a -q\ny = b * b")
    text = notebook.show("%%tape c -q\nz = x @ w\n%tapes")[0]
    assert [line.split() for line in text.splitlines()] == [
        ["tape", "operations", "holds"],
        ["a", "1", "4", "B"],
        ["c", "open", "1", "12", "B"],
    ]


def test_source_shows_the_kernels_and_what_they_move(notebook):
    notebook.run("f = tf.function(lambda x: tf.tanh(x) * 2.0)\nf(tf.ones([4]))")
    text, html = notebook.show("%source f")
    assert notebook.run("f.source") in text and "32 B" in text
    assert "32 B" in html and "<details open>" in html and ">def</span> kernel" in html


def test_trace_says_why(notebook):
    notebook.run("f = tf.function(lambda x: x * 2.0)\nf(x)\nf(b)")
    text, html = notebook.show("%trace f")
    assert [line.split("  ")[0] for line in text.splitlines()[3:]] == ["1", "2"]
    assert "first call" in text and "first call" in html and " ms" not in text
    with pytest.raises(UsageError, match="what tf.function made is wanted"):
        notebook.run("%trace w")


def test_trace_of_what_was_not_called(notebook, capsys):
    notebook.run("f = tf.function(lambda x: x)\n%trace f")
    assert capsys.readouterr().out == "<tf.function <lambda>(x)> has not been traced: call it first\n"


def test_highlighting_keeps_the_text_and_escapes_it():
    source = 'def f(x):  # <b>\n    """a\n    b"""\n\n    return "<i>" + x[1:2] if x < 2.5 else None\n'
    html = highlighted(source)
    plain = html.replace("</span>", "")
    while "<span" in plain:
        start = plain.index("<span")
        plain = plain[:start] + plain[plain.index(">", start) + 1 :]
    shown = plain.removeprefix('<pre style="overflow-x: auto"><code>').removesuffix("</code></pre>")
    assert shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"') == source
    assert "<b>" not in html and html.count("font-weight: bold") == 5


@pytest.mark.parametrize("magic", MAGICS)
def test_each_magic_has_its_help_and_an_entry_for_completion(notebook, magic):
    told = notebook.shell.magics_manager.magics["line"][magic].__doc__
    assert f"%{magic}" in told.split("\n\n")[0] and magic in USAGES
    assert all((option.short or option.name) in told for option in USAGES[magic].options)


def completed(notebook, text):
    """The words that may stand where the last one of `text` does."""
    start = text.rindex(" ") + 1 if " " in text else 0
    with provisionalcompleter():
        found = notebook.shell.Completer.completions(text, len(text))
        return [(text[: c.start] + c.text)[start:] for c in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("%grad loss --", ["--latex", "--order", "--plot", "--tape"]),
        ("%grad loss --o", ["--order"]),
        ("%%tape --p", ["--profile"]),
        ("%%tape t -w x --ch", ["--check"]),
        ("%jac", ["%jacobian"]),
        ("%%sco", ["%%scope"]),
    ],
)
def test_names_and_options_are_completed(notebook, text, found):
    assert sorted(completed(notebook, text)) == found


def test_expressions_on_a_magics_line_are_completed(notebook):
    notebook.run("weights_of_mine = 1")
    assert "weights_of_mine" in completed(notebook, "%grad weights_of_m")
    assert "--order" not in completed(notebook, "x = y --")

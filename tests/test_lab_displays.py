"""Magics and displays in a real JupyterLab: what they show, who can read it, and names that stay text."""

import re

from lab import NEWEST, versions
from legible import THEMES, findings, wider

HOSTILE = "<img src=x onerror='window.hacked=1'>"
OUTPUT = ".jp-OutputArea-output"
SETUP = """\
%reload_ext nbtape
import time, numpy as np, nbtape as nt
w = nt.Variable(nt.random.normal([6, 4]), name="net/first/kernel")
v = nt.Variable(np.linspace(-1, 1, 12).reshape(3, 4).astype("f"), name={name!r})
unused = nt.Variable([1.0, 2.0], name="net/second/bias")
x = nt.random.normal([5, 6])
"""
TAPE = "%%tape\nloss = nt.reduce_sum(nt.tanh(x @ w @ nt.transpose(v)) ** 2)"
DISPLAYS = [
    *("%grad loss w v unused", "%vars", "%tapes", "tape", "v", "nt.random.normal([2, 3, 40, 30])"),
    *("nt.constant(np.arange(-12, 12).reshape(2, 3, 4))", "nt.constant([[1.0, np.nan, -np.inf]])"),
    *("@nt.function\ndef f(x):\n    return nt.tanh(x) * 2.0\nf(x)\n%source f", "%trace f", "f.graph"),
    *("nt.show(f)", "nt.show(tape, loss, w)"),
    *("nt.optimizers.Adam(0.1)", "nt.train.Checkpoint(w=w, v=v)", "nt.data.Dataset.range(9)"),
    "nt.keras.Sequential([nt.keras.Input((64,)), nt.keras.layers.Dense(10, name='digits')])",
]


def shown(here, name, *cells):
    """A page with the outputs of cells, when all are there."""
    page = here.open(name, [*cells, "print('all', 'is there')"])
    here.run_all()
    page.get_by_text("all is there").wait_for(timeout=60_000)
    return page


@versions(NEWEST)
def test_magics_show_what_was_recorded_and_trained(here):
    train = "%%train --steps 300\nloss = nt.reduce_mean((x @ w - 1.0) ** 2)\ntime.sleep(0.005)"
    left = "print(live.state, 'after', len(live.history['loss']))"
    setup = SETUP.format(name="net/second/kernel")
    page = here.open("magics.ipynb", [setup, TAPE, "%grad loss w unused", train, left])
    here.run_all()
    panel = page.locator(".nbl")
    panel.get_by_role("switch", name="Train net/first/kernel").wait_for(timeout=60_000)
    page.get_by_text("done after 300").wait_for(timeout=20_000)
    panel.wait_for(state="detached", timeout=10_000)
    assert page.locator(f"{OUTPUT} img[src^='data:image/png']").count() == 1
    told = page.locator(OUTPUT).all_inner_texts()
    assert re.match(r"tape: \d operations \(.*\), watches w, v, holds \d+ B", told[0])
    gradients = page.get_by_role("table").filter(has=page.get_by_role("columnheader", name="norm"))
    assert gradients.get_by_role("row").count() == 3
    assert "None: variable 'net/second/bias:0' was not read" in gradients.inner_text()


@versions(NEWEST)
def test_displays_are_legible_in_each_theme_and_width(here):
    page = shown(here, "legible.ipynb", SETUP.format(name="net/second/kernel"), TAPE, *DISPLAYS)
    page.locator(".nbg-live").nth(1).wait_for(timeout=10_000, state="attached")
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    for theme in THEMES:
        here.theme(theme)
        assert findings(page, OUTPUT) == []
        for width in (900, 1400):
            page.set_viewport_size({"width": width, "height": 1000})
            assert wider(page, OUTPUT) == []


@versions(NEWEST)
def test_names_stay_text(here):
    setup = SETUP.format(name=HOSTILE) + "held = [v]; del v"  # the variable has no other name than its own
    live = "with nt.live(held, name=held[0].name) as live:\n    live.log(**{held[0].name: 1})"
    cells = ["%%tape\ny = held[0] ** 2", "%grad y", "%vars", "tape", "held[0]", live]
    page = shown(here, "hostile.ipynb", setup, *cells)
    outputs = page.locator(OUTPUT)
    for i in range(5):
        assert HOSTILE in outputs.nth(i).inner_text()
    frozen = here.saved("hostile.ipynb")["cells"][6]["outputs"][0]["data"]
    assert HOSTILE in frozen["text/plain"][0] and not any("<img" in x for x in frozen.get("text/html", ""))
    assert page.locator("img[src=x]").count() == 0 and page.evaluate("() => window.hacked") is None


@versions(NEWEST)
def test_what_is_hard_to_read_is_found(here):
    bad = "from IPython.display import HTML\nHTML('<select></select> <b style=\"color: #999\">' + 'x' * 999)"
    page = shown(here, "found.ipynb", bad)
    here.theme(THEMES[0])
    assert {told.partition(":")[0] for told in findings(page, OUTPUT)} >= {"select-name", "color-contrast"}
    assert len(wider(page, OUTPUT)) == 1


@versions(NEWEST)
def test_what_is_asked_of_other_machines_is_noted(here):
    assert here.elsewhere == []  # the fixture looks again when all tests of this page are done
    here.page.evaluate("() => fetch('http://nbtape.invalid/').catch(() => null)")
    assert here.elsewhere == ["http://nbtape.invalid/"]
    here.elsewhere.clear()

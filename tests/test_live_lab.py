"""The live panel in a real JupyterLab: what a reader sees, and clicks, while the cell runs."""

import re
from pathlib import Path

from lab import NEWEST, OLDEST, versions
from legible import FOCUS, STOPS, THEMES, findings, walk, wider
from nbconvert import HTMLExporter

SETUP = """\
import threading, time, numpy as np, nbtape as nt
w = nt.Variable(np.ones((3, 2), "f"), name="net/first/kernel")
v = nt.Variable(np.ones(2, "f"), name="net/second/kernel")
h = nt.Variable(1.0, name="<img src=x onerror='window.hacked=1'>")
variables, optimizer = [w, v, h], nt.optimizers.SGD(1e-5)
seen = []
def step():
    with nt.GradientTape() as tape:
        loss = nt.reduce_sum(nt.constant([[1.0, 2.0, 3.0]]) @ w * v) * h  # has no least value to come to
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    return loss
def train(seconds, **options):
    end = time.time() + seconds
    with nt.live(variables, optimizer=optimizer, **options) as live:
        globals()["live"] = live
        while time.time() < end:
            before = w.numpy().tobytes()
            live.log(loss=live.run(step))
            seen.append((w.trainable, w.numpy().tobytes() != before))
            time.sleep(0.002)
    # Whether what was switched off stayed as it was in each step that began with it switched off.
    agree = all(changed == trained for (trained, _), (_, changed) in zip(seen, seen[1:]))
    frozen = [trained for trained, _ in seen].count(False) > 2
    print("after the run:", live.state, agree, frozen, f"rate {live.learning_rate:g}")
def train_aside():
    globals().pop("live", None)
    threading.Thread(target=train, args=(60,)).start()
    while "live" not in globals():  # ipykernel 6 shows what threads send where a cell runs
        time.sleep(0.01)
"""


def panel(here, name, *cells):
    """The panel that a cell shows."""
    page = here.open(name, [SETUP, *cells])
    here.run_all()
    found = page.locator(".nbl")
    found.wait_for(timeout=60_000)
    return found


def steered(here, name, *cells):
    """A panel whose controls act: of a cell, where the kernel listens meanwhile, else of a thread."""
    listens = here.kernel != "6.31"
    found = panel(here, name, *cells, "train(60)" if listens else "train_aside()")
    found.get_by_text(f"controls: {'subshell' if listens else 'background'}").wait_for(timeout=10_000)
    return found


@versions(NEWEST, OLDEST)
def test_controls_act_while_the_run_goes_on(here):
    found = steered(here, "controls.ipynb")
    found.get_by_role("switch", name="Train net/first/kernel").click()
    found.get_by_text("freeze net/first/kernel").wait_for(state="attached", timeout=5000)
    found.get_by_label("Learning rate").fill("0.00002")
    found.get_by_label("Learning rate").press("Enter")
    found.get_by_text("learning rate 2e-05").wait_for(state="attached", timeout=5000)
    found.get_by_role("button", name="Pause").click()
    found.get_by_role("button", name="Resume").wait_for(timeout=5000)
    steps = found.locator("header").inner_text()
    assert "paused" in steps
    here.page.wait_for_timeout(500)
    assert found.locator("header").inner_text().split(" steps")[0] == steps.split(" steps")[0]
    found.get_by_role("button", name="Resume").click()
    found.get_by_role("button", name="Pause").wait_for(timeout=5000)
    found.get_by_role("button", name="Stop").click()
    here.page.get_by_text("after the run: stopped True True rate 2e-05").wait_for(timeout=10_000)
    found.wait_for(state="detached", timeout=10_000)


@versions(NEWEST)
def test_panel_shows_curves_and_text_that_stays_text(here):
    kept = "print(live.state, 'with', len(variables[0].numpy()), 'rows and', len(live.history['loss']) > 9)"
    before = "with nt.live(name='earlier') as earlier:\n    for i in range(9): earlier.log(loss=i)"
    again = f"try:\n    train(60, compare=[earlier])\nexcept KeyboardInterrupt:\n    {kept}"
    found = panel(here, "curves.ipynb", before, again)
    route = "subshell" if here.kernel != "6.31" else "interrupt only"
    found.get_by_text(f"controls: {route}").wait_for(timeout=10_000)
    found.locator("canvas[aria-label^='loss,']").wait_for(timeout=10_000)
    canvas = found.locator("canvas").first
    assert re.match(r"loss, [\d,]+ steps, last [\d.e+-]+", canvas.get_attribute("aria-label"))
    reds = "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((_, i) => i % 4 == 0)"
    colours = f"c => new Set({reds}).size"
    assert canvas.evaluate(colours) > 3
    assert "loss · earlier, 9 steps, last 8" in canvas.get_attribute("aria-label")
    found.get_by_role("button", name="loss · earlier", pressed=True).press("Enter")
    found.get_by_role("button", name="loss · earlier", pressed=False).wait_for(timeout=5000)
    assert "earlier" not in canvas.get_attribute("aria-label")
    found.get_by_role("button", name="loss · earlier").click()
    found.get_by_role("button", name="loss · earlier", pressed=True).wait_for(timeout=5000)
    with here.page.expect_download() as download:
        found.get_by_role("button", name="CSV").click()
    head, first, *rows = Path(download.value.path()).read_text("utf-8").splitlines()
    assert (download.value.suggested_filename, head) == ("Training.csv", '"step","loss","loss · earlier"')
    assert re.fullmatch(r"0,[\d.e+-]+,0", first) and len(rows) > 9 and rows[8].startswith("9,")
    assert found.get_by_role("table").get_by_text("<img src=x onerror='window.hacked=1'>").count() == 1
    assert found.locator("img").count() == 0 and here.page.evaluate("window.hacked") is None
    assert found.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert found.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
    here.theme("JupyterLab Dark")
    assert found.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(17, 17, 17)"
    assert found.evaluate("e => getComputedStyle(e).color") == "rgb(232, 234, 240)"
    here.theme("JupyterLab Light")
    here.command("notebook:interrupt-kernel")
    found.wait_for(state="detached", timeout=10_000)
    here.page.get_by_text("interrupted with 3 rows and True").wait_for(timeout=5000)
    assert here.page.locator("img[src^='data:image/png']").count() == 2


@versions(NEWEST)
def test_picture_stays_when_the_notebook_is_opened_again(here):
    loop = "    for i in range(400):\n        live.log(loss=1 / (390 - i))\n        time.sleep(0.002)"
    failing = f"with nt.live(variables) as live:\n{loop}"
    panel(here, "frozen.ipynb", "train(2, name='short run')", failing)
    here.page.get_by_text("ZeroDivisionError").first.wait_for(timeout=20_000)
    pictures = here.page.locator("img[src^='data:image/png']")
    pictures.nth(1).wait_for(timeout=5000)
    assert here.page.locator(".nbl").count() == 0
    saved = here.saved("frozen.ipynb")
    shown, failed = [cell["outputs"][0]["data"] for cell in saved["cells"][1:]]
    assert set(shown) == set(failed) == {"image/png", "text/plain"} and "widgets" not in saved["metadata"]
    assert shown["text/plain"] == ["<nt.live short run, 3 variables>"]
    html, _ = HTMLExporter().from_filename(str(here.folder / "frozen.ipynb"))
    assert html.count('src="data:image/png;base64,') == 2
    assert "widget-view" not in html and "model not found" not in html
    here.open("frozen.ipynb", fresh=True)
    pictures = here.page.locator("img[src^='data:image/png']")
    pictures.nth(1).wait_for(timeout=10_000)
    assert here.page.get_by_text("model not found").count() == 0


@versions(NEWEST)
def test_background_run_is_back_after_the_page_was_loaded_again(here):
    found = panel(here, "background.ipynb", "%load_ext nbtape", "%%tape -q --background\ntrain(60)")
    found.get_by_text("controls: background").wait_for(timeout=10_000)
    here.saved("background.ipynb")
    here.load_again("background.ipynb")
    found.get_by_text("running", exact=True).wait_for(timeout=30_000)
    found.get_by_role("button", name="Stop").click()
    found.get_by_text("stopped", exact=True).wait_for(timeout=10_000)


@versions(NEWEST)
def test_keyboard_alone_is_enough(here):
    found, press = steered(here, "keys.ipynb"), here.page.keyboard.press
    role = found.get_by_role
    found.get_by_text(re.compile(r"^step [1-9]")).first.wait_for(timeout=10_000)  # a second snapshot

    def said(text):
        found.get_by_text(text).wait_for(state="attached", timeout=5000)

    def use(node, key):
        node.focus()
        press(key)

    use(role("button", name="Pause"), "Enter")
    role("button", name="Resume").wait_for(timeout=5000)
    labels = found.locator("button, input, summary, canvas, [tabindex]").evaluate_all(STOPS)
    role("button", name="Resume").focus()
    assert [here.page.evaluate(FOCUS), *walk(here.page, len(labels) - 1)] == labels
    use(role("switch", name="Train all of net/second"), "Space")
    said("freeze net/second")
    assert not role("switch", name="Train all of net/second").is_checked()
    found.get_by_label("Learning rate").focus()
    press("Control+a")
    here.page.keyboard.type("0.003")
    press("Enter")
    said("learning rate 0.003")
    use(role("slider", name="Snapshot"), "Home")
    use(role("button", name="Restore"), "Enter")
    said(re.compile("restore step"))
    use(role("button", name="Mean"), "Enter")
    assert role("columnheader", name="Mean").get_attribute("aria-sort") == "descending"
    use(role("button", name="Name"), "Enter")
    rows = role("row").count()
    use(role("button", name="Fold net", exact=True), "Enter")
    assert role("row").count() == rows - 4
    use(role("searchbox"), "f")
    here.page.keyboard.type("irst")
    assert role("rowheader").all_inner_texts() == ["net/first/kernel"]
    use(found.locator("canvas").first, "+")
    role("button", name="Show all", disabled=False).wait_for(timeout=5000)
    press("0")
    role("button", name="Show all", disabled=True).wait_for(timeout=5000)
    use(role("button", name="Log"), "Space")
    assert role("button", name="Log", pressed=True).count() == 1
    use(found.locator("summary").last, "Enter")
    assert found.locator("details").last.get_attribute("open") is not None
    use(role("button", name="Stop"), "Enter")
    found.wait_for(state="detached", timeout=10_000)


@versions(NEWEST)
def test_panel_is_legible_in_each_theme_and_width(here):
    found = steered(here, "legible.ipynb")
    found.locator("canvas[aria-label^=loss]").wait_for(timeout=10_000)
    here.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    for theme in THEMES:
        here.theme(theme)
        assert findings(here.page, ".nbl") == []
        for width in (900, 1400):
            here.page.set_viewport_size({"width": width, "height": 1000})
            # Longer names than there is room for are said in full by a title.
            assert wider(here.page, ".nbl", ".spoken, [title], [title] *") == []
    found.get_by_role("button", name="Stop").click()
    found.wait_for(state="detached", timeout=10_000)


@versions(NEWEST)
def test_graph_of_the_step_opens_below_and_is_gone_at_the_end(here):
    found = steered(here, "below.ipynb", "step = nt.function(step)")
    graph = here.page.locator(".nbg-live")
    button = found.get_by_role("button", name="Graph")
    for _ in range(2):
        button.press("Enter")
        graph.wait_for(timeout=10_000)
        found.get_by_role("button", name="Graph", expanded=True).wait_for(timeout=5000)
        button.press("Enter")
        graph.wait_for(state="detached", timeout=5000)
    button.click()
    graph.get_by_role("button", name="Open all").click()
    graph.get_by_label("gradient by").select_option("net/first/kernel")
    graph.get_by_text("to net/first/kernel").wait_for(timeout=5000)
    found.get_by_role("button", name="Stop").click()
    found.wait_for(state="detached", timeout=10_000)
    assert graph.count() == 0 and "widget" not in str(here.saved("below.ipynb"))


@versions(NEWEST)
def test_progress_is_seen_where_scripts_may_not_be_blobs(here):
    with here.beside("script-src 'self' 'unsafe-inline' 'unsafe-eval'") as other:
        page = other.open("policy.ipynb", [SETUP, "train(60)"])
        other.run_all()
        told = page.get_by_text(re.compile(r"running · [1-9][\d,]* steps"))
        told.wait_for(timeout=60_000)
        assert page.locator(".nbl").count() == 0
        page.get_by_text("Plain numbers, for the panel has not answered").wait_for(timeout=5000)
        told.filter(has_not_text=told.inner_text()).wait_for(timeout=5000)  # it goes on
        other.command("notebook:interrupt-kernel")
        page.get_by_text("KeyboardInterrupt").first.wait_for(timeout=10_000)

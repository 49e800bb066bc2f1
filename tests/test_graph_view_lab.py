"""The picture of a graph in a real JupyterLab: opened by keyboard, asked by clicks."""

from lab import NEWEST, versions
from legible import THEMES, findings

SETUP = """\
%reload_ext nbtape
import nbtape as nt
w = nt.Variable([[1.0, 2.0]], name="net/first/kernel")
v = nt.Variable([2.0, 3.0], name="<img src=x onerror='window.hacked=1'>")

@nt.function
def step(x):
    with nt.name_scope("net"):
        with nt.name_scope("first"):
            h = nt.tanh(x @ w)
        with nt.name_scope("second"):
            h = nt.nn.relu(h * v) + nt.stop_gradient(h)
    return nt.reduce_mean(h ** 2.0)

_ = step(nt.ones([3, 1]))
"""


def shown(here, name, cell):
    page = here.open(name, [SETUP, cell])
    here.run_all()
    found = page.locator(".nbg-live")
    found.wait_for(timeout=60_000)
    return found


@versions(NEWEST)
def test_a_picture_opens_by_keyboard_and_tells_the_line_of_an_operation(here):
    found, press = shown(here, "graph.ipynb", "nt.show(step)"), here.page.keyboard.press
    item = found.get_by_role("treeitem")
    found.get_by_role("button", name="Fold all").click()
    found.locator("[data-key=net][aria-expanded=false]").wait_for(timeout=5000)
    item.first.focus()
    for _ in range(item.count()):
        if here.page.evaluate("() => document.activeElement.dataset.key") == "net":
            break
        press("ArrowDown")
    press("ArrowRight")
    found.locator("[data-key='net/first'][aria-expanded=false]").wait_for(timeout=5000)
    assert here.page.evaluate("() => document.activeElement.dataset.key") == "net"
    press("ArrowDown")
    press("Enter")
    found.locator("[data-key='net/first/Tanh'][role=treeitem]").click(timeout=5000)
    told = found.locator(".nbg-facts")
    told.get_by_text("h = nt.tanh(x @ w)").wait_for(timeout=5000)
    assert "Cell In[1], line 10" in told.inner_text() and "float32[3,2]" in told.inner_text()
    found.get_by_label("gradient by").select_option("net/first/kernel")
    way = "the way of the gradient from Mean to net/first/kernel"
    found.get_by_role("status").get_by_text(way).wait_for(timeout=5000)
    assert found.locator(".nbg-edge.path").count() > 3
    for theme in THEMES:
        here.theme(theme)
        assert findings(here.page, ".nbg-live") == []
    assert here.page.evaluate("() => window.hacked") is None
    assert here.page.locator(".nbg-page").is_hidden()


@versions(NEWEST)
def test_a_picture_without_a_script_is_an_image(here):
    page = here.open("still.ipynb", [SETUP, "step.graph"])
    here.run_all()
    image = page.locator(".nbg-page > img")
    image.wait_for(timeout=60_000)
    assert image.evaluate("e => e.naturalWidth > 100 && e.naturalHeight > 100")
    assert image.get_attribute("alt").startswith("step: 8 operations")

"""Make the README's pictures anew, in a real JupyterLab: `python tests/pictures.py`."""

from pathlib import Path

from lab import lab

FOLDER = Path(__file__).parents[1] / "notebooks" / "images"
QUIET = ".Toastify { display: none }"  # JupyterLab's questions about its news
DIGITS = """\
%reload_ext nbtape
import nbtape as tf
tf.random.set_seed(0)
(x, y), (x_test, y_test) = tf.keras.datasets.digits.load_data()
x, x_test = x.reshape(-1, 64) / 16.0, x_test.reshape(-1, 64) / 16.0
layers = [tf.keras.layers.Dense(n, activation="relu", name=f"hidden_{n}") for n in (128, 64)]
model = tf.keras.Sequential([tf.keras.Input((64,)), *layers, tf.keras.layers.Dense(10, name="digits")])
loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(1e-3)
batches = list(tf.data.Dataset.from_tensor_slices((x, y)).shuffle(1500, seed=0).batch(32))

@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_of(y, model(x, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss
"""
TRAIN = """\
import time
with tf.live(model, optimizer=optimizer, steps=9000, name="digits") as live:
    for i in range(9000):
        loss = live.run(step, *batches[i % len(batches)])
        if i % 50 == 0:
            found = model(x_test).numpy().argmax(1) == y_test
            live.log(loss=loss, accuracy=found.mean())
        else:
            live.log(loss=loss)
        time.sleep(0.002)
"""
GRADIENTS = """\
w, b = model.layers[0].weights
unused = tf.Variable([1.0, 2.0])
with tf.GradientTape(persistent=True) as tape:
    loss = loss_of(y[:32], model(x[:32]))
"""


def panel(here, name, dark):
    """The live panel, while its cell runs."""
    theme = f"JupyterLab {'Dark' if dark else 'Light'}"
    page = here.open(name, [DIGITS, TRAIN], width=1400, height=1400, theme=theme)
    here.run_all()
    found = page.locator(".nbl")
    found.wait_for(timeout=120_000)
    page.add_style_tag(content=QUIET)
    page.wait_for_timeout(4_000)
    found.get_by_role("switch", name="Train hidden_64/kernel").click()
    page.wait_for_timeout(6_000)
    found.screenshot(path=FOLDER / name.replace("ipynb", "png"))
    found.get_by_role("button", name="Stop").click()
    here.wait_idle(120_000)


def graph(here, name, dark):
    """The graph of a train step, with the way of a gradient."""
    cells = [DIGITS, "_ = step(*batches[0])", "tf.show(step)"]
    theme = f"JupyterLab {'Dark' if dark else 'Light'}"
    page = here.open(name, cells, width=1300, height=1400, theme=theme, fresh=True)
    here.run_all()
    found = page.locator(".nbg-live")
    found.wait_for(timeout=120_000)
    page.add_style_tag(content=QUIET + ".nbg-scroll { max-height: none !important }")
    found.get_by_label("gradient by").select_option("sequential/hidden_64/kernel")
    found.locator("[data-key='sequential/hidden_64'][role=treeitem]").click()
    found.locator("[data-key='sequential/hidden_64/MatMul'][role=treeitem]").click()
    found.locator(".nbg-facts").get_by_text("float32[32,64]").wait_for()
    page.mouse.move(0, 0)
    found.screenshot(path=FOLDER / name.replace("ipynb", "png"))


def output(here, name, *cells):
    """What the last of some cells shows."""
    page = here.open(name, cells, width=1500, height=1200)
    page.add_style_tag(content=QUIET)
    here.run_all()
    found = page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output").last
    found.wait_for(timeout=120_000)
    here.wait_idle(120_000)
    found.screenshot(path=FOLDER / name.replace("ipynb", "png"))


def main():
    FOLDER.mkdir(exist_ok=True)
    with lab() as here:
        panel(here, "live_light.ipynb", dark=False)
        panel(here, "live_dark.ipynb", dark=True)
        graph(here, "graph_light.ipynb", dark=False)
        graph(here, "graph_dark.ipynb", dark=True)
        output(here, "grad.ipynb", DIGITS, GRADIENTS, "%grad loss w b unused")
        output(here, "array.ipynb", DIGITS, "tf.constant((16 * x[:6]).reshape(6, 8, 8).astype(int))")


if __name__ == "__main__":
    main()

"""The picture of a graph or a tape: what is in it, where it lies, and that nothing in it runs."""

import base64
import re
import xml.etree.ElementTree as ET

import pytest

import nbtape as tf
from nbtape.compile.settings import Settings
from nbtape.notebook.graphs.draw import svg
from nbtape.notebook.graphs.layers import place
from nbtape.notebook.graphs.layout import laid_out
from nbtape.notebook.graphs.net import Arrow
from nbtape.notebook.graphs.of_graph import drawing_of_graph
from nbtape.notebook.graphs.page import page, text
from nbtape.notebook.graphs.show import still, view_of
from nbtape.notebook.graphs.view import View

pytest_plugins = ["shells"]
EVIL = "<img src=x onerror=alert(1)>"


def step_of():
    """A train step of a small net, with the variables that it trains."""
    layers = [tf.keras.layers.Dense(4, activation="relu", name=name) for name in ("first", "second")]
    model = tf.keras.Sequential(
        [tf.keras.Input((3,)), *layers, tf.keras.layers.Dense(1, name="last")], name="net"
    )
    optimizer = tf.keras.optimizers.Adam(0.01, name="adam")

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(x) ** 2.0)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    step(tf.ones([2, 3]))
    return step, model


@tf.function
def halved(x):
    i = tf.constant(0)
    while i < 10:
        if tf.reduce_sum(x) > 3.0:
            x = x * 0.5
        else:
            x = x + 1.0
        i += 1
    return x


@pytest.fixture(scope="module")
def drawing():
    return drawing_of_graph(step_of()[0].graph)


def groups_of(drawing):
    return [part for part in drawing.root.walk() if part.is_group and part is not drawing.root]


def inside(inner, outer):
    return (
        outer.x <= inner.x
        and inner.x + inner.width <= outer.x + outer.width
        and outer.y <= inner.y
        and inner.y + inner.height <= outer.y + outer.height
    )


def apart(a, b):
    return (
        a.x + a.width <= b.x
        or b.x + b.width <= a.x
        or a.y + a.height <= b.y
        or b.y + b.height <= a.y
    )  # fmt: skip


def check_places(scene):
    """Boxes are side by side or one in the other, and none leaves the picture."""
    at = {box.part: box for box in scene.boxes}
    for box in scene.boxes:
        assert box.x >= 0 and box.y >= 0
        assert box.x + box.width <= scene.width and box.y + box.height <= scene.height
        if box.part.parent in at:
            assert inside(box, at[box.part.parent])
    for i, a in enumerate(scene.boxes):
        for b in scene.boxes[i + 1 :]:
            if b.part not in a.part.around and a.part not in b.part.around:
                assert apart(a, b), (a.part.key, b.part.key)


def test_boxes_never_lie_on_each_other(drawing):
    keys = {part.key for part in groups_of(drawing)}
    outer = {part.key for part in drawing.root.parts if part.is_group}
    for opened in (set(), outer, keys):
        check_places(laid_out(drawing, opened))
    loop = drawing_of_graph(halved.get_concrete_function(tf.TensorSpec([3])).graph)
    check_places(laid_out(loop, {part.key for part in groups_of(loop)}))


def test_arrows_go_down(drawing):
    scene = laid_out(drawing, {part.key for part in groups_of(drawing)})
    assert len(scene.edges) > 100
    for edge in scene.edges:
        ys = [y for _, y in edge.points]
        assert ys == sorted(ys) and not edge.goes_back


def test_an_arrow_that_closes_a_circle_is_told_from_the_others():
    found = place([(20, 10)] * 3, [Arrow(0, 1), Arrow(1, 2), Arrow(2, 0)], gap=20)
    assert found.back == {2}
    assert [y for _, y in found.corners] == [0, 30, 60]


def test_arrows_that_need_not_cross_do_not():
    arrows = [Arrow(0, 3), Arrow(1, 2)]
    found = place([(20, 10)] * 4, arrows, gap=20)
    x = [x for x, _ in found.corners]
    assert (x[0] < x[1]) == (x[3] < x[2])


def test_the_same_graph_is_laid_out_the_same():
    step, _ = step_of()
    first, second = (View(drawing_of_graph(step.graph), step.graph).picture() for _ in range(2))
    assert first == second


def test_a_train_step_falls_into_layers_lines_and_updates(drawing):
    labels = {part.label for part in groups_of(drawing)}
    assert {"net", "first", "update first/kernel", "update last/bias"} <= labels
    assert "gradients = tape.gradient(loss, model.trainable_variables)" in labels
    update = next(part for part in groups_of(drawing) if part.label == "update first/kernel")
    assigned = {part.label for part in update.parts if part.kind == "assign"}
    assert assigned == {"net/first/kernel", "adam/kernel_momentum", "adam/kernel_velocity"}


def test_the_text_is_the_same_in_each_run():
    @tf.function
    def f(x):
        with tf.name_scope("double"):
            return tf.tanh(x) * 2.0

    f(tf.ones([3]))
    assert text(view_of(f).drawing) == "f: 2 operations, 1 input\n  double: 2 operations"


def test_loops_and_branches_hold_what_is_in_them():
    drawing = drawing_of_graph(halved.get_concrete_function(tf.TensorSpec([3])).graph)
    (loop,) = [part for part in drawing.root.parts if part.kind == "loop"]
    assert [part.label for part in loop.parts if part.is_group] == ["test", "body"]
    (branch,) = [part for part in loop.walk() if part.kind == "branch"]
    assert [[op.label for op in part.parts] for part in branch.parts[1:]] == [["Mul"], ["AddV2"]]
    ends = {flow.source for flow in drawing.flows if flow.target.kind == "output"}
    assert ends == {part.parts[0] for part in branch.parts[1:]}


def test_operations_of_a_tape_stand_with_the_variables_that_they_take():
    layers = [tf.keras.layers.Dense(4, activation="relu", name=f"layer_{i}") for i in range(6)]
    model = tf.keras.Sequential([tf.keras.Input((3,)), *layers], name="net")
    with tf.GradientTape(persistent=True) as tape:
        model(tf.ones([2, 3]))
    root = view_of(tape).drawing.root
    assert [part.label for part in root.parts if part.is_group] == [f"net/layer_{i}" for i in range(6)]
    first = next(part for part in root.parts if part.is_group)
    assert sorted(part.label for part in first.leaves if part.kind == "op") == ["BiasAdd", "MatMul"]


def test_a_line_whose_results_come_back_to_it_is_no_group():
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        y = x
        for _ in range(10):
            y = tf.tanh(y) * 2.0
            y = tf.sin(y) * 3.0
    view = view_of(tape)
    assert view.drawing.root.parts[1:] == view.drawing.root.leaves[1:]
    assert not any(edge.goes_back for edge in view.scene().edges)


def test_what_does_not_hang_together_is_side_by_side():
    found = place([(20, 10)] * 4, [Arrow(0, 1), Arrow(2, 3)], gap=20)
    (a, _), (_, _), (c, _), (_, _) = found.corners
    assert a == 0 and 20 < c < 80 and found.width == c + 20
    deeper = place([(20, 10), (20, 10), (300, 10)], [Arrow(1, 2)], gap=20)
    assert all(x >= 0 for x, _ in deeper.corners) and deeper.width == 300


def test_constants_of_a_few_numbers_stand_in_the_box_that_takes_them(drawing):
    notes = {part.note for part in drawing.root.leaves if part.label == "Mul"}
    assert "0.1" in notes
    assert not any(part.kind == "constant" for part in drawing.root.leaves)


def test_the_way_of_a_gradient_is_what_lies_between(drawing):
    view = View(drawing, None)
    assert view.follow("net/first/kernel")
    ops = [part.label for part in drawing.root.leaves if part in view.path.parts and part.kind == "op"]
    assert ops == [
        "MatMul",
        "BiasAdd",
        "Relu",
        "MatMul",
        "BiasAdd",
        "Relu",
        "MatMul",
        "BiasAdd",
        "Pow",
        "Mean",
    ]
    assert not view.path.ends and "path" in str(view.picture())
    assert not view.follow("no such variable")


def test_tapes_in_functions_and_loops_that_give_constants_are_drawn_too():
    @tf.function
    def f(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * tf.ones([3])
        assert {part.kind for part in view_of(tape).drawing.root.leaves} == {"input", "constant", "op"}
        found = tf.constant(False)
        while not found:
            found = tf.constant(True)
        return y, found

    f(tf.ones([3]))
    loop = view_of(f)
    assert loop.do({"do": "open", "with": "all"})
    check_places(loop.scene())


def test_a_way_that_breaks_says_where_and_why():
    w = tf.Variable([[1.0, 2.0], [3.0, 4.0]], name="w")
    with tf.GradientTape(persistent=True) as tape:
        h = tf.tanh(tf.ones([3, 2]) @ w)
        loss = tf.reduce_mean(tf.stop_gradient(h) * 2.0 + tf.reduce_sum(h) * 0.0)
        lost = tf.reduce_mean(tf.stop_gradient(h) * 2.0)
    assert not view_of(tape, loss, w).path.ends
    view = view_of(tape, lost, w)
    assert [part.label for part in view.path.ends] == ["StopGradient"]
    assert {part.label for part in view.path.parts} == {"w", "MatMul", "Tanh", "StopGradient"}
    assert "stop_gradient stops the gradient" in view.told and "test_graph_view.py" in view.told


def test_functions_on_a_tape_are_groups_of_what_ran_inside():
    w = tf.Variable([2.0, 3.0], name="w")
    double = tf.function(lambda x: tf.tanh(x) * w)
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_sum(double(w))
    view = view_of(tape, loss, w)
    (call,) = [part for part in view.drawing.root.parts if part.kind == "function"]
    assert [part.label for part in call.parts] == ["Tanh", "Mul"]
    assert set(call.parts) <= view.path.parts and not view.path.ends


def test_operations_tell_their_line_and_their_values():
    w = tf.Variable([1.0, 2.0], name="w")
    with tf.GradientTape(persistent=True) as tape:
        tf.reduce_sum(w * 3.0)
    view = view_of(tape)
    assert view.do({"do": "choose", "with": "Mul"})
    chosen = view.state()["chosen"]
    assert chosen["text"] == "tf.reduce_sum(w * 3.0)" and "test_graph_view.py" in chosen["line"]
    told = dict(chosen["lists"])
    assert told["takes"] == [("w", "float32[2], 8 B")] and told["values"] == [("", "3, 6")]


def test_operations_that_run_as_one_have_the_number_of_their_kernel():
    f = tf.function(
        lambda x: tf.reduce_sum(tf.tanh(x) * 2.0) @ tf.ones([1, 1]) if False else tf.tanh(x) * 2.0
    )
    f(tf.ones([3]))
    view = view_of(f)
    assert view.colours == ["kind", "kernel", "bytes"] and view.do({"do": "colour", "with": "kernel"})
    assert view.do({"do": "choose", "with": "Tanh"})
    (note,) = view.state()["chosen"]["notes"]
    assert note.startswith("kernel 1, tanh mul: moves 24 B")


REFUSED = [
    *(None, [], {"do": "eval"}, {"do": "toggle"}, {"do": ["toggle"]}, {"do": "toggle", "with": 3}),
    *({"do": "choose", "with": "x" * 9}, {"do": "open", "with": "door"}, {"do": "colour", "with": "time"}),
]


@pytest.mark.parametrize("message", REFUSED)
def test_nothing_else_can_be_asked_for(drawing, message):
    view = View(drawing, None)
    before = set(view.opened)
    assert not view.do(message) and view.opened == before


def test_groups_open_and_fold(drawing):
    view = View(drawing, None)
    view.do({"do": "open", "with": "none"})
    folded = len(view.scene().boxes)
    assert view.do({"do": "toggle", "with": "net"}) and len(view.scene().boxes) == folded + 3
    assert view.do({"do": "toggle", "with": "net"}) and len(view.scene().boxes) == folded
    assert view.do({"do": "open", "with": "all"})
    assert len(view.scene().boxes) == len(drawing.by_key) - 1


def images(html):
    return [base64.b64decode(data).decode() for data in re.findall(r"svg\+xml;base64,([^\"]+)", html)]


def test_names_of_users_are_text():
    w = tf.Variable([1.0, 2.0], name=EVIL)
    with tf.GradientTape(persistent=True) as tape:
        w * 2.0  # noqa: B018 it is the comment of this line, </text><script>, that is shown
    view = view_of(tape)
    html = page(view)
    assert EVIL not in html and "<script" not in html
    (image,) = images(html)
    assert EVIL not in image and EVIL in "".join(ET.fromstring(image).itertext())
    whole = ET.fromstring(svg(view.picture()))
    allowed = {"svg", "g", "title", "rect", "path", "text"}
    assert {node.tag for node in whole.iter()} <= allowed
    assert not any(name.startswith("on") or name == "href" for node in whole.iter() for name in node.attrib)


def test_a_page_shows_what_is_folded_too(drawing):
    html = page(View(drawing, None))
    assert "<script" not in html and html.count("<details>") > 3
    assert "MatMul" in "".join(images(html))


def test_panels_get_an_image_and_its_text():
    step, _ = step_of()
    address, told = still(step)
    assert address.startswith("data:image/svg+xml;base64,") and told.startswith("step: ")
    assert ET.fromstring(*images(f'"{address}"')).tag.endswith("svg")


def test_large_graphs_come_as_a_few_boxes():
    g = tf.Graph()
    with g.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [4, 4])
        for _ in range(1000):
            x = tf.tanh(x) * 2.0
    drawing = drawing_of_graph(g)
    view = View(drawing, g)
    assert len(drawing.root.leaves) == 2001
    assert len(view.scene().boxes) <= 40 and len(page(view)) < 200_000
    assert len(text(drawing).split("\n")) <= 41


def test_a_profiled_tape_has_the_time_of_each_operation(notebook):
    notebook.run("%%tape -q --profile\nloss = tf.reduce_sum((x @ w) ** 2.0)")
    view = view_of(notebook.shell.user_ns["tape"])
    assert "time" in view.colours and view.do({"do": "colour", "with": "time"})
    assert {leaf.label for leaf in view.drawing.root.leaves if view._seconds(leaf)} == {
        "MatMul",
        "Pow",
        "Sum",
    }
    assert str(view.picture()).count("µs") == 3


def test_kernels_are_known_for_sizes_that_were_left_open(monkeypatch):
    monkeypatch.setattr(Settings, "mode", "synchronous")
    f = tf.function(lambda x: tf.tanh(x) * 2.0, input_signature=[tf.TensorSpec([None], tf.float32)])
    f(tf.ones([3]))
    view = view_of(f)
    assert view.do({"do": "colour", "with": "kernel"}) and str(view.picture()).count("k1") == 2


def test_bytes_are_told_where_sizes_are_known(drawing):
    view = View(drawing, None)
    assert view.do({"do": "colour", "with": "bytes"}) and "'96 B'" in str(view.picture())
    dense = next(part for part in drawing.root.leaves if part.label == "MatMul")
    view._choose(dense.key)
    assert dict(view.state()["chosen"]["lists"])["gives"] == [("", "float32[2,4], 32 B")]


def test_only_graphs_functions_and_tapes_are_shown(capsys):
    with pytest.raises(TypeError, match="got Tensor|got EagerTensor"):
        tf.show(tf.ones([3]))
    step, model = step_of()
    tf.show(step)
    assert capsys.readouterr().out.startswith("step: ")
    with pytest.raises(ValueError, match="not in the picture"):
        tf.show(step, source="w")
    with pytest.raises(ValueError, match="write one of kind, kernel, bytes"):
        tf.show(step, colour="time")
    assert view_of(step, source=model.layers[0].kernel).wrt == "net/first/kernel"

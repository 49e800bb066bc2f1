"""The live panel in a real kernel, without a browser: what is sent, how often, and how much."""

import json
import queue
import re
import time
from collections import defaultdict

import pytest
from jupyter_client.manager import KernelManager  # pyright: ignore

from nbtape.notebook.live.plain import NOTHING

SETUP = """\
import os, threading, time
os.environ.pop("NBTAPE_HEADLESS", None)
%load_ext nbtape
import numpy as np, nbtape as tf
"""


class Kernel:
    """A kernel, and what its cells send."""

    def __init__(self, client):
        self.client, self.sent = client, defaultdict(list)

    def start(self, code):
        """The id of a cell that runs from now on."""
        return self.client.execute(code)

    def messages(self, cell, until):
        """What a cell has sent, when there is a message of which `until` holds."""
        end = time.monotonic() + 60
        while not any(map(until, self.sent[cell])):
            assert time.monotonic() < end, [m["msg_type"] for m in self.sent[cell]]
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            self.sent[message["parent_header"].get("msg_id")].append(message)
        return self.sent[cell]

    def run(self, code):
        """What a cell sends, which must raise no error."""
        found = self.messages(self.start(code), is_idle)
        errors = [m["content"]["traceback"] for m in found if m["msg_type"] == "error"]
        assert not errors, "\n".join(errors[0])
        return found

    def value(self, expression):
        """What a value is printed as."""
        (result,) = of(self.run(expression), "execute_result")
        return result["data"]["text/plain"]


def is_idle(message):
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


def is_error(message):
    return message["msg_type"] == "error"


def of(messages, kind):
    return [m["content"] for m in messages if m["msg_type"] == kind]


def printed(messages):
    return "".join([content["text"] for content in of(messages, "stream")])


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    manager = KernelManager()
    manager.start_kernel(cwd=str(tmp_path_factory.mktemp("kernel")))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    found = Kernel(client)
    found.run(SETUP)
    yield found
    client.stop_channels()
    manager.shutdown_kernel(now=True)


EMPTY = """\
began = time.monotonic()
with tf.live(name="<b>empty</b>") as live:
    for i in range(1_000_000):
        live.log(loss=i)
print(time.monotonic() - began)
"""


def test_million_empty_steps_send_little_and_show_the_last(kernel):
    sent = kernel.run(EMPTY)
    seconds = float(printed(sent))
    kinds = ("comm_msg", "display_data", "update_display_data")
    assert sum([m["msg_type"] in kinds for m in sent]) <= 20 * (seconds + 1)
    news = [content["data"] for content in of(sent, "comm_msg")]
    assert max(len(json.dumps(data)) for data in news) <= 64_000
    last = [data["content"] for data in news if data["method"] == "custom"][-1]
    shown = of(sent, "display_data") + of(sent, "update_display_data")
    picture = [content["data"] for content in shown if "image/png" in content["data"]]
    assert [set(data) for data in picture] == [{"image/png", "text/plain"}]
    assert last["progress"]["step"] <= 1_000_000 and kernel.value("live.step, live.history['loss'].last") == (
        "(1000000, 999999.0)"
    )


GRAPH = """\
w, plain = tf.Variable(1.0, name="w"), tf.optimizers.SGD(0.1)
step = tf.function(lambda: plain.apply_gradients([(w * 2.0, w)]))
with tf.live([w], optimizer=plain) as live:
    for seq in range(4):
        {call}
        live.log(loss=w)
        live.mailbox.put(dict(client="page", seq=seq, command="graph", args=[]))
len(live.journal), len(step.concrete_functions)
"""


@pytest.mark.parametrize("call", ["live.run(step)", "step()"])
def test_graph_of_the_step_is_shown_and_emptied_on_request(kernel, call):
    sent = kernel.run(GRAPH.format(call=call))
    (graph,) = [content for content in of(sent, "display_data") if "<nt.live" not in str(content["data"])]
    changes = of(sent, "update_display_data")
    changes = [x["data"] for x in changes if x["transient"] == graph["transient"]]
    assert set(graph["data"]) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    closed, again, ended = changes
    assert closed == ended == NOTHING and set(again) == set(graph["data"])
    assert of(sent, "execute_result")[0]["data"]["text/plain"] == "(0, 2)"
    assert "2 assignments, 3 variables" in graph["data"]["text/plain"]  # no gradient kept to be looked at


def test_plain_numbers_stand_where_no_panel_comes_up(kernel):
    """As in a page without widgets, from which the panel is never heard."""
    loop = "    for i in range(30):\n        time.sleep(0.1)\n        live.log(loss=i)"
    sent = kernel.run(f"with tf.live(name='<b>slow</b>', steps=30) as live:\n{loop}")
    shown = [
        c for c in of(sent, "display_data") + of(sent, "update_display_data") if "text/html" in c["data"]
    ]
    assert 2 <= len(shown) <= 2 * 3 + 2
    assert len({content["transient"]["display_id"] for content in shown}) == 1
    html = shown[-1]["data"]["text/html"]
    assert "&lt;b&gt;slow&lt;/b&gt;" in html and "of 30 steps" in html and "no widgets" in html
    mark = of(sent, "comm_open")[-1]["data"]["state"]["state"]["plain"]
    assert f'<div id="{mark}">' in html  # by which the panel's style hides it
    emptied = [c for c in of(sent, "update_display_data") if c["transient"] == shown[0]["transient"]][-1]
    assert emptied["data"] == NOTHING


BACKGROUND = """\
%%tape kept --background
began.wait(10)
print("hello from", threading.current_thread().name)
y = tf.Variable(3.0, name="w") ** 2
def wrong():
    raise RuntimeError("in the background")
wrong()
"""


def test_background_cell_returns_at_once_and_shows_all_in_its_own_output(kernel):
    kernel.run("began = threading.Event()")
    cell = kernel.start(BACKGROUND)
    assert printed(kernel.messages(cell, is_idle)) == ""
    kernel.run("began.set()")
    found = kernel.messages(cell, is_error)
    assert printed(found) == "hello from nbtape background cell\n"
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(of(found, "error")[0]["traceback"]))
    assert "line 7\n" in trace and "----> 7 wrong()" in trace and "/background.py" not in trace
    assert kernel.value("float(kept.gradient(y, kept.watched_variables()[0]))") == "6.0"


def test_background_run_obeys_other_cells(kernel):
    loop = "    while True:\n        live.log(loss=1.0)\n        time.sleep(0.01)"
    cell = kernel.start(f"%%tape -q --background\nwith tf.live(name='loop') as live:\n{loop}")
    kernel.messages(cell, is_idle)
    kernel.run("while 'live' not in globals() or live.name != 'loop' or live.step < 3: time.sleep(0.01)")
    kernel.run("live.stop()")
    kernel.messages(cell, lambda message: "image/png" in message["content"].get("data", {}))
    assert kernel.value("live.state, threading.active_count() > 0") == "('stopped', True)"


def test_background_training_goes_on_after_its_cell(kernel):
    kernel.run("w = tf.Variable(2.0, name='w')")
    cell = kernel.start("%%train run --steps 40 --optimizer sgd(0.1) --background\nloss = w * w")
    kernel.messages(cell, lambda message: "image/png" in message["content"].get("data", {}))
    assert kernel.value("run.state, run.step, float(w) < 0.1") == "('done', 40, True)"
    refusing = "import ipykernel\nold, ipykernel.version_info = ipykernel.version_info, (7, 0, 1)"
    kernel.run(refusing)
    cell = kernel.start("%%tape --background\n1")
    assert "loses what threads send" in str(of(kernel.messages(cell, is_idle), "error") or kernel.sent[cell])
    kernel.run("ipykernel.version_info = old")

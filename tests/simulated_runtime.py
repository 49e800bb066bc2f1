"""Plans on a card's runtime: on the simulator, and through a driver that is none, whose kernels it runs.

`test_cuda.py` runs this in a process of its own.
"""

import gc
import threading

import numpy as np
import pytest
from fake_cuda import FakeCuda
from grids import IDS, PROGRAMS, TABLE, eager, planned

import nbtape as tf
from nbtape.compile import device
from nbtape.compile.card import cards, driver, nvidia, pool, transfer
from nbtape.compile.card.host import CardHost
from nbtape.core.memory import CardArray

ROW = np.arange(24, dtype=np.float32).reshape(4, 6)


@pytest.fixture
def fake(monkeypatch):
    """A fake driver; the card that all find is its only one."""
    cuda = FakeCuda(1 << 26, run=lambda *told: run(cuda, *told))
    library = driver.Driver(cuda)
    library.cuInit(0)
    card = nvidia.Card(library, 0)
    monkeypatch.setattr(cards, "card", lambda number: card)
    monkeypatch.setattr(nvidia, "image", lambda text, capability: text.encode())
    pool.pool.cache_clear()
    yield cuda
    gc.collect()
    pool.pool.cache_clear()


def run(cuda, text, kinds, blocks, lanes, words):
    """Run a kernel of the fake driver on the simulator."""
    arguments = []
    for kind, word in zip(kinds, words):
        if kind.endswith("*"):
            address, dtype = int.from_bytes(word, "little"), np.dtype(kind[:-1])
            start = max(a for a in cuda.held if a <= address)
            flat = np.frombuffer(cuda.held[start], np.uint8)
            flat = flat[: flat.size // dtype.itemsize * dtype.itemsize].view(dtype)
            arguments.append(device.Pointer(flat, (address - start) // dtype.itemsize))
        else:
            value = np.frombuffer(word, kind)[0]
            arguments.append(int(value) if kind == "int64" else value)
    device.simulate(device.function(text), blocks, lanes, arguments)


def near(found, wanted):
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(np.asarray(x), y, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["all folded", "cross-entropy", "gradient", "scatter rows", "nothing"])
def test_programs_run_through_the_driver(fake, name):
    f, *values = PROGRAMS[name]
    host, wanted, kept = CardHost(planned(f, values)), eager(f, values), []
    for _ in range(5):  # of which the third makes graphs
        kept.append(host.run(values))  # so that each call has other places for what it makes
    for found in kept:
        near(found, wanted)
    assert ("cuGraphLaunch" in fake.log) == any(len(stretch.calls) > 1 for stretch in host.phases)


def test_a_replayed_graph_is_one_launch_and_learns_what_moved(fake):
    f = PROGRAMS["gradient"][0]
    values = [transfer.to_card(np.asarray(x), 0) for x in PROGRAMS["gradient"][1:]]
    host = CardHost(planned(f, values))
    for _ in range(4):
        host.run(values)
    fake.log.clear()
    held = host.run(values)
    assert "cuLaunchKernel" not in fake.log and "cuGraphExecKernelNodeSetParams" not in fake.log
    fake.log.clear()
    host.run(values)  # while what the call before made is held
    updates = fake.log.count("cuGraphExecKernelNodeSetParams")
    assert (
        0 < updates < sum(len(stretch.calls) for stretch in host.phases) and "cuLaunchKernel" not in fake.log
    )
    near(held, eager(f, PROGRAMS["gradient"][1:]))


@pytest.mark.parametrize("through", ["simulator", "driver"])
def test_memory_is_the_same_after_each_of_many_steps(through, request):
    if through == "driver":
        request.getfixturevalue("fake")
    memory = pool.pool(0)
    host = CardHost(planned(lambda x: (x * 2.0, tf.reduce_sum(x)), [ROW], lanes=1, most=1))
    value, told = transfer.to_card(ROW, 0), []
    for _ in range(300):
        scaled, total = host.run([value])
        told.append({name: n for name, n in memory.stats().items() if name != "allocations"})
    assert all(stats == told[1] for stats in told[2:])  # the second runs while the first's results are held
    near([scaled, total], [ROW * 2, ROW.sum()])


def test_a_call_that_is_interrupted_leaves_all_usable(fake, monkeypatch):
    f, *values = PROGRAMS["gradient"]
    host, wanted, memory = CardHost(planned(f, values)), eager(f, values), pool.pool(0)
    near(host.run(values), wanted)
    before = memory.stats()["current"]
    for stretch in host.phases:
        monkeypatch.setattr(stretch.calls[1], "run", interrupted)
    monkeypatch.setattr(host.card.driver, "cuGraphLaunch", lambda runs, stream: interrupted())
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            host.run(values)
    monkeypatch.undo()
    monkeypatch.setattr(cards, "card", lambda number: host.card)
    assert memory.stats()["current"] == before
    near(host.run(values), wanted)


def interrupted():
    raise KeyboardInterrupt


def test_ctrl_c_ends_a_wait_for_the_card(fake, monkeypatch):
    value = transfer.to_card(ROW, 0)
    monkeypatch.setattr(fake, "_cuStreamQuery", lambda stream: 600)  # a kernel that goes on and on
    monkeypatch.setattr("time.sleep", lambda seconds: interrupted())
    with pytest.raises(KeyboardInterrupt):
        transfer.to_host(value)
    monkeypatch.undo()


def test_a_check_that_fails_is_told_and_the_next_call_runs(fake):
    f = PROGRAMS["gather"][0]
    host = CardHost(planned(f, [TABLE, IDS]))
    for _ in range(4):
        near(host.run([TABLE, IDS]), eager(f, [TABLE, IDS]))
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"indices\[0\] = 4 is not in"):
            host.run([TABLE, IDS + 3])


def test_the_host_looks_once_and_before_a_variable_is_written(fake):
    with tf.device("/GPU:0"):
        v = tf.Variable(TABLE)

    def f(x, i, j):
        v.assign_sub(tf.gather(x, i)[:4] * tf.reduce_sum(tf.gather(x, j)))
        return tf.reduce_sum(v)

    host = CardHost(planned(f, [TABLE, IDS, IDS]))
    held = [transfer.to_card(x, 0) for x in (TABLE, IDS, IDS)]
    host.run(held)
    before = v.numpy()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"indices\[1\] = 4 is not in"):
        host.run([TABLE, IDS, IDS + np.int32(2)])
    assert np.array_equal(v.numpy(), before)
    fake.log.clear()
    host.run(held)
    assert fake.log.count("cuMemcpyDtoHAsync_v2") == 2  # of both flags, the second without a wait
    assert not np.array_equal(v.numpy(), before)


def test_without_memory_a_call_fails_as_a_whole_and_the_next_one_runs(fake):
    host = CardHost(planned(lambda x: x * 2.0, [ROW]))
    held = pool.allocate(0, 60 << 20)
    large = CardHost(planned(lambda x: x * 2.0, [np.zeros(1 << 21, np.float32)]))
    with pytest.raises(tf.errors.ResourceExhaustedError, match="simulated_runtime.py, line"):
        large.run([np.zeros(1 << 21, np.float32)])
    near(host.run([ROW]), [ROW * 2])
    assert held.bytes == 60 << 20


def test_threads_may_call_one_host_at_once():
    host = CardHost(planned(lambda x: tf.reduce_sum(x * x, 1), [ROW]))
    inputs = [ROW + k for k in range(8)]
    found: dict[int, list] = {}
    threads = [
        threading.Thread(target=lambda k=k, x=x: found.update({k: host.run([x])}))
        for k, x in enumerate(inputs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    near([found[k][0] for k in range(8)], [(x * x).sum(1) for x in inputs])


def test_a_result_is_in_order_and_a_view_shares_its_memory():
    value = transfer.to_card(ROW, 0)
    (found,) = CardHost(planned(lambda x: tf.reshape(x, [6, 4]), [ROW])).run([value])
    assert isinstance(found, CardArray) and found.block is value.block
    near([found], [ROW.reshape(6, 4)])


def test_values_go_from_card_to_card():
    value = transfer.to_card(ROW, 0)
    other = transfer.between(value, 1)
    assert (other.card, value.card) == (1, 0)
    near([other], [ROW])

"""From kernel texts to machine code that runs: compiler, cache, worker processes, and programs."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from nbtape.compile import cpu
from nbtape.compile.code import (
    cache,
    native,
    objects,
    server as servers,
)
from nbtape.compile.code.native import addresses, request
from nbtape.compile.code.objects import CompileError
from nbtape.compile.code.server import Server
from nbtape.compile.running.machine import Branch, Loop, Program, words
from nbtape.compile.running.steps import COPY, GEMM, LOCATE, THREADS
from nbtape.ops import blas

ADD = """
def kernel(n: "int64", x: "float32*", s: "float32"):
    for i in range(n):
        x[i] += s
"""
DOUBLE = """
def kernel(n: "int64", x: "float32*", y: "float32*"):
    for i in range(n):
        y[i] = x[i] * 2
"""
BELOW = """
def kernel(x: "float32*", bound: "float32", verdict: "bool*"):
    verdict[0] = x[0] < bound
"""
COUNT = """
def kernel(n: "int64*"):
    n[0] += 1
"""
SUM = """
def kernel(n: "int64", x: "float32*", y: "float32*"):
    total = x[0] - x[0]
    for i in range(n):
        total += x[i]
    y[0] = total
"""
BROKEN = 'def kernel(n: "int64", x: "float32*"):\n    x.append(n)\n'


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """A cache of these tests' own, for texts that none of them changes."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBTAPE_CACHE_DIR", str(folder))
        yield folder


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A cache with nothing in it."""
    monkeypatch.setenv("NBTAPE_CACHE_DIR", str(tmp_path / "empty"))
    return tmp_path / "empty"


@pytest.fixture
def crew(empty):
    """A server of this test's own, whose workers end with it."""
    server = Server()
    yield server
    for worker in list(server.workers):
        worker.stop()


def at(array, k=0):
    return array.ctypes.data + k * array.itemsize


def step(text, *arguments):
    return addresses([text])[0], words(*arguments)


def run(text, *arguments):
    """Compile a text in this process and run it."""
    table = words(*[at(a) if isinstance(a, np.ndarray) else a for a in arguments])
    entry = objects.load(text, cpu.compile_text(text))
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(entry)(at(table)), table


def python(program, **settings):
    """What a fresh interpreter prints."""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def ended(pid):
    """Whether a process is gone, or only waits for its parent to look, within a minute."""
    for _ in range(600):
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


KINDS = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 bool".split()


@pytest.mark.parametrize("kind", KINDS)
def test_an_array_of_every_type_is_read_and_written(kind):
    text = f'''
def kernel(n: "int64", x: "{kind}*", y: "{kind}*"):
    for i in range(n):
        y[i] = x[n - 1 - i]
'''
    x = np.arange(5).astype(kind)
    y = np.zeros_like(x)
    assert run(text, 5, x, y)[0] == 0
    np.testing.assert_array_equal(y, x[::-1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_holds_a_number_in_its_low_bytes(kind):
    text = f'def kernel(x: "{kind}", y: "{kind}*"):\n    y[0] = x\n'
    x, y = np.ones(1, kind)[0], np.zeros(1, kind)
    run(text, x, y)
    assert y[0] == x


def test_a_bool_is_a_byte_that_is_not_0():
    text = """
def kernel(n: "int64", x: "bool*", y: "bool*", z: "float32*"):
    for i in range(n):
        y[i] = not x[i] and z[i] > 0
        z[i] = z[i] if x[i] else -z[i]
"""
    x, y, z = np.array([0, 1, 2, 255], np.uint8), np.full(4, 7, np.uint8), np.ones(4, np.float32)
    run(text, 4, x, y, z)
    assert (y.tolist(), z.tolist()) == ([1, 0, 0, 0], [-1, 1, 1, 1])


def test_a_loop_over_ten_arrays_is_vectorised_and_does_not_check_that_they_lie_apart():
    names = [f"x{k}" for k in range(10)]
    text = f"""
def kernel(begin: "int64", end: "int64", {", ".join(f'{x}: "float32*"' for x in names)}):
    for i in range(begin, end):
        x9[i] = {" + ".join(f"{x}[i]" for x in names[:8])}
        x8[i] = x0[i] * x1[i]
"""
    shown = str(cpu.module(text))
    assert " x float> " in shown and "vector.body" in shown
    assert "memcheck" not in shown


def test_the_order_of_a_sum_is_free_unless_the_text_says_otherwise():
    assert "reduce.fadd" in str(cpu.module(SUM)).split("define")[1]
    assert "reduce.fadd" not in str(cpu.module("FASTMATH = set()\n" + SUM))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_survives(value):
    text = """
def kernel(n: "int64", x: "float32*", y: "float32*", nan: "bool*"):
    for i in range(n):
        y[i] = x[i] - x[i] + x[i] * 0
        nan[i] = x[i] != x[i]
"""
    x, y, nan = np.array([value, 1], np.float32), np.zeros(2, np.float32), np.zeros(2, bool)
    run(text, 2, x, y, nan)
    np.testing.assert_array_equal(y, [np.nan, 0])
    np.testing.assert_array_equal(nan, np.isnan(x))


def test_division_by_zero_is_as_in_numpy():
    text = 'def kernel(x: "float64*", y: "float64"):\n    x[0] = x[0] / y\n'
    x = np.ones(1)
    assert run(text, x, np.float64(0))[0] == 0 and x[0] == np.inf


def test_functions_of_the_c_library_are_found():
    text = """
import math


def kernel(x: "float64*", y: "float32*"):
    x[0] = math.lgamma(x[0]) + math.pow(x[0], 1.5) + math.sin(x[0])
    y[0] = math.erf(y[0])
"""
    x, y = np.array([2.5]), np.array([0.5], np.float32)
    run(text, x, y)
    np.testing.assert_allclose(x, 0.2846828704729192 + 2.5**1.5 + np.sin(2.5))
    np.testing.assert_allclose(y, 0.5204998778)


def test_a_kernel_that_needs_python_is_refused():
    with pytest.raises(CompileError, match="may not call"):
        cpu.compile_text('def kernel(x: "int64*"):\n    print(x[0])\n')


def test_a_kernel_that_returns_true_stops_with_the_address_of_its_words():
    text = 'def kernel(x: "float32*") -> "bool":\n    return x[0] < 0\n'
    assert run(text, np.array([1], np.float32))[0] == 0
    stop, table = run(text, np.array([-1], np.float32))
    assert stop == at(table)


def test_here_is_the_address_of_the_words_and_takes_none_itself():
    text = 'def kernel(x: "int64", here: "here", y: "int64*") -> "int64":\n    y[0] = x\n    return here\n'
    y = np.zeros(1, np.int64)
    stop, table = run(text, 7, y)
    assert (stop, y[0]) == (at(table), 7)


FRESH = f"""
import sys
from nbtape.compile.code.native import addresses
print(len(addresses([{ADD!r}])), *({{"numba"}} & set(sys.modules)))
"""


def test_a_second_process_finds_the_kernel_and_leaves_numba_alone(empty):
    cache.write(ADD, cpu.compile_text(ADD))
    assert python(FRESH).split() == ["1"]
    assert len(list(empty.iterdir())) == 1


def test_a_process_that_compiles_has_another_do_it_and_leaves_numba_alone(empty):
    assert python(FRESH).split() == ["1"]
    assert cache.read(ADD) == cpu.compile_text(ADD)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:40] + b"?" + data[41:], lambda data: b""]
)
def test_a_damaged_file_is_removed_and_not_loaded(empty, damage):
    cache.write(ADD, b"a" * 100)
    assert cache.read(ADD) == b"a" * 100
    (path,) = empty.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert cache.read(ADD) is None
    assert not list(empty.iterdir())


def test_a_folder_that_cannot_be_written_is_told_of_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NBTAPE_CACHE_DIR", str(tmp_path / "file"))
    with pytest.warns(RuntimeWarning, match="set NBTAPE_CACHE_DIR"):
        assert cache.read(ADD) is None
    cache.write(ADD, b"")
    assert cache.read(ADD) is None


def test_a_write_that_fails_leaves_nothing(empty, monkeypatch):
    cache.write(DOUBLE, b"kept")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache.write(ADD, b"lost")
    assert cache.read(ADD) is None and cache.read(DOUBLE) == b"kept"
    assert [path.suffix for path in empty.iterdir()] == [".o"]


def test_who_reads_while_others_write_finds_all_of_it(empty):
    texts, done = [f"# {k}" for k in range(3)], threading.Event()

    def write():
        while not done.is_set():
            for text in texts:
                cache.write(text, text.encode() * 5000)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    found = [(text, cache.read(text)) for _ in range(300) for text in texts]
    done.set()
    for writer in writers:
        writer.join()
    assert all(data in (None, text.encode() * 5000) for text, data in found)
    assert all(map(cache.read, texts))
    assert sorted(path.suffix for path in empty.iterdir()) == [".o"] * 3


def test_what_was_used_least_recently_goes_first(empty):
    texts = [f"# {k}" for k in range(8)]
    for k, text in enumerate(texts):
        cache.write(text, b"x" * 10_000)
        os.utime(empty / f"{cache.key(text)}.o", (k, k))
    assert cache.read(texts[0])  # which is a use
    cache.prune(empty, limit=1_000_000)
    assert all(map(cache.read, texts))
    cache.prune(empty, limit=60_000)
    assert [cache.read(text) is not None for text in texts].count(True) == 4
    assert cache.read(texts[0])


def test_a_kernel_is_compiled_again_when_what_it_imports_has_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_KERNELS", tmp_path)
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    text = "from nbtape.kernels.one import f\n"

    def key():
        cache._file.cache_clear()
        return cache.key(text)

    one.write_text("from nbtape.kernels.two import g\n")
    two.write_text("def g(): return 1\n")
    before = key()
    assert key() == before
    two.write_text("def g(): return 2\n")
    assert key() != before
    cache._file.cache_clear()


def test_requests_of_one_text_are_one_compilation(crew):
    first, again = crew.request([ADD + "# once\n"] * 2)
    assert first is again
    assert first.result() == objects.find(ADD + "# once\n")
    assert crew.request([ADD + "# once\n"])[0].result() == first.result()


def test_many_texts_have_two_workers(crew):
    texts = [f"{ADD}# {k} of many\n" for k in range(6)]
    futures = crew.request(texts)
    assert len(crew.workers) == 2
    assert [future.result() for future in futures] == [objects.find(text) for text in texts]


def test_a_text_that_does_not_compile_says_why_and_is_not_tried_again(crew):
    (future,) = crew.request([BROKEN])
    with pytest.raises(CompileError, match="append"):
        future.result()
    assert crew.request([BROKEN]) == [future]
    assert crew.request([ADD + "# after\n"])[0].result()


def test_a_worker_that_was_ended_is_replaced(crew):
    crew.request([ADD + "# first\n"])[0].result()
    (worker,) = crew.workers
    worker.process.kill()
    assert crew.request([ADD + "# second\n"])[0].result()


def test_a_text_over_which_workers_die_is_given_up(crew):
    fatal = "import os\nos.write(2, b'the end')\nos._exit(3)\n"
    with pytest.raises(CompileError, match="the end"):
        crew.request([fatal])[0].result()
    assert crew.request([ADD + "# after death\n"])[0].result()


@pytest.mark.parametrize("executable", ["/nowhere/python", "/bin/false"])
def test_without_workers_this_process_compiles(crew, monkeypatch, executable):
    monkeypatch.setattr(sys, "executable", executable)
    text = f"{ADD}# {executable}\n"
    assert crew.request([text])[0].result() == objects.find(text)
    assert cache.read(text)


def test_a_worker_without_work_ends_and_another_follows(crew, monkeypatch):
    monkeypatch.setattr(servers, "IDLE", 0.01)
    crew.request([ADD + "# before\n"])[0].result()
    for _ in range(600):
        if not crew.workers:
            break
        time.sleep(0.1)
    assert not crew.workers
    assert crew.request([ADD + "# later\n"])[0].result()


def test_a_worker_started_ahead_serves_the_first_text(crew):
    crew.warm_up()
    crew.warm_up()
    (worker,) = crew.workers
    crew.request([ADD + "# ahead\n"])[0].result()
    assert crew.workers == {worker}


PARENT = f"""
from nbtape.compile.code.server import server
server().request([{ADD!r}])[0].result()
(worker,) = server().workers
print(worker.process.pid)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="processes are looked for in /proc")
def test_workers_end_with_their_parent(empty):
    assert ended(int(python(PARENT)))


FORK = f"""
import os, sys, warnings
from nbtape.compile.code.server import server
from nbtape.compile.code.native import addresses
warnings.simplefilter("ignore", DeprecationWarning)  # that threads and forks do not mix, which is the point
addresses([{ADD!r}])
parent = server()
if (child := os.fork()) == 0:
    addresses([{ADD!r} + "# child"])
    print(server() is parent, flush=True)
    os._exit(0)
status = os.waitpid(child, 0)[1]
addresses([{ADD!r} + "# parent"])
print(server() is parent, status)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_workers_of_its_own(empty):
    assert python(FORK).split() == ["False", "True", "0"]


def test_a_request_is_done_when_all_its_texts_are():
    texts = [ADD, DOUBLE, ADD]
    told = []
    future = request(texts)
    future.add_done_callback(lambda done: told.append(done.result()))
    assert future.result() == list(map(native.find, texts))
    assert told == [future.result()]
    assert request([]).result() == []
    with pytest.raises(CompileError):
        request([ADD, BROKEN]).result()


def test_a_program_runs_its_steps_in_order_each_time():
    x = np.zeros(3, np.float32)
    program = Program([step(ADD, 3, at(x), np.float32(1)), step(DOUBLE, 3, at(x), at(x))])
    assert program.run() == program.run() == 0
    assert x.tolist() == [6, 6, 6]


def test_a_program_that_was_stopped_goes_on_where_it_was():
    x, n = np.array([-1], np.float32), np.zeros(1, np.int64)
    check = step('def kernel(x: "float32*") -> "bool":\n    return x[0] < 0\n', at(x))
    inner = Program([step(COUNT, at(n)), check, step(COUNT, at(n))])
    program = Program([step(COUNT, at(n)), inner])
    assert program.run() == at(check[1]) and n[0] == 2
    x[0] = 1
    assert program.run() == 0 and n[0] == 3
    x[0] = -1
    assert program.run() == at(check[1]) and n[0] == 5
    program.reset()
    assert program.run() == at(check[1]) and n[0] == 7


def powers(rows, room=-1):
    """While x[0] < 1000: x = 2 * x, with a row for each x, the last of which is copied to `out`."""
    out, verdict = np.zeros(4, np.float32), np.zeros(1, bool)
    rows[0] = [1, 2, 3, 4]
    body, test = step(DOUBLE, 4, at(rows), at(rows[1])), step(BELOW, at(rows), np.float32(1000), at(verdict))
    last = step(COPY, at(out), at(rows), 16)
    moves = [(body[1], 1, 16, 0), (body[1], 2, 16, 0), (test[1], 0, 16, 0), (last[1], 1, 16, 0)]
    loop = Loop(Program([body]), Program([test]), at(verdict), room=room, moves=moves)
    return Program([loop, last]), loop, out


def test_a_loop_keeps_a_row_for_each_trip():
    rows = np.zeros((20, 4), np.float32)
    program, loop, out = powers(rows)
    for _ in range(2):
        out[:] = 0
        assert program.run() == 0 and loop.trips == 10
        assert out.tolist() == [1024, 2048, 3072, 4096]
        assert rows[:12, 0].tolist() == [2**k for k in range(11)] + [0]


def test_a_loop_without_room_goes_on_when_it_has_some():
    program, loop, out = powers(np.zeros((20, 4), np.float32), room=4)
    assert program.run() == loop.address and loop.trips == 4
    loop.words[3] = 7
    assert program.run() == loop.address and loop.trips == 7
    loop.words[3] = -1
    assert program.run() == 0 and loop.trips == 10 and out[0] == 1024


@pytest.mark.parametrize("trips", [0, 1, 4, 5])
def test_a_loop_flips_between_two_buffers(trips):
    x, y, out = np.ones(4, np.float32), np.zeros(4, np.float32), np.zeros(4, np.float32)
    flip = at(x) ^ at(y)
    body, last = step(DOUBLE, 4, at(x), at(y)), step(COPY, at(out), at(x), 16)
    loop = Loop(
        Program([body]),
        limit=trips,
        moves=[(body[1], 1, 0, flip), (body[1], 2, 0, flip), (last[1], 1, 0, flip)],
    )
    assert Program([loop, last]).run() == 0
    assert out.tolist() == [2**trips] * 4


def test_a_loop_runs_backwards_from_where_another_ended():
    rows, total = np.zeros((20, 4), np.float32), np.zeros(1, np.float32)
    forward, loop, _ = powers(rows)
    back = step('def kernel(x: "float32*", y: "float32*"):\n    y[0] = y[0] * 2 + x[0]\n', 0, at(total))
    again = Loop(Program([back]), moves=[(back[1], 0, -16, 0)])
    limit = step(COPY, at(again.words, 2), at(loop.words, 1), 8)
    start = step(LOCATE, at(again.words, 12), at(rows), at(loop.words, 1), 16)
    assert Program([forward, limit, start, again]).run() == 0
    assert (again.trips, back[1][0]) == (10, at(rows))
    expected = 0
    for k in range(10, 0, -1):
        expected = expected * 2 + 2**k
    assert total[0] == expected


def test_loops_nest_and_stop_and_go_on():
    x = np.zeros((3, 4), np.int64)
    count = step(COUNT, at(x))
    inner = Loop(Program([count]), limit=4, room=2, moves=[(count[1], 0, 8, 0)])
    room = np.full(1, 2)
    again = step(COPY, at(inner.words, 3), at(room), 8)
    outer = Loop(Program([again, inner]), limit=3, moves=[(inner.words, 12, 32, 0)])
    program, stops = Program([outer]), 0
    while stop := program.run():
        assert (stop, inner.trips, outer.trips) == (inner.address, 2, stops)
        inner.words[3] = -1
        stops += 1
    assert x.tolist() == [[1] * 4] * 3
    assert (outer.trips, inner.trips, stops) == (3, 4, 3)


@pytest.mark.parametrize("choice, ran", [(0, [1, 0]), (1, [0, 1]), (2, [0, 0]), (9, [0, 0])])
def test_a_branch_runs_what_its_byte_chooses_or_the_last(choice, ran):
    n, byte = np.zeros(2, np.int64), np.array([choice], np.uint8)
    branch = Branch(at(byte), [Program([step(COUNT, at(n))]), Program([step(COUNT, at(n, 1))]), None])
    assert Program([branch]).run() == 0
    assert n.tolist() == ran


def test_a_branch_that_was_stopped_goes_on_in_the_same_program():
    n, byte, x = np.zeros(2, np.int64), np.ones(1, np.uint8), np.array([-1], np.float32)
    check = step('def kernel(x: "float32*") -> "bool":\n    return x[0] < 0\n', at(x))
    branch = Branch(at(byte), [Program([step(COUNT, at(n))]), Program([check, step(COUNT, at(n, 1))])])
    program = Program([branch])
    assert program.run() == at(check[1])
    x[0], byte[0] = 1, 0
    assert program.run() == 0
    assert n.tolist() == [0, 1]


class Interrupted(Exception):
    pass


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that signal")
def test_a_signal_ends_a_loop_that_does_not_end():
    def interrupt(*_):
        raise Interrupted

    n = np.zeros(1, np.int64)
    loop = Loop(Program([step(COUNT, at(n))]))
    program = Program([loop])
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Interrupted):
            program.run()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert n[0] == loop.trips
    loop.words[2], n[0] = 5, 0
    program.reset()
    assert program.run() == 0 and n[0] == 5


@pytest.mark.skipif(blas.gemm_address("float32") is None, reason="NumPy's BLAS is not OpenBLAS")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("beta", [0, 1])
def test_products_of_matrices_are_numpys(dtype, transposed, beta):
    m, n, k, count, random = 5, 7, 3, 4, np.random.default_rng(0)
    a = random.random((count, *((k, m) if transposed[0] else (m, k)))).astype(dtype)
    b = random.random((*((n, k) if transposed[1] else (k, n)),)).astype(dtype)
    c = random.random((count, m, n)).astype(dtype)
    expected = (a.swapaxes(1, 2) if transposed[0] else a) @ (b.T if transposed[1] else b) + beta * c
    table = [*transposed, m, n, k, at(a), a.shape[2], at(b), b.shape[1], at(c), n, beta]
    strides = [count, a.strides[0], 0, c.strides[0]]
    threads = step(THREADS, blas.threads_address(), 1)
    product = step(GEMM[dtype], blas.gemm_address(dtype), *table, *strides)
    assert Program([threads, product]).run() == 0
    np.testing.assert_allclose(c, expected, rtol=1e-6)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the system does not tell who may write")
def test_a_folder_that_others_can_write_to_is_no_cache(tmp_path, monkeypatch):
    tmp_path.chmod(0o777)
    monkeypatch.setenv("NBTAPE_CACHE_DIR", str(tmp_path))
    with pytest.warns(RuntimeWarning, match="others can write to it too"):
        cache.write("x", b"data")
    assert list(tmp_path.iterdir()) == []

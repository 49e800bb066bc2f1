"""The crew does every task once, comes back when all are done, and raises what a task raised."""

import ctypes
import os
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest
from numba import cfunc

from nbtape.core.crew import THREADS, Crew, Native, Place, crew
from nbtape.kernels.cpu import crew as kernels
from nbtape.kernels.machine import at


@pytest.fixture
def two():
    return Crew(2)


def test_every_task_is_done_once(two):
    for count in (0, 1, 2, 3, 50):
        done = []
        two.run([partial(done.append, i) for i in range(count)])
        assert sorted(done) == list(range(count))


def test_two_threads_work_at_the_same_time(two):
    meeting = threading.Barrier(2, timeout=60)  # each task waits for the other to have begun
    threads = set()
    two.run([lambda: (meeting.wait(), threads.add(threading.current_thread().name))] * 2)
    assert len(threads) == 2


def test_run_waits_for_what_another_thread_has_begun(two):
    meeting, done = threading.Barrier(2, timeout=60), []

    def task():
        meeting.wait()  # both have begun, each in a thread of its own
        if threading.current_thread().name == "nbtape-crew":
            time.sleep(0.05)
            done.append("late")

    two.run([task, task])
    assert done == ["late"]


@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_what_a_task_raises_comes_out_once_the_others_are_done(two, wrong):
    done = []

    def task(i):
        if i == wrong:
            raise KeyError(i)
        done.append(i)

    with pytest.raises(KeyError, match=str(wrong)):
        two.run([lambda i=i: task(i) for i in range(4)])
    assert len(done) == 3
    two.run([lambda: done.append("again")] * 2)
    assert done[3:] == ["again"] * 2


def test_a_task_may_run_tasks_itself(two):
    done = []
    two.run([lambda: two.run([lambda: done.append(1)] * 3)] * 2)
    assert done == [1] * 6


def test_several_threads_may_run_tasks(two):
    done = []
    callers = [threading.Thread(target=lambda: [two.run([lambda: done.append(1)] * 3) for _ in range(50)])
               for _ in range(4)]  # fmt: skip
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(done) == 600


@pytest.fixture(scope="module")
def native():
    return Native(*kernels.native())


@pytest.fixture
def counted():
    """Parts that each add one to a place of their own; and the places."""

    @cfunc("int64(int64)")
    def one(here):
        at(here)[0] += 1  # pyright: ignore[reportCallIssue]
        return 0

    def of(count):
        places = np.zeros(count, np.int64)
        return np.array([(one.address, places.ctypes.data + 8 * k) for k in range(count)]), places

    return of


def test_every_part_in_machine_code_is_done_once(two, native, counted):
    for count in (1, 2, 3, 50, 5):
        parts, places = counted(count)
        for _ in range(200):
            two.share(native, parts)
        assert places.tolist() == [200] * count


def test_parts_are_offered_to_helpers_that_look_out_for_more(two, native, counted):
    parts, places = counted(5)
    assert not two.offer(native, parts) and places.tolist() == [0] * 5
    two.share(native, parts)
    assert two._awake > time.perf_counter() - 60
    two._awake = time.perf_counter() + 60
    assert two.offer(native, parts) and places.tolist() == [2] * 5
    two._until = time.perf_counter() + 60
    assert not two.offer(native, parts) and places.tolist() == [2] * 5


def test_two_threads_do_parts_at_the_same_time(two, native):
    meeting = threading.Barrier(2, timeout=60)
    met = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(lambda _: meeting.wait() * 0)
    address = ctypes.cast(met, ctypes.c_void_p).value
    two.share(native, np.array([(address, 0)] * 2))
    assert not meeting.broken


def test_parts_that_a_busy_helper_keeps_are_waited_for(two, native):
    meeting, done = threading.Barrier(2, timeout=60), []

    def part(_):
        meeting.wait()
        if threading.current_thread().name == "nbtape-crew":
            time.sleep(0.05)
            done.append("late")
        return 0

    kept = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(part)
    two.share(native, np.array([(ctypes.cast(kept, ctypes.c_void_p).value, 0)] * 2))
    assert done == ["late"]


def test_several_threads_may_share_parts_and_tasks(two, native, counted):
    done = []

    def calls(parts):
        for _ in range(50):
            two.share(native, parts)
            two.run([lambda: done.append(1)] * 3)

    laid = [counted(4) for _ in range(4)]
    callers = [threading.Thread(target=calls, args=[parts]) for parts, _ in laid]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert [places.tolist() for _, places in laid] == [[50] * 4] * 4
    assert len(done) == 600


def test_there_is_one_crew_a_process():
    assert crew() is crew()


def test_a_helper_that_was_waited_for_is_left_alone_for_a_while(two):
    meeting = threading.Barrier(2, timeout=60)

    def task():
        meeting.wait()
        if threading.current_thread().name == "nbtape-crew":
            time.sleep(0.05)

    two.run([task, task])
    threads = set()
    two.run([lambda: threads.add(threading.current_thread())] * 50)
    assert threads == {threading.current_thread()}


@pytest.mark.skipif(THREADS < 2 or sys.platform != "linux", reason="one core, or a system that does not tell")
def test_helpers_leave_the_core_of_the_caller_to_it(monkeypatch):
    asked = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, cores: asked.append((thread, cores)))
    place, thread = Place(), threading.current_thread()
    place.add(thread)
    place.clear()
    ((native, cores),) = asked
    assert native == thread.native_id
    assert len(cores) == THREADS - 1

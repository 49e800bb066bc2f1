"""What speaks with CUDA's driver and keeps a card's memory, held against a driver that is none.

Kernels run through it, on the simulator, in `simulated_runtime.py`.
"""

import ctypes
import gc
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from fake_cuda import FakeCuda

import nbtape as tf
from nbtape.compile.card import cards, driver, linker, nvidia, pool, programs, transfer
from nbtape.compile.card.errors import OutOfMemory
from nbtape.compile.code.objects import symbol
from nbtape.core.memory import CardArray

MB = 1 << 20
HEADER = Path(np.__file__).parents[1] / "nvidia" / "cu13" / "include" / "cuda.h"
KERNEL = """def kernel(n: "int64", x: "float32*", factor: "float32", wanted: "bool"):
    pass
"""


@pytest.fixture
def cuda():
    return FakeCuda(64 * MB, count=2)


@pytest.fixture
def card(cuda, monkeypatch):
    """The first card of a fake driver, which all that asks for a card finds."""
    library = driver.Driver(cuda)
    library.cuInit(0)
    made = [nvidia.Card(library, number) for number in range(2)]
    monkeypatch.setattr(cards, "card", made.__getitem__)
    monkeypatch.setattr(nvidia, "image", lambda text, capability: text.encode())
    pool.pool.cache_clear()
    yield made[0]
    gc.collect()
    pool.pool.cache_clear()


# The driver


def test_a_card_tells_its_name_and_what_it_can_do(card):
    assert (card.name, card.capability, card.processors) == ("Fake", (9, 0), 2)


def test_without_a_driver_or_a_card_there_are_none(monkeypatch):
    for library in (lambda name: FakeCuda(count=0), lambda name: object()):
        driver.driver.cache_clear()
        monkeypatch.setattr(ctypes, "CDLL", library)
        assert (driver.driver(), driver.count(), driver.version()) == (None, 0, "")
    driver.driver.cache_clear()


def test_a_driver_tells_its_version_and_how_many_cards_there_are(cuda, monkeypatch):
    driver.driver.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: cuda)
    assert (driver.count(), driver.version()) == (2, "13.0")
    driver.driver.cache_clear()


def test_an_error_says_what_the_driver_says_and_what_to_do(card, cuda):
    cuda.fail["cuMemFree_v2"] = [700, 12345]
    with pytest.raises(tf.errors.InternalError, match=r"CUDA_ERROR_ILLEGAL_ADDRESS: an illegal .* restart"):
        card.free(0)
    with pytest.raises(tf.errors.InternalError, match=r"^CUDA reports error 12345\.$"):
        card.free(0)


def test_a_kernel_that_does_not_load_is_told_with_the_assemblers_log(card):
    with pytest.raises(driver.DriverError, match="syntax error"):
        card.prepared("no PTX", np.zeros(1, np.int64), 1, 1)


@pytest.mark.skipif(not HEADER.is_file(), reason="needs the header of pip install nbtape[cuda]")
def test_functions_take_what_the_header_of_cuda_declares():
    declared = re.findall(r"CUresult CUDAAPI (\w+)\s*\((.*?)\);", HEADER.read_text(), re.DOTALL)
    sizes = {(name, *[_size(kind) for kind in kinds.split(",")]) for name, kinds in declared}
    for name, kinds in driver.SIGNATURES.items():
        ours = [ctypes.sizeof(kind) for kind in kinds]
        base = re.sub(r"(_v\d|WithFlags)$", "", name)  # the header's name of the newest one
        assert sizes & {(name, *ours), (base, *ours)}, name


def _size(declared):
    """The bytes of a parameter that C declares."""
    kind = declared.strip().rpartition(" ")[0].removeprefix("const ")
    if "*" in declared or kind.startswith("CU") and not kind.startswith(("CUdevice", "CUstreamCaptureMode")):
        return 4 if kind == "CUresult" and "*" not in declared else 8
    names = {"size_t": 8, "CUdeviceptr": 8, "unsigned long long": 8, "unsigned char": 1}
    return names.get(kind, 4)


# Kernels and graphs


def test_a_kernel_gets_the_bytes_that_its_words_have_when_it_is_called(card, cuda):
    seen = []
    cuda.run = lambda *told: seen.append(told)
    words = np.zeros(4, np.int64)
    words[0], words[1], words[3] = -5, 4096, 1
    words[2:3].view(np.float32)[0] = 0.5
    call = card.prepared(KERNEL, words, 3, 32)
    call.run()
    words[0] = 7  # later than the call
    card.wait()
    ((text, _, blocks, lanes, given),) = seen
    assert (text, blocks, lanes) == (KERNEL, 3, 32)
    assert given == [
        (-5).to_bytes(8, "little", signed=True),
        (4096).to_bytes(8, "little"),
        np.float32(0.5).tobytes(),
        b"\1",
    ]


def _counted(card, count):
    """Calls of a kernel, each with a number of its own, and their words."""
    text = 'def kernel(n: "int64"):\n    pass\n'
    words = [np.array([k]) for k in range(count)]
    return [card.prepared(text, w, 1, 1) for w in words], words


def test_a_graph_runs_calls_in_order_with_the_words_that_it_was_told(card, cuda):
    seen = []
    cuda.run = lambda text, kinds, blocks, lanes, words: seen.append(int.from_bytes(words[0], "little"))
    calls, words = _counted(card, 3)
    graph = card.graph(calls)
    words[1][0], words[2][0] = 10, 20
    graph.update(1)
    graph.replay()
    graph.replay()
    card.wait()
    assert seen == [0, 10, 2] * 2


@pytest.mark.parametrize("number", [2, 801])
def test_where_the_driver_refuses_a_graph_there_is_none(card, cuda, number):
    cuda.fail["cuGraphInstantiateWithFlags"] = [number]
    assert card.graph(_counted(card, 2)[0]) is None
    assert (cuda.log.count("cuGraphDestroy"), cuda.log.count("cuGraphExecDestroy")) == (1, 0)


def test_what_is_made_on_the_driver_is_given_back(card, cuda):
    graph = card.graph(_counted(card, 2)[0])
    event = card.event().record()
    del graph, event
    gc.collect()
    for name in ("cuGraphExecDestroy", "cuGraphDestroy", "cuEventDestroy_v2"):
        assert cuda.log.count(name) == 1


def test_what_the_driver_refuses_while_the_process_ends_is_nothing(card, cuda):
    event = card.event()
    cuda.fail["cuEventDestroy_v2"] = [4]  # CUDA_ERROR_DEINITIALIZED; errors in `__del__` would be told
    del event
    assert cuda.log[-1] == "cuEventDestroy_v2"


def test_events_measure_seconds(card):
    first, second = card.event().record(), card.event().record()
    assert second.since(first) == 0.25


# Copies


@pytest.mark.parametrize("bytes", [1, 1 << 16, 5 * MB, 13 * MB + 1])
def test_arrays_come_back_as_they_went(card, bytes):
    array = np.random.default_rng(0).integers(0, 256, bytes, np.uint8)
    sent = array.copy()
    value = transfer.to_card(sent, 0)
    sent[:] = 0  # which the card is not to see, though it copies later
    assert value.shape == array.shape and np.array_equal(transfer.to_host(value), array)


def test_arrays_in_any_order_and_of_no_elements_go_too(card):
    for array in (np.arange(6.0).reshape(2, 3).T, np.zeros((0, 3)), np.float32(2.0)):
        found = transfer.to_host(transfer.to_card(np.asarray(array), 0))
        assert found.dtype == array.dtype and found.shape == array.shape and np.array_equal(found, array)


def test_texts_have_no_place_on_a_card(card):
    with pytest.raises(TypeError, match="no place for object"):
        transfer.to_card(np.array(["a"], object), 0)


def test_a_copy_between_cards_waits_for_the_one_and_keeps_the_other_from_writing_before_it(card, cuda):
    value = transfer.to_card(np.arange(5), 0)
    copy = transfer.between(value, 1)
    card.write(value.block.address, np.zeros(5, np.int64))  # asked for after the copy
    assert copy.card == 1 and np.array_equal(transfer.to_host(copy), np.arange(5))
    assert cuda.log.count("cuStreamWaitEvent") == 2


# Memory


def test_a_block_that_nobody_holds_is_given_out_again_without_the_driver(card, cuda):
    first = pool.allocate(0, 3 * MB)
    address = first.address
    del first
    assert pool.allocate(0, 3 * MB - 5).address == address
    assert cuda.log.count("cuMemAlloc_v2") == 1


def test_blocks_never_overlap_and_all_comes_back(card, cuda):
    rng, held, memory = np.random.default_rng(0), [], pool.pool(0)
    for _ in range(400):
        if held and rng.random() < 0.5:
            held.pop(int(rng.integers(len(held))))
        elif sum(b.bytes for b in held) < 30 * MB:
            held.append(memory.allocate(int(2 ** rng.uniform(0, 22))))
        spans = sorted((b.address, b.address + b.bytes) for b in held)
        assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:]))
        assert all(start % 512 == 0 for start, _ in spans)
    told = memory.stats()
    assert told["blocks"] == len(held) and told["current"] >= sum(b.bytes for b in held)
    assert told["current"] <= told["peak"] <= told["reserved"] == sum(map(len, cuda.held.values()))
    held.clear()
    memory.trim()
    assert memory.stats()["reserved"] == memory.stats()["current"] == 0 and not cuda.held


def test_the_peak_can_be_forgotten(card):
    memory = pool.pool(0)
    del [memory.allocate(MB)][0]
    assert (memory.stats()["current"], memory.stats()["peak"]) == (0, MB)
    memory.reset_peak()
    assert memory.stats()["peak"] == 0


def test_memory_in_pieces_too_small_goes_back_to_the_card_before_it_says_that_there_is_none(card, cuda):
    memory = pool.pool(0)
    del [memory.allocate(15 * MB) for _ in range(4)][:]
    assert memory.stats()["reserved"] == 60 * MB + 4 * MB
    assert memory.allocate(40 * MB).bytes == 40 * MB
    assert cuda.log.count("cuMemFree_v2") == 4


def test_memory_that_only_a_cycle_holds_is_found(card):
    cycle: list = [pool.allocate(0, 40 * MB)]
    cycle.append(cycle)
    del cycle
    assert pool.allocate(0, 40 * MB).bytes == 40 * MB


def test_without_memory_the_largest_holders_are_named_by_line_and_the_rest_goes_on(card):
    large = pool.allocate(0, 40 * MB)
    small = [pool.allocate(0, 2 * MB) for _ in range(2)]
    with pytest.raises(tf.errors.ResourceExhaustedError) as raised:
        pool.allocate(0, 30 * MB)
    text = str(raised.value)
    assert "GPU:0 has no memory for 30 MB more" in text and "44 MB are in use" in text
    first, second = re.findall(r"\n  (.*) from .*test_card_runtime.py, line \d+: (.*)", text)
    assert first == ("40 MB", "large = pool.allocate(0, 40 * MB)") and second[0] == "4 MB"
    del large, small
    assert pool.allocate(0, 30 * MB).bytes == 30 * MB


def test_memory_can_be_limited(card):
    pool.pool(0).limit = 10 * MB
    with pytest.raises(tf.errors.ResourceExhaustedError, match="of 10 MB no more"):
        pool.allocate(0, 11 * MB)
    assert pool.allocate(0, MB).bytes == MB and pool.pool(0).stats()["limit"] == 10 * MB


def test_errors_of_the_driver_for_want_of_memory_are_told_apart(card, cuda):
    cuda.fail["cuMemAlloc_v2"] = [2]
    with pytest.raises(OutOfMemory):
        card.allocate(1)


def test_the_memory_of_the_card_itself_is_told(card):
    block = pool.allocate(0, 30 * MB)
    free, all = card.memory()
    assert (all, free) == (64 * MB, 34 * MB) and block.bytes == 30 * MB


def test_a_value_gives_its_block_back_with_the_last_that_shares_it(card):
    value = transfer.to_card(np.arange(1 << 18), 0)
    part = CardArray((3,), value.dtype, value.block, 8)
    del value
    assert pool.pool(0).stats()["blocks"] == 1 and transfer.to_host(part).tolist() == [1, 2, 3]
    del part
    assert pool.pool(0).stats()["blocks"] == 0


# What is loaded


def test_programs_are_kept_on_disk_for_each_kind_of_card(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setenv("NBTAPE_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(programs, "ptx", lambda *given: asked.append(given) or b"PTX")
    monkeypatch.setattr(programs, "linker", lambda: None)
    for capability in ((8, 0), (9, 0), (8, 0)):
        assert programs.image(KERNEL, capability) == b"PTX"
    assert asked == [(KERNEL, (8, 0)), (KERNEL, (9, 0))]


@pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs pip install nbtape[cuda]")
def test_a_kernel_is_in_what_is_loaded_under_the_symbol_of_its_text(tmp_path, monkeypatch):
    monkeypatch.setenv("NBTAPE_CACHE_DIR", str(tmp_path))
    code = programs.image(KERNEL, (9, 0))
    assert code.startswith(b"\x7fELF") and b".text." + symbol(KERNEL).encode() + b"\0" in code
    assert programs.image(KERNEL, (9, 0)) == code and len(list(tmp_path.iterdir())) == 1


SPILLS = """
.version 8.0
.target sm_80
.address_size 64
.visible .entry {name}(.param .u64 x)
{{
    .local .align 4 .b8 room[64];
    .reg .b64 %a, %b, %c, %d;
    .reg .b32 %v;
    ld.param.u64 %a, [x];
    cvta.to.global.u64 %b, %a;
    ld.global.u32 %v, [%b];
    mov.u64 %c, room;
    cvt.u64.u32 %d, %v;
    and.b64 %d, %d, 60;
    add.u64 %c, %c, %d;
    st.local.u32 [%c], %v;
    ld.local.u32 %v, [room];
    st.global.u32 [%b], %v;
    ret;
}}
"""


@pytest.mark.skipif(linker.linker() is None, reason="needs pip install nbtape[cuda]")
def test_the_assembler_says_what_does_not_fit_in_registers():
    found = linker.assembled(SPILLS.format(name=symbol("")).encode(), (8, 0))
    assert found.code.startswith(b"\x7fELF") and found.spilled == 64
    with pytest.raises(linker.AssemblerError, match="syntax"):
        linker.assembled(b".version 8.0\n.target sm_80\n.address_size 64\nnonsense", (8, 0))

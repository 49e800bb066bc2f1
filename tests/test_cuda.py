"""Kernels for cards without a card: on the simulator, and as the assembly language of two generations."""

import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
from grid_kernels import KERNELS, TEXTS
from grid_products import PRODUCTS
from grids import PROGRAMS, planned

from nbtape.compile.card import linker, plan as card
from nbtape.compile.settings import Settings

HERE = Path(__file__).parent
_ptx = cache(card.ptx)  # programs have kernels in common


def test_programs_agree_on_the_simulator():
    """In a process of its own, since the simulator takes the place of the compiler when Numba is imported."""
    files = sorted(path.name for path in HERE.glob("simulated*.py"))
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", *files]
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NBTAPE_SIMULATED_CARDS": "2"}
    run = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-1000:]


@pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs pip install nbtape[cuda]")
@pytest.mark.parametrize("name", [*PROGRAMS, *PRODUCTS, *TEXTS])
@pytest.mark.parametrize("capability", [(8, 0), (9, 0)], ids=["sm_80", "sm_90"])
def test_kernels_compile_and_keep_their_numbers_in_registers(name, capability, monkeypatch):
    monkeypatch.setattr(Settings, "deterministic", name in KERNELS)
    monkeypatch.setattr(card, "ptx", _ptx)
    f, *values = (PROGRAMS | PRODUCTS | KERNELS)[name]
    lanes = 4 if name in KERNELS else 128  # with few, small arrays are long ones
    for ptx in card.assembled(planned(f, values, lanes, most=1024), capability):
        assert f".target sm_{capability[0]}{capability[1]}".encode() in ptx and b".local" not in ptx
        assert linker.linker() is None or linker.assembled(ptx, capability).spilled == 0

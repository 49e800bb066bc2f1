"""The linter and the type checker, so that one command runs every check."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CHECKS = {
    "ruff": "ruff check --no-cache .".split(),
    "pyright": ["pyright", "--warnings", "--pythonpath", sys.executable],
}


@pytest.mark.parametrize("check", CHECKS)
def test_check_finds_nothing(check):
    command = [sys.executable, "-m", *CHECKS[check]]
    offline = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # or it looks for a newer release
    done = subprocess.run(command, cwd=ROOT, env=offline, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

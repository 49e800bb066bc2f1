"""The command `nbtape`, and that a kernel can load the extension by itself."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import nbtape as tf
from nbtape.notebook import cli
from nbtape.notebook.cli import main

ROOT = Path(__file__).parents[1]


@pytest.fixture
def called(monkeypatch):
    """The Jupyter commands that were called, none of which runs."""
    calls = []

    def run(command):
        calls.append(command[1:])
        spec = Path(command[5], "kernel.json") if "kernelspec" in command else None
        calls.append(json.loads(spec.read_text()) if spec else None)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(cli.subprocess, "run", run)
    return calls


def test_the_entry_point_is_the_command():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"nbtape": f"{main.__module__}:{main.__name__}"}


def test_doctor_says_what_runs_here(capsys):
    assert main(["doctor"]) == 0
    told = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert told["nbtape"] and told["Python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert told["controls"].split(":")[0] in ("subshell", "interrupt only")
    assert "CPU" in told["devices"] and re.fullmatch(r"\d+ of \d+ cores", told["threads"])
    assert re.fullmatch(r"\d+ in .*, [\d.]+ (B|KB|MB|GB)", told["kernels"])


def test_doctor_says_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr("nbtape.notebook.doctor._PACKAGES", ("no-such-package",))
    monkeypatch.setattr("nbtape.notebook.doctor.cache_folder", lambda: None)
    tf.doctor()
    told = capsys.readouterr().out
    assert "no-such-package  not installed" in told and "not kept" in told


def test_lab_opens_at_the_tutorials(called):
    assert main(["lab", "--no-browser"]) == 3  # what Jupyter returned
    assert called[0] == ["-m", "jupyter", "lab", "--notebook-dir", str(ROOT / "notebooks"), "--no-browser"]


@pytest.mark.parametrize(("options", "where"), [([], ["--user"]), (["--prefix", "p"], ["--prefix", "p"])])
def test_kernel_install_hands_jupyter_a_kernel_that_loads_the_extension(called, options, where):
    main(["kernel", "install", *options])
    command, spec = called
    assert command[:4] == ["-m", "jupyter", "kernelspec", "install"]
    assert command[5:] == ["--name", "nbtape", "--replace", *where]
    assert spec["argv"][0] == sys.executable and spec["argv"][-2:] == ["--ext", "nbtape"]


@pytest.mark.parametrize("words", [[], ["kernel"], ["nonsense"], ["doctor", "--now"]])
def test_what_is_no_command_is_refused(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2 and "usage: nbtape" in capsys.readouterr().err


def test_an_installed_kernel_starts_with_the_magics(tmp_path, monkeypatch):
    assert main(["kernel", "install", "--prefix", str(tmp_path)]) == 0
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    cell = nbformat.v4.new_code_cell("%%tape t\nimport nbtape as tf\ny = tf.Variable(2.0) * 3.0")
    book = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(book, kernel_name="nbtape", timeout=120).execute()
    assert cell.outputs[0].data["text/plain"].startswith("t: 1 operation (mul)")

"""The examples in docstrings and READMEs do what they say."""

import doctest
import importlib
import inspect
import pkgutil
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import nbtape as tf
from nbtape.compile.settings import Settings

ROOT = Path(__file__).parents[1]
MODULES = [m.name for m in pkgutil.walk_packages(tf.__path__, "nbtape.") if not m.name.endswith(".__main__")]
NAMES = {"tf": tf, "nt": tf, "np": np}
FORM = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples(module):
    finder = doctest.DocTestFinder()
    yield from finder.find(module, extraglobs=NAMES)
    for name, f in vars(module).items():
        # doctest passes over functions that a factory in another module made; they are named only here
        if inspect.isfunction(f) and vars(sys.modules[f.__module__]).get(f.__name__) is not f:
            yield from finder.find(f, f"{module.__name__}.{name}", module=False, globs=NAMES)


@pytest.mark.parametrize("module", ["nbtape", *MODULES])
def test_docstrings_hold(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where examples write their files
    monkeypatch.setattr(Settings, "mode", "background")  # as whoever tries them has it
    runner = doctest.DocTestRunner(optionflags=FORM)
    for example in examples(importlib.import_module(module)):
        runner.run(example)
    assert not runner.failures


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_readme_prints_what_it_shows(page, tmp_path, capsys):
    text = (ROOT / page).read_text(encoding="utf-8")
    code, shown = ("".join(re.findall(rf"(?ms)^```{kind}\n(.*?)^```", text)) for kind in ("python", "text"))
    example = tmp_path / "example.py"  # a file, since nbtape quotes its user's lines
    example.write_text(code, encoding="utf-8")
    runpy.run_path(str(example))
    assert shown and capsys.readouterr().out == shown

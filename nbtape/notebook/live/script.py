"""The panel's script: modules in files of their own here, one text in the browser."""

import re
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "static" / "panel"
_MODULES = ("page", "curves", "gradients", "variables", "panel")  # each imports from those before it
_JOINTS = re.compile(r"^import .*?;\n+|^export (?!default)", re.MULTILINE)


def script() -> str:
    """The modules joined: a widget's text becomes a blob, beside which there is nothing to import."""
    return "".join([_JOINTS.sub("", (_FOLDER / f"{name}.js").read_text("utf-8")) for name in _MODULES])


def style() -> str:
    """The style sheet that goes with it."""
    return (_FOLDER / "panel.css").read_text("utf-8")

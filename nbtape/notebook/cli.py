"""The command `nbtape`: a kernel with the extension, JupyterLab at the tutorials, a look at the machine."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nbtape.notebook.doctor import doctor

_KERNEL = "nbtape"
_TUTORIALS = Path(__file__).parents[2] / "notebooks"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return what the shell is to be told: 0 where all went well."""
    parser = _parser()
    given, rest = parser.parse_known_args(arguments)
    if rest and given.run is not _lab:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return given.run(given, rest)


def kernel_spec() -> dict:
    """What Jupyter starts: this Python, with the extension loaded."""
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--ext", "nbtape"]
    return {"argv": argv, "display_name": "Python 3 (nbtape)", "language": "python"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nbtape", description="nbtape in notebooks.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    kernel = commands.add_parser("kernel", help="a kernel in which nbtape's magics and displays are loaded")
    install = kernel.add_subparsers(metavar="COMMAND", required=True).add_parser(
        "install", help="let Jupyter offer it, as 'Python 3 (nbtape)'"
    )
    install.add_argument("--prefix", default="", help="where to install it, instead of for this user")
    install.set_defaults(run=_install)
    lab = commands.add_parser("lab", help="JupyterLab at the tutorials, which is told all that follows")
    lab.set_defaults(run=_lab)
    commands.add_parser("doctor", help="what is installed, and how it runs here").set_defaults(run=_doctor)
    return parser


def _install(given: argparse.Namespace, rest: list[str]) -> int:
    where = ["--prefix", given.prefix] if given.prefix else ["--user"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernel.json").write_text(json.dumps(kernel_spec(), indent=1), encoding="utf-8")
        return _jupyter("kernelspec", "install", folder, "--name", _KERNEL, "--replace", *where)


def _lab(given: argparse.Namespace, rest: list[str]) -> int:
    place = _TUTORIALS if _TUTORIALS.is_dir() else Path.cwd()  # wheels come without the tutorials
    return _jupyter("lab", "--notebook-dir", str(place), *rest)


def _doctor(given: argparse.Namespace, rest: list[str]) -> int:
    doctor()
    return 0


def _jupyter(*words: str) -> int:
    return subprocess.run([sys.executable, "-m", "jupyter", *words]).returncode

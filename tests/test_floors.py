"""Hold nbtape/ to its plan: imports point down and stand at the top, and public faces hold only names."""

import ast
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1] / "nbtape"
FLOORS = "core ops autodiff graph state compile program train distribute notebook".split()
KERNELS_FROM = FLOORS.index("compile")  # lower floors name a kernel by text and have core/kernel.py find it
OPEN = {floor: {*FLOORS[: i + 1], *["kernels"] * (i >= KERNELS_FROM)} for i, floor in enumerate(FLOORS)}
OPEN["kernels"] = {"kernels"}
THIRD_PARTY = {  # beside numpy, which every floor may import
    "core": {"ml_dtypes"},
    "state": {"safetensors"},
    "compile": {"llvmlite", "numba"},
    "kernels": {"llvmlite", "numba"},
    "distribute": {"ray"},
    "notebook": {"IPython", "anywidget", "ipywidgets", "matplotlib", "traitlets"},
}
# and every file right under nbtape/ that is not a program
FACES = {"autograph", "compat", "config", "experimental", "keras", "math", "nn", "optimizers", "random"}
PROGRAMS = {"bench", "__main__"}
FILES = {path.relative_to(HOUSE).as_posix(): path for path in sorted(HOUSE.rglob("*.py"))}
CHECKED = [name for name in FILES if name.removesuffix(".py").split("/")[0] not in PROGRAMS]


def imports(tree):
    """Yield each import statement with the full dotted name of each thing it imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = "." * node.level + f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            yield from ((node, start + alias.name) for alias in node.names)


def floor_breaches(file, floor, tree):
    assert floor in OPEN, f"{floor}/ is neither a floor ({', '.join(OPEN)}) nor a public face"
    known = {"numpy", *THIRD_PARTY.get(floor, ()), *sys.stdlib_module_names}
    for node, name in imports(tree):
        root, below, *_ = [*name.split("."), ""]
        if node not in tree.body:
            yield node, f"{name} is imported inside another statement; imports stand at the top of the file"
        if root == "nbtape" and below not in OPEN[floor]:
            yield node, f"{floor} may not import {name}; it may import {', '.join(sorted(OPEN[floor]))}"
        if root != "nbtape" and root not in known:
            yield node, f"{floor} may not import {name}" if root else "write imports in full, from nbtape on"
        if name in ("importlib", "importlib.import_module") and file != "core/kernel.py":
            yield node, "only core/kernel.py imports modules by text"


def face_breaches(tree):
    for node in tree.body[ast.get_docstring(tree) is not None :]:
        match node:
            case ast.Import() | ast.ImportFrom():
                inside = all(name.startswith("nbtape.") for _, name in imports(node))
                if not inside or not all(alias.asname for alias in node.names):
                    yield node, "write `from nbtape.floor.file import x as x`"
            case ast.Assign(targets=[ast.Name("__version__" | "__all__")]):
                pass
            case _:
                yield node, "a public face defines nothing; put this on a floor and import its name"


@pytest.mark.parametrize("file", CHECKED)
def test_imports_point_down_and_faces_hold_only_names(file):
    tree = ast.parse(FILES[file].read_text(encoding="utf-8"))
    floor = file.split("/")[0]
    found = face_breaches(tree) if floor in FACES or floor == file else floor_breaches(file, floor, tree)
    told = [f"nbtape/{file}:{node.lineno}: {text}" for node, text in found]
    assert not told, "\n".join(told)

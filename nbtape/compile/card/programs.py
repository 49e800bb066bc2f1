"""Kernels for cards, from their texts: kept on disk for each kind of card, as machine code where NVIDIA's
assembler is installed, else as PTX, which the driver assembles.
"""

from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from nbtape.compile.card.linker import AssemblerError, assembled, linker
from nbtape.compile.code import cache as disk
from nbtape.core.kernel import late

_COMPILERS = ("numba-cuda-mlir", "numba-cuda")  # beside Numba's own, of which the cache knows
ptx = late("nbtape.compile.device:ptx")  # which imports the compiler


def image(text: str, capability: tuple[int, int]) -> bytes:
    """What the driver loads for a kernel's text on a card of a compute capability."""
    label = "\n".join([text, f"# for sm_{capability[0]}{capability[1]}", *_versions()])
    found = disk.read(label)
    if found is None:
        found = ptx(text, capability)
        if linker() is not None:
            with suppress(AssemblerError):  # where it is older than the compiler, the driver may be newer
                found = assembled(found, capability).code
        disk.write(label, found)
    return found


@cache
def _versions() -> tuple[str, ...]:
    """What is installed that decides what a text is compiled to."""
    found = [f"# {name} {made}" for name in _COMPILERS if (made := _version(name)) is not None]
    return (*found, f"# {'assembled' if linker() is not None else 'PTX'}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

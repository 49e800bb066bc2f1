"""Which names a piece of code reads: globals, closure cells, and attributes of these and of its arguments.

Read off the bytecode, so that lambdas, notebook cells and code without a source are no special case.
"""

import dis
import functools
from collections import Counter
from collections.abc import Iterator
from types import CodeType
from typing import Any, NamedTuple

_SCOPES = {"LOAD_GLOBAL": "global", "LOAD_NAME": "global"}
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")


class Path(NamedTuple):
    """A name and the attributes read from it: `self.config.rate`; `scope` is "global", "closure" or
    "argument".
    """

    scope: str
    name: str
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.attributes))


@functools.lru_cache(maxsize=4096)
def paths_of(code: CodeType) -> tuple[Path, ...]:
    """What `code`, and the functions written inside it, read from around them and from their arguments.

    >>> [str(path) for path in paths_of((lambda x: x * config.scale).__code__)]
    ['config.scale']
    """
    found = dict.fromkeys(_own_paths(code))
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= dict.fromkeys(filter(None, [_outward(path, code) for path in paths_of(inner)]))
    return tuple([path for path in found if path.attributes or path.scope != "argument"])


def arguments_of(code: CodeType) -> tuple[str, ...]:
    """The names of all parameters."""
    flags = bool(code.co_flags & 4) + bool(code.co_flags & 8)  # *args, **kwargs
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + flags]


def _own_paths(code: CodeType) -> Iterator[Path]:
    """The paths of the code itself: a load, then the attributes that are loaded from it at once."""
    instructions = list(dis.get_instructions(code))
    stores = Counter(name for i in instructions if i.opname.startswith("STORE_") for name in _names(i))
    aliases: dict[str, Path] = {}
    path: Path | None = None
    for instruction in instructions:
        name = instruction.opname
        if name in _ATTRIBUTES and path is not None:
            path = path._replace(attributes=(*path.attributes, instruction.argval))
            continue
        if path is not None:
            yield path
            if name in ("STORE_FAST", "STORE_DEREF") and stores[instruction.argval] == 1:
                aliases[instruction.argval] = path
        path = _loaded(instruction, code, stores, aliases)


def _loaded(instruction: dis.Instruction, code: CodeType, stores: Counter, aliases: dict) -> Path | None:
    """The path that an instruction starts, if it is a load of what is not changed in the code itself."""
    opname = instruction.opname
    if opname in _SCOPES:
        return Path(_SCOPES[opname], instruction.argval)
    if not opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "STORE_FAST_LOAD_FAST")):
        return None
    name = _names(instruction)[-1]
    if name in aliases:
        return aliases[name]
    if name in code.co_freevars:
        return Path("closure", name)
    return Path("argument", name) if name in arguments_of(code) and not stores[name] else None


def _names(instruction: dis.Instruction) -> tuple[Any, ...]:
    """The variables of an instruction, which may be two fused into one."""
    value = instruction.argval
    return value if isinstance(value, tuple) else (value,)


def _outward(path: Path, outer: CodeType) -> Path | None:
    """A path of a function, as one of the function around it; None where it leads to a local variable."""
    if path.scope == "global" or path.scope == "closure" and path.name in outer.co_freevars:
        return path
    if path.scope == "closure" and path.name in arguments_of(outer):
        return path._replace(scope="argument")
    return None

"""From a kernel's text to machine code for this CPU, by Numba and LLVM.

Importing this module imports Numba, which takes a second or two: worker processes do, and who must compile
without one.
"""

import operator
from collections.abc import Iterable
from typing import Any

import llvmlite.binding as llvm
from numba import types
from numba.core import compiler
from numba.core.imputils import lower_builtin
from numba.core.registry import cpu_target

from nbtape.compile.objects import FOREIGN, symbol, target_machine

# Never nnan or ninf: they would let LLVM drop the NaNs and infinities that users debug by.
FASTMATH = frozenset({"contract", "nsz", "arcp", "reassoc"})


_PASSED = {"float32": "float", "float64": "double", "bool": "i8", "here": "i64"}  # and integers as they are


class CompileError(Exception):
    """A kernel's text that could not be made into machine code."""


@lower_builtin(operator.getitem, types.CPointer(types.boolean), types.Integer)
def _get_bool(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    byte = builder.load(builder.gep(args[0], [args[1]], inbounds=True))
    return builder.icmp_unsigned("!=", byte, byte.type(0))


@lower_builtin(operator.setitem, types.CPointer(types.boolean), types.Integer, types.Any)
def _set_bool(context: Any, builder: Any, sig: Any, args: Any) -> None:
    pointer, index, value = args
    bit = context.cast(builder, value, sig.args[2], types.boolean)
    byte = context.get_value_as_data(builder, types.boolean, bit)
    builder.store(byte, builder.gep(pointer, [index], inbounds=True))


def compile_text(text: str) -> bytes:
    """The object file of a kernel's text; its one public name is `symbol(text)`, `int64 entry(int64* words)`.

    A kernel's arguments are annotated with what their words hold: `T*`, the address of an array that nothing
    else in the kernel refers to; `T`, a number, in the low bytes; and `here`, no word but the words' own address.
    A kernel that is to stop its program returns `bool`, and the entry the words' address, or an int64 of its own.

    Example:
        >>> text = '''def kernel(n: "int64", x: "float32*"):
        ...     for i in range(n):
        ...         x[i] += 1
        ... '''
        >>> compile_text(text)[1:4]
        b'ELF'
    """
    names: dict[str, Any] = {"__name__": "nbtape.compile"}
    exec(compile(text, "<kernel>", "exec"), names)
    kernel = names["kernel"]
    kinds = dict(kernel.__annotations__)
    result = kinds.pop("return", "void")
    library, name = _lower(kernel, kinds, result, names.get("FASTMATH", FASTMATH))
    module = _link(library, name, _entry(name, symbol(text), list(kinds.values()), result))
    machine = target_machine()
    _optimise(module, machine)
    called = {f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm.")}
    if strange := sorted(called - FOREIGN):
        raise CompileError(f"A kernel may not call {', '.join(strange)}; this one does:\n{text}")
    return machine.emit_object(module)


def _lower(kernel: Any, kinds: dict[str, str], result: str, fastmath: Iterable[str]) -> tuple[Any, str]:
    """Numba's IR of a kernel, not yet optimised with what it calls, and the function's name in it."""
    flags = compiler.Flags()
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = True
    flags.noalias = flags.release_gil = True
    flags.error_model, flags.fastmath = "numpy", set(fastmath)
    arguments = tuple(_type(kind) for kind in kinds.values())
    compiled = compiler.compile_extra(
        cpu_target.typing_context, cpu_target.target_context, kernel, arguments, _type(result), flags, {}
    )
    return compiled.library, compiled.fndesc.llvm_func_name


def _type(kind: str) -> Any:
    if kind.endswith("*"):
        return types.CPointer(_type(kind[:-1]))
    return {"bool": types.boolean, "here": types.int64}.get(kind) or getattr(types, kind)


def _link(library: Any, name: str, entry: str) -> Any:
    """One module of a kernel, the functions it calls and its entry, whose name alone others see."""
    module = library._final_module
    for other in library._linking_libraries:
        if other.name != "nrt":  # Numba's runtime, which counts references: kernels hold none
            module.link_in(other._get_module_for_linking(), preserve=True)
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name != name:
            value.linkage = "internal"
    module.link_in(llvm.parse_assembly(entry))
    module.get_function(name).linkage = "internal"
    return module


def _entry(name: str, public: str, kinds: list[str], result: str) -> str:
    """The IR of the function that takes a kernel's arguments from words."""
    declared, passed, lines, position = ["ptr", "ptr"], ["ptr %result", "ptr %error"], [], 0
    for k, kind in enumerate(kinds):
        type_ = "ptr" if kind.endswith("*") else _PASSED.get(kind) or f"i{getattr(types, kind).bitwidth}"
        if kind == "here":
            lines.append(f"%a{k} = ptrtoint ptr %words to i64")
        else:
            lines.append(f"%w{k} = getelementptr i64, ptr %words, i64 {position}")
            lines.append(f"%a{k} = load {type_}, ptr %w{k}")
            position += 1
        declared.append(type_)
        passed.append(f"{type_} %a{k}")
    lines += ["%result = alloca i64", "store i64 0, ptr %result", "%error = alloca ptr"]
    lines += [f'call i32 @"{name}"({", ".join(passed)})', "%stop = load i64, ptr %result"]
    if result == "bool":
        lines += ["%flag = trunc i64 %stop to i1", "%here = ptrtoint ptr %words to i64"]
        lines += ["%address = select i1 %flag, i64 %here, i64 0", "ret i64 %address"]
    else:
        lines.append("ret i64 %stop")
    body = "\n".join(f"  {line}" for line in lines)
    return (
        f'declare i32 @"{name}"({", ".join(declared)})\ndefine i64 @"{public}"(ptr %words) {{\n{body}\n}}\n'
    )


def _optimise(module: Any, machine: Any) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    options.loop_interleaving = options.loop_unrolling = True
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)

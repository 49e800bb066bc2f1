"""From a kernel's text to machine code for this CPU, by Numba and LLVM.

Importing this module imports Numba, which takes a second: worker processes do, and who must do without them.
"""

import operator
from collections.abc import Iterable
from typing import Any

import llvmlite.binding as llvm
from numba import types
from numba.core import compiler
from numba.core.imputils import lower_builtin
from numba.core.registry import cpu_target

from nbtape.compile.code.objects import CompileError, foreign, symbol, target_machine

# Never nnan or ninf: they would let LLVM drop the NaNs and infinities that users debug by. Nor arcp: with it
# 1 / sqrt(0) is nan, from an estimate, and so is 0 / y / y where y * y is 0.
FASTMATH = frozenset({"contract", "nsz", "reassoc"})
_PASSED = {"float32": "float", "float64": "double", "bool": "i8", "here": "i64"}  # and integers as iN


def compile_text(text: str) -> bytes:
    """The object file of a kernel's text; its one public name is `symbol(text)`, `int64 entry(int64* words)`.

    A kernel's arguments are annotated with what their words hold: `T*`, the address of an array that no other
    argument refers to; `T`, a number, in the low bytes; and `here`, no word but the words' own address. A
    kernel that may stop its program returns `bool`, and its entry then the words' address, or an `int64`.

    Example:
        >>> text = '''def kernel(n: "int64", x: "float32*"):
        ...     for i in range(n):
        ...         x[i] += 1
        ... '''
        >>> symbol(text).encode() in compile_text(text)
        True
    """
    return target_machine().emit_object(module(text))


def module(text: str) -> Any:
    """The optimised LLVM module of a kernel's text."""
    names: dict[str, Any] = {"__name__": "nbtape.compile"}
    exec(compile(text, "<kernel>", "exec"), names)
    kernel = names["kernel"]
    kinds = dict(kernel.__annotations__)
    result = kinds.pop("return", "void")
    library, name = _lower(kernel, kinds.values(), result, names.get("FASTMATH", FASTMATH))
    linked = _link(library, name, _entry(name, symbol(text), kinds.values(), result))
    _optimise(linked)
    called = {f.name for f in linked.functions if f.is_declaration and not f.name.startswith("llvm.")}
    if strange := sorted(called - foreign().keys()):
        raise CompileError(f"A kernel may not call {', '.join(strange)}.")
    return linked


def _lower(kernel: Any, kinds: Iterable[str], result: str, fastmath: Iterable[str]) -> tuple[Any, str]:
    """Numba's IR of a kernel, not yet linked with what it calls, and the function's name in it."""
    flags: Any = compiler.Flags()
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = True
    flags.noalias = flags.release_gil = True
    flags.error_model, flags.fastmath = "numpy", set(fastmath)
    typing, target = cpu_target.typing_context, cpu_target.target_context
    arguments = tuple(type_of(kind) for kind in kinds)
    compiled = compiler.compile_extra(typing, target, kernel, arguments, type_of(result), flags, {})
    library, name = compiled.library, compiled.fndesc.llvm_func_name
    return library, name


def type_of(kind: str) -> Any:
    """What Numba calls the type of an argument."""
    if kind.endswith("*"):
        return types.CPointer(type_of(kind[:-1]))
    return {"bool": types.boolean, "here": types.int64}.get(kind) or getattr(types, kind)


def _link(library: Any, name: str, entry: str) -> Any:
    """One module of a kernel, the functions it calls and its entry, which alone others can see."""
    linked = library._final_module
    for other in library._linking_libraries:
        if other.name != "nrt":  # Numba's runtime counts references, and kernels hold none
            linked.link_in(other._get_module_for_linking(), preserve=True)
    for value in (*linked.functions, *linked.global_variables):
        if not value.is_declaration and value.name != name:
            value.linkage = "internal"
    linked.link_in(llvm.parse_assembly(entry))
    linked.get_function(name).linkage = "internal"
    return linked


def _entry(name: str, public: str, kinds: Iterable[str], result: str) -> str:
    """The IR of the function that takes a kernel's arguments from words."""
    taken, passed, word = "", ["ptr %result", "ptr %error"], 0
    for k, kind in enumerate(kinds):
        type_ = "ptr" if kind.endswith("*") else _PASSED.get(kind) or f"i{type_of(kind).bitwidth}"
        passed.append(f"{type_} %a{k}")
        if kind == "here":
            taken += f"%a{k} = ptrtoint ptr %words to i64\n"
        else:
            taken += f"%w{k} = getelementptr i64, ptr %words, i64 {word}\n"
            taken += f"%a{k} = load {type_}, ptr %w{k}\n"
            word += 1
    declared = ", ".join(argument.split()[0] for argument in passed)
    quiet = "i64 %value" if result == "int64" else "i64 %stopped"
    return f"""
    declare i32 @"{name}"({declared})
    define i64 @"{public}"(ptr %words) {{
        %here = ptrtoint ptr %words to i64
        %error = alloca ptr
        %result = alloca i64
        store i64 0, ptr %result
        {taken}
        %status = call i32 @"{name}"({", ".join(passed)})
        %value = load i64, ptr %result
        %flag = icmp ne i64 %value, 0
        %stopped = select i1 %flag, i64 %here, i64 0
        %raised = icmp ne i32 %status, 0
        %stop = select i1 %raised, i64 %here, {quiet}
        ret i64 %stop
    }}
    """


def _optimise(linked: Any) -> None:
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    options.loop_interleaving = options.loop_unrolling = True
    passes = llvm.create_pass_builder(target_machine(), options)
    passes.getModulePassManager().run(linked, passes)


# Numba reads a bool through a pointer as the byte that holds it, and stores a bit where the byte should go.


@lower_builtin(operator.getitem, types.CPointer(types.boolean), types.Integer)
def _get_bool(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    byte = builder.load(builder.gep(args[0], [args[1]], inbounds=True))
    return builder.icmp_unsigned("!=", byte, byte.type(0))


@lower_builtin(operator.setitem, types.CPointer(types.boolean), types.Integer, types.Any)
def _set_bool(context: Any, builder: Any, signature: Any, args: Any) -> None:
    pointer, index, value = args
    bit = context.cast(builder, value, signature.args[2], types.boolean)
    byte = context.get_value_as_data(builder, types.boolean, bit)
    builder.store(byte, builder.gep(pointer, [index], inbounds=True))

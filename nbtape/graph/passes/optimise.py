"""The passes and their order."""

from collections.abc import Callable

from nbtape.graph import verify
from nbtape.graph.passes import algebra, fold, folds, lower, masks, parts, shapes
from nbtape.graph.passes.absorb import absorb
from nbtape.graph.passes.epilogue import finish_convolutions
from nbtape.graph.passes.hoist import hoist, multiply_after, multiply_before, sum_after
from nbtape.graph.passes.indexed import slots, stack_parts, stream_rows
from nbtape.graph.passes.prune import prune
from nbtape.graph.passes.rewrite import Rules, rewrite
from nbtape.graph.passes.save import save
from nbtape.graph.passes.share import share
from nbtape.graph.passes.sparse import update_rows
from nbtape.graph.passes.trips import settle
from nbtape.graph.passes.unpool import unpool_last
from nbtape.graph.program import Program

Pass = Callable[[Program], Program]
_SIMPLER = Rules(fold.rules, shapes.rules, parts.rules, folds.rules, algebra.rules, masks.rules, lower.known)
_STABLE = Rules(_SIMPLER, algebra.stable)
_LOWERED = Rules(lower.composites, _SIMPLER)


def simplify(program: Program) -> Program:
    """Constants, shapes and arithmetic, in one walk: what one rule makes is what another one waits for."""
    return rewrite(fold.splat(program), _STABLE)


def lowered(program: Program) -> Program:
    """Composite rows as what they are made of, once it is settled which ones stand in the program."""
    return rewrite(program, _LOWERED)


TIDY: list[Pass] = [simplify, share, prune]
# What would be computed again is found while both bodies still are as they were derived from one another.
LOOPS: list[Pass] = [
    settle,
    *TIDY,
    stream_rows,
    stack_parts,
    slots,
    *TIDY,
    save,
    hoist,
    multiply_before,
    multiply_after,
    sum_after,
    *TIDY,
]
PASSES: list[Pass] = [
    prune,
    share,
    *TIDY,
    absorb,
    *TIDY,
    *LOOPS,
    lowered,
    share,
    absorb,
    unpool_last,
    finish_convolutions,
    update_rows,
    prune,
]


def optimise(program: Program, checked: bool = False) -> Program:
    """`program`, and the programs inside it, after all passes; with `checked`, verified after each one.

    >>> from nbtape.graph.program import program_of
    >>> graph = tf.function(lambda x: (x ** 2.0) * 1.0).get_concrete_function(tf.TensorSpec([3])).graph
    >>> print(optimise(program_of(graph)))
    program(%0: float32[3])
      %1: float32[3] = mul(%0, %0)
      return %1
    """
    for run in PASSES:
        for inner in list(program.walk()):
            run(inner)
        if checked:
            verify.check(program)
    return program

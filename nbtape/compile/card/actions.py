"""What plans for cards are made of, beside what all plans are: launches, a library's products, host steps."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nbtape.compile.emission.kernel import Kernel, Word
from nbtape.compile.planning import check, control
from nbtape.compile.planning.layout import Buffer, Layout
from nbtape.graph.program import Step


@dataclass(eq=False, slots=True)
class Launch:
    """A kernel that blocks of `lanes` threads run."""

    kernel: Kernel
    words: list[Word]
    blocks: int
    lanes: int
    check: Any = None  # what it checks, a Check or a Trap


@dataclass(eq=False, slots=True)
class Gemm:
    """A product of matrices, `y`, that a library makes."""

    a: Layout
    b: Layout
    y: Layout


@dataclass(eq=False, slots=True)
class Settle:
    """The host is to look at what kernels have checked so far, before more is done."""


@dataclass(eq=False, slots=True)
class Guarded(control.Loop):
    """A loop whose kernels do nothing once its test has failed, so that the host may ask for many trips
    before it looks at the verdict. Its body ends with the test of the next trip.
    """


def guarded(loop: control.Loop) -> control.Loop:
    """A loop that is guarded, if it has a test and nothing but kernels."""
    trip = [*loop.body, *(loop.test or ())]
    alone = all(isinstance(action, Launch) and action.check is None for action in trip)
    if loop.verdict is None or loop.rows or not alone:
        return loop
    return Guarded([_asking(launch, loop.verdict) for launch in trip], loop.test, loop.verdict, loop.limit)


def _asking(launch: Launch, go: Layout) -> Launch:
    """A launch that does nothing where `go` is False."""
    head, rest = launch.kernel.text.split("def kernel(")
    signature, body = rest.split("):\n", 1)
    more = '    go: "bool*",\n' if signature.endswith("\n") else f'{", " if signature else ""}go: "bool*"'
    text = f"{head}def kernel({signature}{more}):\n    if not go[0]:\n        return\n{body}"
    kernel, words = replace(launch.kernel, text=text), [*launch.words, Word("go", "bool*", go)]
    return replace(launch, kernel=kernel, words=words)


@dataclass(eq=False, slots=True)
class HostCall:
    """A step that runs on the host, as its row does, since no kernel does it or the user put it there.
    `inputs` are layouts, in order, and constants; `outputs` buffers of arrays that come out when it has run.
    """

    step: Step
    inputs: list[Any]
    outputs: list[Buffer]
    told: bool = True  # whether the user is told that it does


@dataclass(eq=False, slots=True)
class Late:
    """A step whose sizes come out only when it runs: then it runs on the card, planned for them."""

    step: Step
    inputs: list[Any]
    outputs: list[Buffer]


@dataclass(frozen=True, slots=True)
class Check:
    """What a kernel checks that looks at indices: where one is out of range, it makes `flag` other than 0,
    and `fail` says what is wrong, given those that lie in `found`. To look at the flag is to wait for the
    card: what comes after gets indices without the wrong ones, and the host looks once, before what counts.
    """

    step: Step
    flag: Layout
    found: Layout

    def fail(self, found: np.ndarray) -> None:
        check.Check(self.step).fail_for(found)


@dataclass(frozen=True, slots=True)
class Trap:
    """What a loop checks as it goes: it leaves the number of the step of which an index was out of range,
    counted from 1, in the first word of `flag`, which is `found` too, and the index in the second.
    """

    steps: list[Step]
    flag: Layout

    @property
    def found(self) -> Layout:
        return self.flag

    def fail(self, found: np.ndarray) -> None:
        check.Trap(self.steps, 0).fail_for(*found.tolist())

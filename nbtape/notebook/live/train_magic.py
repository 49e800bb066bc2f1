"""`%%train`: a cell that is one step of training, run many times in front of the live panel."""

import io
import itertools
import tokenize
from collections.abc import Callable, Iterator
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class, no_var_expand

from nbtape.autodiff.tape import GradientTape
from nbtape.core import nest
from nbtape.notebook import background
from nbtape.notebook.expressions import value
from nbtape.notebook.live.session import Live
from nbtape.notebook.options import Option, usage
from nbtape.program.function import function
from nbtape.state.variable import Variable
from nbtape.train import lookup

_STEP = "_nbtape_step"
_TRAIN = usage(
    "train",
    "%%train [NAME] [--steps N] [--optimizer adam(1e-2)] [--vars EXPRESSION ...] [--batch DATA] [--compile] "
    "[--background]",
    Option("--steps", 1),
    Option("--optimizer", 1),
    Option("--vars", -1),
    Option("--batch", 1),
    Option("--compile"),
    Option("--background"),
)


@magics_class
class TrainMagics(Magics):
    """The magic of one shell that trains."""

    shell: Any

    @no_var_expand
    @cell_magic
    def train(self, line: str, cell: str) -> None:
        """Run the cell as the step of a training, and watch it: `%%train [NAME] [OPTIONS]`

        The cell leaves `loss`. What it assigns is its own, as in a function; all other names are the
        notebook's. The run is left under NAME (`live` if there is none): its history, journal and figures.

            --steps N        how many (1000)
            --optimizer X    one of yours, or a name of Keras's with arguments: adam(1e-2)
            --vars X ...     variables or models to train; by default the trainable ones that the step reads
            --batch DATA     batches, taken one after another and again from the start; the cell has `batch`
            --compile        trace and compile the step
            --background     return after the first step, and train in a thread

            %%train --steps 500 --optimizer sgd(0.1) --compile
            loss = tf.reduce_mean((x @ w + b - y) ** 2)
        """
        __tracebackhide__ = True
        names, options = _TRAIN.parse(line)
        if len(names) > 1 or not all(name.isidentifier() for name in names):
            raise UsageError(f"{' '.join(names)!r} is no name for a run: {_TRAIN.text}")
        count = self._count(options.get("--steps", "1000"))
        optimizer = self._optimizer(options.get("--optimizer", "adam"))
        variables = [v for text in options.get("--vars", ()) for v in _variables(value(self.shell, text))]
        batches = self._batches(options.get("--batch"))
        step = _training(self._function(cell), optimizer, variables)
        step = function(step) if "--compile" in options else step
        first = step(next(batches))
        run = Live(variables, optimizer=optimizer, steps=count, name=names[0] if names else "")
        self.shell.user_ns[names[0] if names else "live"] = run

        def go() -> None:
            __tracebackhide__ = True
            with run:
                run.log(loss=first)
                for batch in itertools.islice(batches, count - 1):
                    run.log(loss=run.run(step, batch))

        if "--background" in options:
            background.start(self.shell, go)
        else:
            go()

    def _count(self, text: str) -> int:
        found = value(self.shell, text)
        if not isinstance(found, int) or found < 1:
            raise UsageError(f"--steps wants a whole number from 1 on, got {text}")
        return found

    def _optimizer(self, text: str) -> Any:
        """One of the user's, or what a name of Keras's stands for."""
        __tracebackhide__ = True
        name = text.partition("(")[0]
        if name.isidentifier() and name not in self.shell.user_ns:
            try:
                made = lookup.optimizer(name)
            except ValueError as error:
                raise UsageError(str(error)) from None
            return eval(text, self.shell.user_ns, {name: type(made)}) if "(" in text else made
        return value(self.shell, text)

    def _batches(self, text: str | None) -> Iterator[Any]:
        __tracebackhide__ = True
        if text is None:
            return itertools.repeat(None)
        return _again_and_again(value(self.shell, text), text)

    def _function(self, cell: str) -> Callable:
        """The cell as a function of a batch, with the line numbers that its user sees."""
        __tracebackhide__ = True
        code = f"def {_STEP}(batch):\n{_indented(self.shell.transform_cell(cell))}\n    return loss\n"
        # Not execution_count, which some releases of IPython advance before the cell runs.
        number = len(self.shell.history_manager.input_hist_parsed) - 1
        filename = self.shell.compile.cache(code, number, raw_code=code)
        exec(self.shell.compile(code, filename, "exec"), self.shell.user_ns)
        return self.shell.user_ns.pop(_STEP)


def _training(step: Callable, optimizer: Any, variables: list[Variable]) -> Callable:
    """One step of training. `variables` is filled by the first one if it is empty."""

    def train(batch: Any) -> Any:
        __tracebackhide__ = True
        with GradientTape() as tape:
            loss = step(batch)
        variables.extend(tape.watched_variables() if not variables else ())
        trained = [v for v in variables if v.trainable]
        optimizer.apply_gradients(zip(tape.gradient(loss, trained), trained))
        return loss

    return train


def _variables(x: Any) -> list[Variable]:
    found = list(getattr(x, "trainable_variables", nest.flatten(x)))
    if not found or not all(isinstance(v, Variable) for v in found):
        raise UsageError("--vars wants variables, or models that have some that are trainable")
    return found


def _again_and_again(data: Any, text: str) -> Iterator[Any]:
    while True:
        batch = None
        for batch in data:
            yield batch
        if batch is None:
            raise UsageError(
                f"--batch {text} has no batch, or none a second time: it wants a list or a dataset"
            )


def _indented(text: str) -> str:
    """A body for a function: each line indented that does not go on with a string."""
    inside: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if "STRING" in tokenize.tok_name[token.type]:
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
    lines = text.splitlines(keepends=True)
    return "".join([line if i in inside else "    " + line for i, line in enumerate(lines, 1)])

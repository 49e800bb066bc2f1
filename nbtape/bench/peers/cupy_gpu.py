"""CuPy on the first card. It has no derivatives, so it takes what needs none."""

import cupy  # pyright: ignore[reportMissingImports]
import problems  # pyright: ignore[reportMissingImports]

NAME = f"cupy {cupy.__version__}"


def build(case, data, way):
    step = globals()[problems.kind(case)](case, {name: cupy.asarray(x) for name, x in data.items()})
    return step, lambda: [cupy.asnumpy(step())]


def copy(case, d):
    source, target = [cupy.empty(int(float(case.split("_")[1])), cupy.uint8) for _ in range(2)]
    return lambda: cupy.copyto(target, source)


def product(case, d):
    return lambda: d["a"] @ d["b"]


@cupy.fuse
def _odds(x, largest):
    return cupy.exp(x - largest)


def softmax(case, d):
    def step():
        odds = _odds(d["x"], d["x"].max(1, keepdims=True))
        return odds / odds.sum(1, keepdims=True)

    return step


def wait(result):
    cupy.cuda.get_current_stream().synchronize()


def seconds(step, steps):
    """The seconds that the card takes for a step."""
    begin, end = [cupy.cuda.Event() for _ in range(2)]
    begin.record()
    for _ in range(steps):
        step()
    end.record()
    end.synchronize()
    return cupy.cuda.get_elapsed_time(begin, end) / 1e3 / steps

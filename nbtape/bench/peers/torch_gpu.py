"""PyTorch on the first card, as it is ("eager") and with torch.compile ("compile"), not rounding float32."""

import torch  # pyright: ignore[reportMissingImports]
import torch_compiled  # pyright: ignore[reportMissingImports]
from torch_compiled import NAME as NAME  # pyright: ignore[reportMissingImports]

torch.set_default_device("cuda")
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False


def build(case, data, way):
    if case.startswith("copy"):
        source = torch.empty(int(float(case.split("_")[1])), dtype=torch.uint8)
        target = torch.empty_like(source)
        return lambda: target.copy_(source), None
    return torch_compiled.build(case, data, way)


def wait(result):
    torch.cuda.synchronize()


def seconds(step, steps):
    """The seconds that the card takes for a step."""
    begin, end = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    begin.record()
    for _ in range(steps):
        step()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3 / steps

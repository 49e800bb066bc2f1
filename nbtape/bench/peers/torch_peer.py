"""PyTorch, with its fused Adam."""

from itertools import cycle

import torch  # pyright: ignore[reportMissingImports]
import workloads  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

NAME = f"torch {torch.__version__}"


def gradients(case, a, b):
    a, b = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)

    def scalar():
        return torch.autograd.grad(a * a * b + torch.sin(a), (a, b))

    def chain():
        x = a
        for _ in range(workloads.LINKS):
            x = torch.sin(x * b)
        return torch.autograd.grad(x, (a, b))

    return scalar if case == "w1_scalar" else chain


def training(data):
    weights = w1, b1, w2, b2 = [torch.tensor(w, requires_grad=True) for w in data.weights]
    betas = workloads.BETA1, workloads.BETA2
    adam = torch.optim.Adam(weights, workloads.RATE, betas, workloads.EPSILON, fused=True)
    todo = cycle([(torch.tensor(x), torch.tensor(y).long()) for x, y in zip(data.images, data.labels)])

    def step():
        x, labels = next(todo)
        adam.zero_grad()
        hidden = torch.relu(torch.addmm(b1, x, w1))
        loss = functional.cross_entropy(torch.addmm(b2, hidden, w2), labels)
        loss.backward()
        adam.step()
        return loss.detach()

    return step, lambda: [w.detach().numpy() for w in weights]


def wait(result):
    pass

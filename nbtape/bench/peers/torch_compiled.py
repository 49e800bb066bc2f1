"""PyTorch: as it is ("eager"), and with torch.compile ("compile")."""

from itertools import cycle

import problems  # pyright: ignore[reportMissingImports]
import torch  # pyright: ignore[reportMissingImports]
import workloads  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

NAME = f"torch {torch.__version__}"
CHUNK = 20  # Euler steps in one compiled function: a longer one takes minutes to compile


def build(case, data, way):
    compiled = torch.compile if way == "compile" else lambda f: f
    return globals()[problems.kind(case)](case, data, compiled)


def wait(result):
    pass


def leaf(x):
    return torch.tensor(x, requires_grad=True)


def pure(function):
    def numpy(x):
        return x.detach().cpu().numpy()

    return function, lambda: [numpy(x) for x in function()]


def training(loss, weights, batches, optimizer, steps=1):
    first = [w.detach().cpu().numpy().copy() for w in weights]
    todo = cycle(batches)

    def step():
        optimizer.zero_grad()
        value = loss(*next(todo))
        value.backward()
        optimizer.step()
        return value.detach()

    def answers():
        losses = [float(step()) for _ in range(steps)]
        moved = [w.detach().cpu().numpy() - start for w, start in zip(weights, first)]
        return [losses if steps > 1 else losses[0], *moved]

    return step, answers


def w1(case, d, compiled):
    a, b = leaf(d["a"]), leaf(d["b"])

    @compiled
    def value(a, b):
        if case == "w1_scalar":
            return a * a * b + torch.sin(a)
        for _ in range(workloads.LINKS):
            a = torch.sin(a * b)
        return a

    return pure(lambda: torch.autograd.grad(value(a, b), (a, b)))


def classified(weights, x, labels):
    w1, b1, w2, b2 = weights
    return functional.cross_entropy(torch.addmm(b2, torch.relu(torch.addmm(b1, x, w1)), w2), labels)


def w2(case, d, compiled):
    images, labels, starts = d["batches"]
    weights, loss = [leaf(w) for w in starts], compiled(classified)
    betas = workloads.BETA1, workloads.BETA2
    adam = torch.optim.Adam(weights, workloads.RATE, betas, workloads.EPSILON, fused=True)
    batches = [(torch.tensor(x), torch.tensor(y).long()) for x, y in zip(images, labels)]
    return training(lambda *batch: loss(weights, *batch), weights, batches, adam, workloads.CHECKED_STEPS)


def w3(case, d, compiled):
    leaves = [leaf(d[name]) for name in "xwb"]
    loss = compiled(lambda x, w, b: torch.mean(torch.tanh(x * w + b) ** 2 * torch.sigmoid(x)))

    def gradients():
        value = loss(*leaves)
        return (value, *torch.autograd.grad(value, leaves))

    return pure(gradients)


w3s = w3


def w4(case, d, compiled):
    if compiled is not torch.compile:
        return layer(case, d)
    xs, weights = torch.tensor(d["xs"]), [leaf(d[name]) for name in ("wx", "wh", "b")]

    @compiled
    def cell(x, h, c, wx, wh, b):
        z = torch.addmm(b, x, wx) + h @ wh
        if case == "w4_rnn":
            return torch.tanh(z), c
        i, f, g, o = z.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def gradients():
        h = c = torch.zeros(problems.SEQUENCES, problems.UNITS)
        total = 0.0
        for x in xs.unbind():
            h, c = cell(x, h, c, *weights)
            total = total + torch.mean(h * h) / problems.STEPS
        return (total, *torch.autograd.grad(total, weights))

    return pure(gradients)


def layer(case, d):
    """PyTorch's own layer, which keeps its weights transposed and has one bias too many."""
    xs = torch.tensor(d["xs"])
    network = (torch.nn.RNN if case == "w4_rnn" else torch.nn.LSTM)(problems.UNITS, problems.UNITS)
    with torch.no_grad():
        network.weight_ih_l0.copy_(torch.tensor(d["wx"].T))
        network.weight_hh_l0.copy_(torch.tensor(d["wh"].T))
        network.bias_ih_l0.copy_(torch.tensor(d["b"]))
        network.bias_hh_l0.zero_()
    network.bias_hh_l0.requires_grad_(False)
    weights = network.weight_ih_l0, network.weight_hh_l0, network.bias_ih_l0

    def gradients():
        value = torch.mean(network(xs)[0] ** 2)
        return (value, *torch.autograd.grad(value, weights))

    def answers():
        value, wx, wh, b = [x.detach().cpu().numpy() for x in gradients()]
        return [value, wx.T, wh.T, b]

    return gradients, answers


def w5(case, d, compiled):
    rates, (x0, y0), dt = leaf(d["rates"]), torch.tensor(d["start"]), problems.EULER_TIME

    @compiled
    def some(x, y, rates):
        a, b, c, e = rates
        for _ in range(CHUNK):
            x, y = x + dt * (a * x - b * x * y), y + dt * (c * x * y - e * y)
        return x, y

    def gradients():
        x, y = x0, y0
        for _ in range(problems.EULER_STEPS // CHUNK):
            x, y = some(x, y, rates)
        value = x * x + y * y
        return (value, *torch.autograd.grad(value, rates))

    return pure(gradients)


def w6(case, d, compiled):
    """In PyTorch's order of axes: channels come first."""
    first = {n: d[n].transpose(3, 2, 0, 1) if n[0] == "k" else d[n] for n in problems.WEIGHTS["w6"].split()}
    first["w3"] = d["w3"].reshape(7, 7, 32, 10).transpose(2, 0, 1, 3).reshape(1568, 10)
    weights = [leaf(w.copy()) for w in first.values()]
    x, labels = torch.tensor(d["x"].transpose(0, 3, 1, 2).copy()), torch.tensor(d["labels"]).long()

    @compiled
    def loss(weights, x, labels):
        k1, b1, k2, b2, w3, b3 = weights
        x = functional.max_pool2d(torch.relu(functional.conv2d(x, k1, b1, padding=1)), 2)
        x = functional.max_pool2d(torch.relu(functional.conv2d(x, k2, b2, padding=1)), 2)
        return functional.cross_entropy(torch.addmm(b3, x.reshape(-1, 1568), w3), labels)

    sgd = torch.optim.SGD(weights, problems.RATES["w6"], fused=True)
    step, found = training(lambda *batch: loss(weights, *batch), weights, [(x, labels)], sgd)

    def answers():
        value, k1, b1, k2, b2, w3, b3 = found()
        w3 = w3.reshape(32, 7, 7, 10).transpose(1, 2, 0, 3).reshape(1568, 10)
        return [value, k1.transpose(2, 3, 1, 0), b1, k2.transpose(2, 3, 1, 0), b2, w3, b3]

    return step, answers


def w7(case, d, compiled):
    if case == "w7_hess":
        hessian = compiled(torch.func.hessian(rosenbrock))
        x = torch.tensor(d["x"])
        return pure(lambda: (hessian(x),))
    x, labels = torch.tensor(d["x"]), torch.tensor(d["labels"]).long()
    weights, along = (tuple(map(torch.tensor, d[name])) for name in ("weights", "along"))

    @compiled
    def product(weights, along):
        return torch.func.vjp(lambda w: torch.func.grad(classified)(w, x, labels), weights)[1](along)[0]

    return pure(lambda: product(weights, along))


def rosenbrock(x):
    return torch.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def w8(case, d, compiled):
    table, v = leaf(d["table"]), torch.tensor(d["v"])
    batches = [(torch.tensor(ids).long(),) for ids in d["ids"]]

    @compiled
    def loss(table, ids):
        return torch.sum(functional.embedding(ids, table, sparse=case == "w8_sparse") * v)

    sgd = torch.optim.SGD([table], problems.RATES["w8"])
    return training(lambda ids: loss(table, ids), [table], batches, sgd)


def product(case, d, compiled):
    a, b = torch.tensor(d["a"]), torch.tensor(d["b"])
    multiply = compiled(torch.matmul)
    return pure(lambda: (multiply(a, b),))


def softmax(case, d, compiled):
    x, softmax = torch.tensor(d["x"]), compiled(lambda x: torch.softmax(x, 1))
    return pure(lambda: (softmax(x),))

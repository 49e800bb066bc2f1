"""The workloads of compiled programs: their data, and what shows that answers are right.

w1_scalar, w1_chain100   gradients of y = a*a*b + sin(a), and of 100 operations on numbers in a row
w2_b32, w2_b256          a step of training a 784-128-10 classifier with Adam
w3_1e6, w3_1e7, w3s_1e7  mean(tanh(x*w + b)**2 * sigmoid(x)) with gradients; in w3s w and b are numbers
w4_rnn, w4_lstm          128 steps of a recurrent network, 16 sequences, 64 units, with gradients
w5                       10,000 Euler steps of predators and prey, with gradients of the four rates
w6, w6_b256              a step of training a network of two convolutions on 32 images with SGD, or on 256
w7_hvp, w7_hess          a Hessian-vector product of w2's loss; the Hessian of a function of 200 variables
w8_sparse, w8_dense      1,024 rows out of 50,000, and an SGD step for these rows, or for all
product_4096             a product of two square matrices
softmax_65536x1024       a softmax of each row
copy_2e9                 so many bytes, copied within a card

A gradient is right where its products with random directions are the central differences of a float64 loss.
"""

from typing import Any

import numpy as np
import workloads  # pyright: ignore[reportMissingImports]

CASES = tuple(
    "w1_scalar w1_chain100 w2_b32 w2_b256 w3_1e6 w3_1e7 w3s_1e7 w4_rnn w4_lstm w5 w6 w7_hvp w7_hess "
    "w8_sparse w8_dense".split()
)
WEIGHTS = {"w3": "x w b", "w3s": "x w b", "w4": "wx wh b", "w5": "rates", "w8": "table"}
WEIGHTS["w6"] = "k1 b1 k2 b2 w3 b3"
RATES = {"w6": 0.01, "w8": 0.01}  # of SGD: what is checked is how far a step moves each weight
SMALLER = {"w3_1e8": "w3_1e6"}
STEPS, SEQUENCES, UNITS = 128, 16, 64
EULER_STEPS, EULER_TIME = 10_000, 1e-3
TOLERANCE, DIRECTIONS = 1e-3, 3
EXACT = 2e-5  # what a product of float32 may be off by, which it is not if its factors were rounded first


def kind(case: str) -> str:
    return case.split("_")[0]


def data(case: str) -> dict[str, Any]:
    """The arrays of a case, by name; `batches` of w2 are those of `workloads`."""
    random = np.random.default_rng(3)

    def normal(*shape: int, size: float = 1.0) -> np.ndarray:
        return (size * random.standard_normal(shape)).astype(np.float32)

    match kind(case):
        case "w1":
            return dict(zip("ab", workloads.numbers(case)))
        case "w2":
            return {"batches": workloads.batches(case)}
        case "w3":
            n = int(float(case.split("_")[1]))
            return {name: normal(n) for name in "xwb"}
        case "w3s":
            return {"x": normal(10**7), "w": np.float32(0.8), "b": np.float32(0.3)}
        case "w4":
            gates = 4 if case == "w4_lstm" else 1
            wx, wh = (normal(UNITS, gates * UNITS, size=size) for size in (0.12, 0.1))
            b = normal(gates * UNITS, size=0.1)
            return {"xs": normal(STEPS, SEQUENCES, UNITS), "wx": wx, "wh": wh, "b": b}
        case "w5":
            return {"rates": np.array([1.5, 1, 1, 3], np.float32), "start": np.array([1, 1], np.float32)}
        case "w6":
            weights = {"k1": normal(3, 3, 1, 16, size=0.3), "b1": normal(16, size=0.05)}
            weights |= {"k2": normal(3, 3, 16, 32, size=0.1), "b2": normal(32, size=0.05)}
            weights |= {"w3": normal(1568, 10, size=0.03), "b3": normal(10, size=0.05)}
            batch = int(case[4:] or 32)
            labels = random.integers(0, 10, batch).astype(np.int32)
            return {"x": normal(batch, 28, 28, 1), "labels": labels, **weights}
        case "w7":
            if case == "w7_hess":
                return {"x": random.uniform(-1, 1, 200)}
            x, labels, weights = workloads.batches("w2_b32")
            along = [normal(*w.shape, size=0.1) for w in weights]
            return {"x": x[0], "labels": labels[0], "weights": weights, "along": along}
        case "product":
            n = int(case.split("_")[1])
            return {"a": normal(n, n), "b": normal(n, n)}
        case "copy":
            return {}
        case "softmax":
            return {"x": normal(*map(int, case.split("_")[1].split("x")), size=3)}
        case _:
            ids = random.integers(0, 50_000, (8, 1024)).astype(np.int32)
            return {"table": normal(50_000, 64, size=0.05), "ids": ids, "v": normal(64)}


def check(case: str, make: Any, way: str) -> Any:
    """A step that a peer's module builds for the case; raises AssertionError where its answers are wrong, or
    those of a smaller case, where float64 would take long.
    """
    if case in SMALLER:
        check(SMALLER[case], make, way)
        return make.build(case, data(case), way)[0]
    if kind(case) == "copy":
        return make.build(case, {}, way)[0]
    given = data(case)
    step, answers = make.build(case, given, way)
    found = [np.asarray(a, np.float64) for a in answers()]
    match kind(case):
        case "w1":
            error = _distance(workloads.expected_gradients(case), found)
        case "w2":
            batches = given["batches"]
            expected = [workloads.expected_training(batches, late) for late in (False, True)]
            error = min(_distance(answers, found) for answers in expected)
        case "w7":
            expected = [_hessian(given["x"])] if case == "w7_hess" else _product(given)
            error = _distance(expected, found)
        case "product":
            along = np.random.default_rng(4).standard_normal(len(given["b"]))
            expected = _wide(given)["a"] @ (_wide(given)["b"] @ along)
            error = _distance([expected], [found[0] @ along]) * TOLERANCE / EXACT
        case "softmax":
            odds = np.exp(_wide(given)["x"])
            error = _distance([odds / odds.sum(1, keepdims=True)], found)
        case _:
            error = _gradient_error(case, given, *found)
    assert error < TOLERANCE, f"an answer is off by {error:.1e} of its size"
    return step


def _distance(expected: list, found: list) -> float:
    return max(float(np.linalg.norm(f - e) / np.linalg.norm(e)) for e, f in zip(expected, found, strict=True))


# Losses in float64


def loss(case: str, d: dict[str, Any]) -> float:
    match kind(case):
        case "w3" | "w3s":
            return float(np.mean(np.tanh(d["x"] * d["w"] + d["b"]) ** 2 * _sigmoid(d["x"])))
        case "w4":
            return _recurrent(d["xs"], d["wx"], d["wh"], d["b"])
        case "w5":
            (a, b, c, e), (x, y) = d["rates"].tolist(), d["start"].tolist()
            for _ in range(EULER_STEPS):
                x, y = x + EULER_TIME * (a * x - b * x * y), y + EULER_TIME * (c * x * y - e * y)
            return x * x + y * y
        case "w6":
            hidden = _layer(_layer(d["x"], d["k1"], d["b1"]), d["k2"], d["b2"])
            return _crossentropy(hidden.reshape(-1, 1568) @ d["w3"] + d["b3"], d["labels"])
        case _:
            return float(np.sum(d["table"][d["ids"][0]] * d["v"]))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _recurrent(xs: np.ndarray, wx: np.ndarray, wh: np.ndarray, b: np.ndarray) -> float:
    h = c = np.zeros((SEQUENCES, UNITS))
    total = 0.0
    for x in xs:
        z = x @ wx + h @ wh + b
        if z.shape[1] == UNITS:
            h = np.tanh(z)
        else:
            i, f, g, o = np.split(z, 4, 1)
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
        total += np.mean(h * h)
    return total / STEPS


def _layer(x: np.ndarray, k: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Convolution, relu and pooling."""
    n, height, width, _ = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = b + sum(padded[:, i : i + height, j : j + width] @ k[i, j] for i in range(3) for j in range(3))
    return np.maximum(y, 0).reshape(n, height // 2, 2, width // 2, 2, -1).max((2, 4))


def _crossentropy(logits: np.ndarray, labels: np.ndarray) -> float:
    logits = logits - logits.max(1, keepdims=True)
    return float(np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]))


# Derivatives by differences


def _wide(d: dict[str, Any]) -> dict[str, Any]:
    def wide(x: Any) -> Any:
        if isinstance(x, list | tuple):
            return [wide(y) for y in x]
        return x.astype(np.float64) if x.dtype.kind == "f" else x

    return {name: wide(x) for name, x in d.items()}


def _gradient_error(case: str, given: dict, first: np.ndarray, *found: np.ndarray) -> float:
    """How far the loss, or the product of the gradients with a direction, is off, relative to its size."""
    d, random = _wide(given), np.random.default_rng(4)
    names = WEIGHTS[kind(case)].split()
    gradients = [g / -RATES[kind(case)] for g in found] if kind(case) in RATES else found
    size = np.sqrt(sum(np.sum(g * g) for g in gradients))
    errors = [abs(first - loss(case, d)) / abs(loss(case, d))]
    for _ in range(DIRECTIONS):
        along = [random.standard_normal(np.shape(d[name])) for name in names]
        moved = [loss(case, d | {n: d[n] + t * v for n, v in zip(names, along)}) for t in (1e-5, -1e-5)]
        wanted = (moved[0] - moved[1]) / 2e-5
        errors.append(abs(sum(np.sum(g * v) for g, v in zip(gradients, along)) - wanted) / size)
    return float(max(errors))


def _product(d: dict[str, Any]) -> list:
    """The Hessian's product with `along`: the central difference of gradients."""
    d, h = _wide(d), 1e-6
    moved = [[w + t * v for w, v in zip(d["weights"], d["along"])] for t in (h, -h)]
    more, less = (workloads.loss_and_gradients(weights, d["x"], d["labels"])[1] for weights in moved)
    return [(a - b) / (2 * h) for a, b in zip(more, less)]


def _hessian(x: np.ndarray) -> np.ndarray:
    """Of sum(100 * (x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2)."""
    main, side = np.zeros(len(x)), -400 * x[:-1]
    main[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    main[1:] += 200
    return np.diag(main) + np.diag(side, 1) + np.diag(side, -1)

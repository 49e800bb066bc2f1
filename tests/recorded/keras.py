"""Record what Keras computes for the cases, in the JSON files beside this one.

Run it in tests/ with an interpreter that has TensorFlow, `python -m recorded.keras metrics`, or whichever of
the functions below are to be recorded anew.
"""

import json
import sys

import numpy as np
import tensorflow as tf

from recorded import HERE, layer_cases, loss_cases, optimizer_cases
from recorded.metric_cases import CASES as METRICS


def array(x, dtype=np.float32):
    return None if x is None else np.asarray(x, dtype)


def metrics():
    """What each metric says after each batch."""
    found = {}
    for name, (kind, settings, batches) in METRICS.items():
        metric, found[name] = getattr(tf.keras.metrics, kind)(**settings), []
        for y_true, y_pred, weight in batches:
            metric.update_state(array(y_true), array(y_pred), array(weight))
            found[name].append(np.asarray(metric.result(), np.float64).round(6).tolist())
    return found


def optimizers():
    """Where each optimizer is after some of its steps."""
    found = {name: optimizer_cases.descend(tf, name, tf.function)[1] for name in optimizer_cases.CASES}
    return {name: np.round(np.float64(values), 6).tolist() for name, values in found.items()}


def layers():
    """What layers give, how their gradients lie, and what they keep."""
    found = {name: layer_cases.computed(tf, name, lambda f: f) for name in layer_cases.CASES}
    return {
        name: {key: [np.round(x, 6).tolist() for x in part] for key, part in parts.items()}
        for name, parts in found.items()
    }


def losses():
    """The values of each loss, and its gradient."""
    found = {name: loss_cases.measured(tf, name) for name in loss_cases.CASES}
    return {name: [np.float64(x).round(6).tolist() for x in values] for name, values in found.items()}


for made in sys.argv[1:]:
    lines = [f"{json.dumps(name)}: {json.dumps(x)}" for name, x in globals()[made]().items()]
    (HERE / f"{made}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")

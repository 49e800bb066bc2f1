"""Optimizers, by name: the class, its config, and what else is done; and the fifty steps they take.

A step goes down a bowl with noise in its slopes, so that errors would be fed back and grow.
"""

import numpy as np

rng = np.random.default_rng(11)
SHAPES = {"matrix": (4, 3), "vector": (3,), "scalar": ()}
START = {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
CURVES = {name: rng.uniform(0.3, 3.0, size=shape).astype(np.float32) for name, shape in SHAPES.items()}
NOISE = {name: rng.normal(size=(50, *shape)).astype(np.float32) for name, shape in SHAPES.items()}
ROWS = [2, 0]  # of the matrix that a sparse gradient is of; of rows named twice Keras squares each
SHOWN = (1, 2, 3, 10, 50)

BASES = {
    "SGD": {"learning_rate": 0.05},
    "RMSprop": {"learning_rate": 0.02},
    "Adagrad": {"learning_rate": 0.1},
    "Adadelta": {"learning_rate": 1.0},
    "Adam": {"learning_rate": 0.03},
    "AdamW": {"learning_rate": 0.03, "weight_decay": 0.1},
    "Adamax": {"learning_rate": 0.03},
    "Nadam": {"learning_rate": 0.03},
    "Ftrl": {"learning_rate": 0.1},
    "Lion": {"learning_rate": 0.02},
    "Adafactor": {"learning_rate": 0.05},
    "Lamb": {"learning_rate": 0.03},
}
OWN = {
    "SGD": [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [
        {"rho": 0.8, "epsilon": 1e-4},
        {"momentum": 0.5},
        {"centered": True},
        {"momentum": 0.5, "centered": True},
    ],
    "Adagrad": [{"initial_accumulator_value": 0.5, "epsilon": 1e-3}],
    "Adadelta": [{"rho": 0.8, "epsilon": 1e-4}],
    "Adam": [{"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}, {"amsgrad": True}],
    "AdamW": [{"amsgrad": True, "weight_decay": 0.5}],
    "Adamax": [{"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
    "Nadam": [{"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
    "Ftrl": [
        {"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.2, "beta": 0.1},
        {
            "learning_rate_power": -0.7,
            "initial_accumulator_value": 0.3,
            "l2_shrinkage_regularization_strength": 0.1,
        },
    ],
    "Lion": [{"beta_1": 0.8, "beta_2": 0.9}],
    "Adafactor": [{"beta_2_decay": -0.6, "clip_threshold": 0.5, "relative_step": False}],
    "Lamb": [{"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
}
OPTIONS = {
    "decay": {"weight_decay": 0.2},
    "average": {"use_ema": True, "ema_momentum": 0.9},
    "overwriting": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    "accumulating": {"gradient_accumulation_steps": 3},
}
SOME = {
    "clipnorm": {"clipnorm": 0.7},
    "clipvalue": {"clipvalue": 0.4},
    "global_clipnorm": {"global_clipnorm": 1.0},
    "scaled": {"loss_scale_factor": 8.0},
    "all at once": {
        "gradient_accumulation_steps": 4,
        "weight_decay": 0.1,
        "global_clipnorm": 0.5,
        "use_ema": True,
        "ema_momentum": 0.7,
        "ema_overwrite_frequency": 2,
        "loss_scale_factor": 2.0,
    },
}
SCHEDULES = {
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5},
    "CosineDecay": {
        "initial_learning_rate": 0.0,
        "decay_steps": 30,
        "alpha": 0.1,
        "warmup_target": 0.1,
        "warmup_steps": 10,
    },
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 7, "m_mul": 0.9},
    "PiecewiseConstantDecay": {"boundaries": [3, 20], "values": [0.1, 0.05, 0.01]},
    "PolynomialDecay": {
        "initial_learning_rate": 0.1,
        "decay_steps": 16,
        "end_learning_rate": 0.01,
        "power": 0.5,
        "cycle": True,
    },
    "InverseTimeDecay": {
        "initial_learning_rate": 0.1,
        "decay_steps": 5,
        "decay_rate": 0.5,
        "staircase": True,
    },
}
CASES = {}
for kind, base in BASES.items():
    CASES[kind] = (kind, base, {})
    CASES[f"{kind} sparse"] = (kind, base, {"sparse": True})
    for own in OWN[kind]:
        CASES[f"{kind} {', '.join(own)}"] = (kind, base | own, {})
    for name, option in OPTIONS.items():
        CASES[f"{kind} {name}"] = (kind, base | option, {"finalized": "use_ema" in option})
for kind in ("SGD", "Adam"):
    for name, option in SOME.items():
        CASES[f"{kind} {name}"] = (kind, BASES[kind] | option, {"finalized": "use_ema" in option})
    for name, config in SCHEDULES.items():
        schedule = {"module": "keras.optimizers.schedules", "class_name": name, "config": config}
        CASES[f"{kind} {name}"] = (kind, {"learning_rate": schedule | {"registered_name": None}}, {})
    CASES[f"{kind} excluding"] = (kind, BASES[kind] | OPTIONS["decay"], {"excluded": ["vec", "sca"]})
    CASES[f"{kind} sparse accumulating"] = (kind, BASES[kind] | OPTIONS["accumulating"], {"sparse": True})


def descend(tf, name, run=lambda f: f):
    """The optimizer after fifty steps, and the values of all variables after some."""
    kind, config, options = CASES[name]
    optimizer = getattr(tf.keras.optimizers, kind).from_config(config)
    variables = [tf.Variable(value, name=name) for name, value in START.items()]
    if "excluded" in options:
        optimizer.exclude_from_weight_decay(var_names=options["excluded"])
    optimizer.build(variables)

    @run
    def step(*noises):
        slopes = [v * curve + noise for v, curve, noise in zip(variables, CURVES.values(), noises)]
        if options.get("sparse"):
            slopes[0] = tf.IndexedSlices(tf.gather(slopes[0], ROWS), tf.constant(ROWS), tf.constant([4, 3]))
        optimizer.apply_gradients(zip(slopes, variables))

    found = []
    for i in range(50):
        step(*[tf.constant(noise[i]) for noise in NOISE.values()])
        if i + 1 in SHOWN:
            found.append(values(variables))
    if options.get("finalized"):
        optimizer.finalize_variable_values(variables)
        found.append(values(variables))
    return optimizer, found


def values(variables):
    return np.concatenate([np.ravel(v.numpy()) for v in variables])

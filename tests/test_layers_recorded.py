"""Every layer gives what Keras's gives: outputs, gradients of inputs and weights, and what it keeps."""

import numpy as np
import pytest
import recorded
from recorded.layer_cases import CASES, computed

import nbtape as tf
from nbtape.train.config import read, written

KERAS = recorded.table("layers")


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "function"])
@pytest.mark.parametrize("name", CASES)
def test_a_layer_gives_what_keras_gives(name, run):
    found = computed(tf, name, run)
    for part, wanted in KERAS[name].items():
        assert len(found[part]) == len(wanted), part
        for ours, theirs in zip(found[part], wanted):
            np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5, err_msg=part)


FROM_CONFIG = [name for name, (_, shapes, _) in CASES.items() if len(shapes) == 1 and "own" not in name]


@pytest.mark.parametrize("name", FROM_CONFIG)
def test_a_layer_made_again_from_its_config_has_weights_of_the_same_shapes(name):
    make, (shape,), _ = CASES[name]
    layer = make(tf.keras.layers)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    from_text = type(layer).from_config(read(written(layer.get_config())))
    assert written(from_text.get_config()) == written(layer.get_config())
    for made in (layer, again, from_text):
        made.build(shape)
    assert [w.shape for w in from_text.weights] == [w.shape for w in layer.weights]
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]

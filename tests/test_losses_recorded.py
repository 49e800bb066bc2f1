"""Losses of every kind have Keras's values by every reduction, and its gradients."""

import itertools

import numpy as np
import pytest
import recorded
from recorded.loss_cases import CASES, measured

import nbtape as tf

L = tf.keras.losses
KERAS = recorded.table("losses")


@pytest.mark.parametrize("run", [lambda f: f, tf.function], ids=["eager", "function"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_keras(name, run):
    found = measured(tf, name, run)
    assert len(found) == len(KERAS[name])
    for ours, theirs in zip(found, KERAS[name]):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)
        assert np.shape(ours) == np.shape(theirs)


@pytest.mark.parametrize("name", CASES)
def test_a_loss_survives_its_config(name):
    kind, settings, y_true, y_pred = CASES[name]
    loss = getattr(L, kind)(**settings)
    again = L.deserialize(L.serialize(loss))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
    y_pred = np.float32(y_pred)
    np.testing.assert_array_equal(again(y_true, y_pred), loss(y_true, y_pred))


@pytest.mark.parametrize("name", ["Circle", "SparseCategoricalCrossentropy ignoring", "CTC"])
def test_a_loss_compiles(name, compiled):
    found = measured(tf, name, tf.function)
    for ours, theirs in zip(found, KERAS[name]):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


def spelled(probabilities, labels, blank):
    """The probability of labels, by going through all paths."""
    steps, classes = probabilities.shape
    total = 0.0
    for path in itertools.product(range(classes), repeat=steps):
        merged = [c for c, before in zip(path, (None, *path)) if c != before and c != blank]
        total += np.prod(probabilities[range(steps), path]) if merged == labels else 0.0
    return total


@pytest.mark.parametrize("blank", [0, -1])
def test_paths_that_spell_labels_are_summed(blank):
    logits = np.random.default_rng(0).normal(size=(4, 3, 3)).astype(np.float32)
    labels = [[1, 2], [1, 1], [2, 0]] if blank == 0 else [[1, 0], [1, 1], [0, 2]]
    lengths, steps = [2, 2, 1], [4, 3, 2]
    found = tf.nn.ctc_loss(labels, logits, lengths, steps, blank_index=blank)
    shares = tf.nn.softmax(logits).numpy()
    wanted = [
        spelled(shares[:t, i], labels[i][:n], blank % 3) for i, (n, t) in enumerate(zip(lengths, steps))
    ]
    np.testing.assert_allclose(np.exp(-found), wanted, rtol=1e-5)
    tight = tf.nn.ctc_loss([[1, 1]], logits[:2, :1], [2], [2])
    assert np.isinf(tight.numpy()).all()
    with pytest.raises(ValueError, match="Logits `y_pred` are expected to have 3 axes"):
        L.ctc([[1]], [[0.5, 0.5]])


def test_embeddings_may_be_compared_with_others():
    kind, _, labels, embeddings = CASES["Circle"]
    alone = L.circle(labels, embeddings, remove_diagonal=False)
    beside = L.circle(labels, embeddings, labels, embeddings, remove_diagonal=False)
    np.testing.assert_allclose(beside, alone, rtol=1e-6)


def test_a_function_of_ones_own_is_a_loss():
    def biased(y_true, y_pred, by=0.0):
        return tf.reduce_sum(abs(y_true - y_pred + by), -1)

    loss = L.LossFunctionWrapper(biased, name="biased", by=1.0)
    assert float(loss([[0.0, 0.0]], [[1.0, 3.0]])) == 2.0
    again = L.LossFunctionWrapper.from_config(loss.get_config())
    assert again.get_config()["by"] == 1.0 and float(again([[0.0]], [[3.0]])) == 2.0
    assert L.deserialize(L.serialize(L.huber)) is L.huber
    assert L.deserialize("biased", {"biased": biased}) is biased
    with pytest.raises(ValueError, match=r"q must be in the interval \(0, 1\)"):
        L.CategoricalGeneralizedCrossEntropy(q=1.0)
    for name in ("same_rank", "beside", "reduced"):
        with pytest.raises(ValueError, match="Could not interpret loss identifier"):
            L.get(name)

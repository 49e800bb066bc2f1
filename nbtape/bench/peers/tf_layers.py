"""The compiled programs as a user of Keras writes them: with its layers, losses and optimizers."""

from typing import Any

import problems  # pyright: ignore[reportMissingImports]
import workloads  # pyright: ignore[reportMissingImports]
from tf_compiled import Programs  # pyright: ignore[reportMissingImports]


class LayerPrograms(Programs):
    """Those of `Programs` for which there are layers; the other cases are as they are there."""

    def _training(self, model: Any, optimizer: Any, starts: list, batches: list) -> tuple:
        """A step of training on images and labels."""
        tf = self.tf
        loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        weights = model.trainable_variables
        model.set_weights(starts)
        optimizer.build(weights)

        def step(x, labels):
            with tf.GradientTape() as tape:
                loss = loss_of(labels, model(x, training=True))
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return loss

        return step, [(tf.constant(x), tf.constant(labels)) for x, labels in batches], weights

    def w2(self, case: str, d: dict) -> tuple:
        keras, (images, labels, starts) = self.tf.keras, d["batches"]
        layers = keras.layers.Dense(128, "relu"), keras.layers.Dense(10)
        model = keras.Sequential([keras.Input((784,)), *layers])
        adam = keras.optimizers.Adam(workloads.RATE, workloads.BETA1, workloads.BETA2, workloads.EPSILON)
        return self._training(model, adam, starts, list(zip(images, labels)))

    def w4(self, case: str, d: dict) -> tuple:
        tf, layers = self.tf, self.tf.keras.layers
        kind = layers.SimpleRNN if case == "w4_rnn" else layers.LSTM
        network = kind(problems.UNITS, return_sequences=True)
        xs = tf.constant(d["xs"].swapaxes(0, 1))
        network.build(xs.shape)
        network.set_weights([d["wx"], d["wh"], d["b"]])

        def gradients(xs):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(network(xs) ** 2)
            return (loss, *tape.gradient(loss, network.trainable_variables))

        return gradients, [(xs,)], []

    def w6(self, case: str, d: dict) -> tuple:
        keras, layers = self.tf.keras, self.tf.keras.layers
        model = keras.Sequential([
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ])  # fmt: skip
        starts = [d[name] for name in problems.WEIGHTS["w6"].split()]
        sgd = keras.optimizers.SGD(problems.RATES["w6"])
        return self._training(model, sgd, starts, [(d["x"], d["labels"])])

    def w8(self, case: str, d: dict) -> tuple:
        tf, v = self.tf, self.tf.constant(d["v"])
        table = tf.keras.layers.Embedding(*d["table"].shape)
        table.build()
        table.set_weights([d["table"]])
        weights = table.trainable_variables
        sgd = tf.keras.optimizers.SGD(problems.RATES["w8"])
        sgd.build(weights)

        def step(ids):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(table(ids) * v)
            (g,) = tape.gradient(loss, weights)
            sgd.apply_gradients([(g if case == "w8_sparse" else tf.convert_to_tensor(g), *weights)])
            return loss

        return step, [(tf.constant(ids),) for ids in d["ids"]], weights

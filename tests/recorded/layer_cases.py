"""Layers, by name: how to make them, the shapes that go in, and with what they are called.

Weights and inputs are waves, so that nothing random is recorded. `computed` runs a case with whatever `tf` it
is given and returns the outputs and, for each gradient, how it lies to two other waves.
"""

import numpy as np

STEPS = np.array([[True, True, False, True], [False, True, True, False], [True, False, False, False]])
SEQUENCE, IMAGE, ROWS = (3, 4, 2), (2, 5, 6, 4), (3, 4)


class Cell:
    """A cell of the user's own, of a state that is not its output; without weights, as any object may be."""

    state_size, output_size, compute_dtype = 2, 2, "float32"

    def call(self, inputs, states):
        return inputs + 2.0 * states[0], [inputs * 0.5 - states[0]]

    __call__ = call


# fmt: off
CASES = {  # layer, shapes in, and the arguments of the call, in which any mask is STEPS
    "dense": (lambda L: L.Dense(3, "tanh"), [ROWS], {}),
    "dense of sequences": (lambda L: L.Dense(3, use_bias=False), [SEQUENCE], {}),
    "einsum dense": (lambda L: L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"), [SEQUENCE], {}),
    "einsum dense elided": (lambda L: L.EinsumDense("...x,xy->...y", 5, "relu", "y"), [SEQUENCE], {}),
    "activation": (lambda L: L.Activation("gelu"), [ROWS], {}),
    "elu": (lambda L: L.ELU(0.5), [ROWS], {}),
    "relu": (lambda L: L.ReLU(0.5, 0.1, 0.2), [ROWS], {}),
    "leaky relu": (lambda L: L.LeakyReLU(), [ROWS], {}),
    "prelu": (lambda L: L.PReLU(shared_axes=[1]), [SEQUENCE], {}),
    "softmax": (lambda L: L.Softmax(), [ROWS], {}),
    "softmax of two axes": (lambda L: L.Softmax((1, 2)), [SEQUENCE], {}),
    "softmax masked": (lambda L: L.Softmax(), [ROWS], {"mask": 0}),
    "conv1d": (lambda L: L.Conv1D(3, 2, strides=2, activation="tanh"), [SEQUENCE], {}),
    "conv1d causal": (lambda L: L.Conv1D(3, 2, padding="causal", dilation_rate=2), [SEQUENCE], {}),
    "conv2d": (lambda L: L.Conv2D(4, (3, 2), strides=2, padding="same"), [IMAGE], {}),
    "conv2d groups": (lambda L: L.Conv2D(4, 3, groups=2), [IMAGE], {}),
    "conv2d dilated": (lambda L: L.Conv2D(2, 3, dilation_rate=2), [IMAGE], {}),
    "conv3d": (lambda L: L.Conv3D(2, 2), [(1, 3, 3, 4, 2)], {}),
    "conv1d transpose": (lambda L: L.Conv1DTranspose(3, 3, strides=2), [SEQUENCE], {}),
    "conv2d transpose": (lambda L: L.Conv2DTranspose(2, 3, 2, "same"), [(1, 3, 2, 4)], {}),
    "conv2d transpose longer": (lambda L: L.Conv2DTranspose(2, 3, 2, output_padding=1), [(1, 3, 2, 4)], {}),
    "conv3d transpose": (lambda L: L.Conv3DTranspose(2, 2, 2), [(1, 2, 1, 2, 2)], {}),
    "depthwise conv1d": (lambda L: L.DepthwiseConv1D(2, depth_multiplier=2), [SEQUENCE], {}),
    "depthwise conv2d": (lambda L: L.DepthwiseConv2D(3, 2, "same", depth_multiplier=2), [IMAGE], {}),
    "separable conv1d": (lambda L: L.SeparableConv1D(3, 2, padding="same"), [SEQUENCE], {}),
    "separable conv2d": (lambda L: L.SeparableConv2D(3, 3, depth_multiplier=2), [IMAGE], {}),
    "max pooling 1d": (lambda L: L.MaxPooling1D(2, 1), [SEQUENCE], {}),
    "max pooling 2d": (lambda L: L.MaxPooling2D(2, padding="same"), [IMAGE], {}),
    "max pooling 3d": (lambda L: L.MaxPooling3D(2), [(1, 3, 3, 4, 2)], {}),
    "average pooling 1d": (lambda L: L.AveragePooling1D(3, 2, "same"), [SEQUENCE], {}),
    "average pooling 2d": (lambda L: L.AveragePooling2D((2, 3)), [IMAGE], {}),
    "average pooling 3d": (lambda L: L.AveragePooling3D(2), [(1, 3, 3, 4, 2)], {}),
    "global max pooling 1d": (lambda L: L.GlobalMaxPooling1D(), [SEQUENCE], {}),
    "global max pooling 2d": (lambda L: L.GlobalMaxPooling2D(keepdims=True), [IMAGE], {}),
    "global max pooling 3d": (lambda L: L.GlobalMaxPooling3D(), [(1, 3, 3, 4, 2)], {}),
    "global average pooling 1d": (lambda L: L.GlobalAveragePooling1D(), [SEQUENCE], {"mask": 0}),
    "global average pooling 2d": (lambda L: L.GlobalAveragePooling2D("channels_first"), [IMAGE], {}),
    "global average pooling 3d": (lambda L: L.GlobalAveragePooling3D(), [(1, 3, 3, 4, 2)], {}),
    "batch normalization": (lambda L: L.BatchNormalization(), [IMAGE], {"training": True}),
    "batch normalization by axis 1": (lambda L: L.BatchNormalization(1, scale=False), [SEQUENCE], {}),
    "batch normalization masked": (lambda L: L.BatchNormalization(), [SEQUENCE],
                                   {"mask": 0, "training": True}),
    "layer normalization": (lambda L: L.LayerNormalization(axis=[1, 2]), [SEQUENCE], {}),
    "group normalization": (lambda L: L.GroupNormalization(2), [IMAGE], {}),
    "rms normalization": (lambda L: L.RMSNormalization((1, 2)), [SEQUENCE], {}),
    "normalization": (lambda L: L.Normalization(mean=[0.1, 0.2], variance=[2.0, 3.0]), [SEQUENCE], {}),
    "normalization inverted": (lambda L: L.Normalization(1, 0.1, 2.0, invert=True), [SEQUENCE], {}),
    "rescaling": (lambda L: L.Rescaling(0.5, 2.0), [ROWS], {}),
    "unit normalization": (lambda L: L.UnitNormalization(), [ROWS], {}),
    "add": (lambda L: L.Add(), [[ROWS, ROWS, ROWS]], {}),
    "subtract": (lambda L: L.Subtract(), [[ROWS, ROWS]], {}),
    "multiply": (lambda L: L.Multiply(), [[ROWS, ROWS]], {}),
    "average": (lambda L: L.Average(), [[ROWS, ROWS, ROWS]], {}),
    "maximum": (lambda L: L.Maximum(), [[ROWS, ROWS]], {}),
    "minimum": (lambda L: L.Minimum(), [[ROWS, ROWS]], {}),
    "concatenate": (lambda L: L.Concatenate(1), [[SEQUENCE, (3, 1, 2)]], {}),
    "dot": (lambda L: L.Dot(1, normalize=True), [[ROWS, ROWS]], {}),
    "dot of sequences": (lambda L: L.Dot((2, 2)), [[SEQUENCE, (3, 5, 2)]], {}),
    "flatten": (lambda L: L.Flatten("channels_first"), [IMAGE], {}),
    "permute": (lambda L: L.Permute((2, 1)), [SEQUENCE], {}),
    "repeat": (lambda L: L.RepeatVector(2), [ROWS], {}),
    "cropping 2d": (lambda L: L.Cropping2D(((1, 0), (2, 1))), [IMAGE], {}),
    "cropping 1d": (lambda L: L.Cropping1D((1, 2)), [SEQUENCE], {}),
    "zero padding 1d": (lambda L: L.ZeroPadding1D((0, 2)), [SEQUENCE], {}),
    "zero padding 2d": (lambda L: L.ZeroPadding2D((1, 2)), [(1, 2, 2, 1)], {}),
    "up sampling 1d": (lambda L: L.UpSampling1D(2), [SEQUENCE], {}),
    "up sampling 2d": (lambda L: L.UpSampling2D((2, 3)), [(1, 2, 2, 2)], {}),
    "up sampling bilinear": (lambda L: L.UpSampling2D((2, 3), interpolation="bilinear"), [(1, 2, 3, 2)], {}),
    "masking": (lambda L: L.Masking(), [SEQUENCE], {}),
    "attention": (lambda L: L.Attention(use_scale=True), [[SEQUENCE, (3, 4, 2)]], {"mask": [0, 1]}),
    "attention causal": (lambda L: L.Attention(score_mode="concat"), [[SEQUENCE, SEQUENCE, SEQUENCE]],
                         {"use_causal_mask": True}),
    "additive attention": (lambda L: L.AdditiveAttention(), [[SEQUENCE, (3, 5, 2)]], {}),
    "multi-head attention": (lambda L: L.MultiHeadAttention(2, 3, value_dim=4), [SEQUENCE, (3, 4, 5)],
                             {"value_mask": 0, "return_attention_scores": True}),
    "multi-head attention causal": (lambda L: L.MultiHeadAttention(2, 2, output_shape=3),
                                    [SEQUENCE, SEQUENCE], {"use_causal_mask": True}),
    "multi-head attention of images": (lambda L: L.MultiHeadAttention(2, 2, attention_axes=(2,)),
                                       [(2, 2, 3, 4), (2, 2, 5, 4)], {}),
    "simple rnn": (lambda L: L.SimpleRNN(3, return_state=True), [SEQUENCE], {}),
    "simple rnn masked": (lambda L: L.SimpleRNN(3, return_sequences=True), [SEQUENCE], {"mask": 0}),
    "lstm": (lambda L: L.LSTM(3, return_sequences=True, return_state=True), [SEQUENCE], {}),
    "lstm backwards": (lambda L: L.LSTM(3, go_backwards=True, return_sequences=True), [SEQUENCE],
                       {"mask": 0}),
    "lstm from a state": (lambda L: L.LSTM(2, recurrent_activation="hard_sigmoid", unit_forget_bias=False),
                          [SEQUENCE], {"initial_state": [(3, 2), (3, 2)], "mask": 0}),
    "lstm of zeros": (lambda L: L.LSTM(2, zero_output_for_mask=True, return_sequences=True), [SEQUENCE],
                      {"mask": 0}),
    "gru": (lambda L: L.GRU(3), [SEQUENCE], {}),
    "gru masked": (lambda L: L.GRU(3, return_state=True, unroll=True), [SEQUENCE], {"mask": 0}),
    "gru reset before": (lambda L: L.GRU(3, reset_after=False, use_bias=False), [SEQUENCE], {}),
    "stacked cells": (lambda L: L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_sequences=True), [SEQUENCE],
                      {"mask": 0}),
    "a cell of one's own": (lambda L: L.RNN(Cell(), return_state=True), [SEQUENCE], {"mask": 0}),
    "bidirectional": (lambda L: L.Bidirectional(L.LSTM(2, return_sequences=True)), [SEQUENCE], {"mask": 0}),
    "bidirectional apart": (lambda L: L.Bidirectional(L.GRU(2), merge_mode=None), [SEQUENCE], {}),
    "bidirectional sums": (lambda L: L.Bidirectional(L.SimpleRNN(2), merge_mode="sum"), [SEQUENCE], {}),
    "time distributed": (lambda L: L.TimeDistributed(L.Dense(3)), [SEQUENCE], {}),
    "time distributed convolution": (lambda L: L.TimeDistributed(L.Conv2D(2, 2)), [(2, 3, 3, 3, 2)], {}),
    "time distributed normalization": (lambda L: L.TimeDistributed(L.BatchNormalization()), [SEQUENCE],
                                       {"training": True}),
    "time distributed lstm": (lambda L: L.TimeDistributed(L.LSTM(2)), [(2, 3, 4, 2)], {}),
}
# fmt: on
ACTIVATIONS = (
    "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear "
    "log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign "
    "sparse_plus sparse_sigmoid squareplus swish tanh tanh_shrink"
)
CASES |= {f"{x} activation": (lambda L, x=x: L.Activation(x), [ROWS], {}) for x in ACTIVATIONS.split()}


def wave(shape, k):
    return np.sin(np.arange(np.prod(shape)) * 1.7 + k).reshape(shape).astype(np.float32)


def _weight(v, k):
    return abs(wave(v.shape, k)) + 0.5 if "variance" in v.name else 0.8 * wave(v.shape, k)


def _shapes(given):
    return [given] if isinstance(given, tuple) else given


def _along(x, k):
    return (np.asarray(x, np.float64) * wave(x.shape, k)).sum()


def made(tf, name):
    """The layer with its weights set, the inputs, and the arguments of the call."""
    make, shapes, kwargs = CASES[name]
    layer, steps = make(tf.keras.layers), tf.constant(STEPS)
    masks = {key: [steps, ~steps] if isinstance(x, list) else steps
             for key, x in kwargs.items() if "mask" in key and "causal" not in key}  # fmt: skip
    inputs = [
        [tf.constant(wave(s, 3 * i + j + 1)) for j, s in enumerate(_shapes(given))]
        for i, given in enumerate(shapes)
    ]
    if "initial_state" in kwargs:
        states = [tf.constant(wave(shape, 7 + i)) for i, shape in enumerate(kwargs["initial_state"])]
        masks["initial_state"] = states
    kwargs = kwargs | masks
    args = [xs if isinstance(given, list) else xs[0] for xs, given in zip(inputs, shapes)]
    layer(*args, **kwargs)
    layer.set_weights([_weight(v, i + 2) for i, v in enumerate(layer.weights)])
    return layer, args, kwargs, [x for xs in inputs for x in xs]


def computed(tf, name, run):
    """The outputs, as a list of lists, and what the gradients are along two waves."""
    layer, args, kwargs, inputs = made(tf, name)

    def step(xs):
        left = iter(xs)
        given = [[next(left) for _ in arg] if isinstance(arg, list) else next(left) for arg in args]
        with tf.GradientTape() as tape:
            tape.watch(xs)
            ys = tf.nest.flatten(layer(*given, **kwargs))
            loss = sum(tf.reduce_sum(y * wave(y.shape, 5 + i)) for i, y in enumerate(ys))
        return ys, tape.gradient(loss, [*xs, *layer.trainable_variables])

    ys, gradients = run(step)(inputs)
    known = [tf.zeros([]) if g is None else tf.convert_to_tensor(g) for g in gradients]
    return {
        "outputs": [np.asarray(y, np.float64) for y in ys],
        "gradients": [[_along(g.numpy(), 11), _along(g.numpy(), 12)] for g in known],
        "state": [np.asarray(v, np.float64) for v in layer.non_trainable_weights],
    }

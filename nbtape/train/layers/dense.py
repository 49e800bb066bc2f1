"""Layers of products and look-ups: Dense, EinsumDense, Embedding."""

import re
from typing import Any

from nbtape.ops.arithmetic import cast
from nbtape.ops.einsum import einsum, tensordot
from nbtape.ops.linalg import matmul
from nbtape.ops.nn import bias_add, embedding_lookup
from nbtape.train import activations
from nbtape.train.layers.keras_tensor import InputSpec
from nbtape.train.layers.layer import Layer


class Dense(Layer):
    """`activation(inputs @ kernel + bias)`, along the last axis.

    >>> layer = tf.keras.layers.Dense(2, kernel_initializer="ones", activation="relu")
    >>> layer(tf.constant([[1.0, 2.0, 3.0]])).numpy()
    array([[6., 6.]], dtype=float32)
    """

    supports_masking = True
    settings = (
        "units", "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer",
        "bias_regularizer", "kernel_constraint", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if not isinstance(units, int) or units <= 0:
            raise ValueError(
                f"Received an invalid value for `units`, expected a positive integer. Received: units={units}"
            )
        self.units, self.activation, self.use_bias = units, activations.get(activation), use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.kernel_constraint, self.bias_constraint = kernel_constraint, bias_constraint
        self.input_spec, self.bias = InputSpec(min_ndim=2), None

    def build(self, input_shape: Any) -> None:
        size = input_shape[-1]
        self.kernel = self.add_weight(
            (size, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: size})

    def call(self, inputs: Any) -> Any:
        x = inputs if inputs.dtype == self.kernel.dtype else cast(inputs, self.kernel.dtype)
        y = matmul(x, self.kernel) if x.shape.rank == 2 else tensordot(x, self.kernel, 1)
        return self.activation(y if self.bias is None else bias_add(y, self.bias))


class EinsumDense(Layer):
    """`activation(einsum(equation, inputs, kernel) + bias)`, for sums over any axes.

    `output_shape` has the sizes behind the batch, None for those of the inputs; along the letters `bias_axes`
    of the result the bias varies.

    >>> layer = tf.keras.layers.EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")
    >>> layer(tf.ones([2, 32, 128])).shape
    TensorShape([2, 32, 64])
    """

    settings = (
        "equation", "output_shape", "activation", "bias_axes", "kernel_initializer", "bias_initializer",
        "kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.equation, self.bias_axes, self.bias = equation.replace(" ", ""), bias_axes, None
        self.output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.kernel_constraint, self.bias_constraint = kernel_constraint, bias_constraint

    def build(self, input_shape: Any) -> None:
        kernel, made, sizes = self._sizes(tuple(input_shape))
        self.kernel = self.add_weight(
            [sizes[c] for c in kernel],
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        if self.bias_axes is not None:
            behind = made[min([made.index(c) for c in self.bias_axes]) :]
            self.bias = self.add_weight(
                [sizes[c] if c in self.bias_axes else 1 for c in behind],
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _sizes(self, given: tuple) -> tuple[str, str, dict[str, Any]]:
        """The letters of the kernel and of the result, and the size of each letter."""
        x, kernel, made = re.split(",|->", self.equation)
        elided = "0123456789"[: len(given) - len(x.replace("...", ""))]
        x, behind = x.replace("...", elided), made.replace("...", "")
        own = behind if made.startswith("...") else behind[1:]  # the ellipsis of "...b" has the batch in it
        sizes = dict(zip(own, self.output_shape)) if len(own) == len(self.output_shape) else {}
        sizes |= {c: n for c, n in zip(x, given) if n is not None or sizes.get(c) is None}
        missing = [c for c in {*kernel, *behind} if c not in sizes]
        if missing:
            raise ValueError(
                f"The sizes of {missing} in the equation {self.equation!r} are not known from the input's "
                f"shape {given} and output_shape={self.output_shape}."
            )
        return kernel, made.replace("...", elided), sizes

    def call(self, inputs: Any) -> Any:
        y = einsum(self.equation, inputs, self.kernel)
        return self.activation(y if self.bias is None else y + self.bias)


class Embedding(Layer):
    """Rows of a table of `input_dim` rows of `output_dim` numbers, for indices of any shape.

    >>> layer = tf.keras.layers.Embedding(5, 3)
    >>> layer(tf.constant([[1, 4], [0, 0]])).shape
    TensorShape([2, 2, 3])
    """

    settings = ("input_dim", "output_dim", "embeddings_initializer", "embeddings_regularizer",
                "embeddings_constraint", "mask_zero")  # fmt: skip

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        input_length: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.input_dim, self.output_dim, self.mask_zero = input_dim, output_dim, mask_zero
        self.embeddings_initializer = embeddings_initializer
        self.embeddings_regularizer = embeddings_regularizer
        self.embeddings_constraint = embeddings_constraint
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Any = None) -> None:
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    def call(self, inputs: Any) -> Any:
        whole = inputs.dtype.is_integer
        return embedding_lookup(self.embeddings, inputs if whole else cast(inputs, "int32"))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Where there is something: every index but 0, if `mask_zero`."""
        return inputs != 0 if self.mask_zero else None

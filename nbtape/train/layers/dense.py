"""Layers of products and look-ups: Dense and Embedding."""

from typing import Any

from nbtape.ops.arithmetic import cast
from nbtape.ops.einsum import tensordot
from nbtape.ops.linalg import matmul
from nbtape.ops.nn import bias_add, embedding_lookup
from nbtape.train import activations
from nbtape.train.keras_tensor import InputSpec
from nbtape.train.layer import Layer


class Dense(Layer):
    """`activation(inputs @ kernel + bias)`, along the last axis.

    >>> layer = tf.keras.layers.Dense(2, kernel_initializer="ones", activation="relu")
    >>> layer(tf.constant([[1.0, 2.0, 3.0]])).numpy()
    array([[6., 6.]], dtype=float32)
    """

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
        self.embeddings_initializer, self.embeddings_regularizer = (
            embeddings_initializer,
            embeddings_regularizer,
        )
        self.embeddings_constraint = embeddings_constraint
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Any = None) -> None:
        initializer = self.embeddings_initializer
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            "random_uniform" if initializer == "uniform" else initializer,
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

"""Convolutions of each channel by itself: depthwise, and separable, which brings channels together after."""

from typing import Any

from nbtape.ops import convolution as ops
from nbtape.ops.shape import expand_dims, squeeze
from nbtape.train.layers.convolution import Convolution


class _Channelwise(Convolution):
    """A layer whose first kernel has `depth_multiplier` filters for each channel."""

    depth_multiplier: int

    def _make_depthwise(
        self, channels: int, initializer: Any, regularizer: Any, constraint: Any, name: str
    ) -> Any:
        return self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            initializer,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    def _by_channel(self, inputs: Any, kernel: Any) -> Any:
        """Each channel convolved; a sequence as an image of one row."""
        flat, first = self.rank == 1, self._axis == 1
        axis = 2 if first else 1
        strides = self.strides * 2 if flat else self.strides
        steps = (1, 1, *strides) if first else (1, *strides, 1)
        dilations = (1, *self.dilation_rate) if flat else self.dilation_rate
        x, k = (expand_dims(inputs, axis), expand_dims(kernel, 0)) if flat else (inputs, kernel)
        y = ops.depthwise_conv2d(x, k, steps, self.padding.upper(), "NCHW" if first else "NHWC", dilations)
        return squeeze(y, axis) if flat else y


class _Depthwise(_Channelwise):
    settings = (
        "kernel_size", "strides", "padding", "depth_multiplier", "data_format", "dilation_rate", "activation",
        "use_bias", "depthwise_initializer", "bias_initializer", "depthwise_regularizer", "bias_regularizer",
        "depthwise_constraint", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            None, kernel_size, strides, padding, data_format, dilation_rate, 1, activation, use_bias,
            bias_initializer=bias_initializer, bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer, bias_constraint=bias_constraint, **kwargs
        )  # fmt: skip
        self.depth_multiplier, self.depthwise_initializer = depth_multiplier, depthwise_initializer
        self.depthwise_regularizer, self.depthwise_constraint = depthwise_regularizer, depthwise_constraint

    def build(self, input_shape: Any) -> None:
        self._check_room(input_shape)
        channels = self._channels(input_shape)
        self.kernel = self._make_depthwise(
            channels,
            self.depthwise_initializer,
            self.depthwise_regularizer,
            self.depthwise_constraint,
            "kernel",
        )
        self._make_bias(channels * self.depth_multiplier)

    def call(self, inputs: Any) -> Any:
        return self._finished(self._by_channel(inputs, self.kernel))


class DepthwiseConv1D(_Depthwise):
    """Convolution of each channel of (batch, steps, channels) with `depth_multiplier` filters of its own."""

    rank = 1


class DepthwiseConv2D(_Depthwise):
    """Convolution of each channel with `depth_multiplier` filters of its own.

    >>> tf.keras.layers.DepthwiseConv2D(3, padding="same")(tf.ones([1, 5, 5, 4])).shape
    TensorShape([1, 5, 5, 4])
    """


class _Separable(_Channelwise):
    settings = (
        "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "depth_multiplier",
        "activation", "use_bias", "depthwise_initializer", "pointwise_initializer", "bias_initializer",
        "depthwise_regularizer", "pointwise_regularizer", "bias_regularizer", "depthwise_constraint",
        "pointwise_constraint", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            filters, kernel_size, strides, padding, data_format, dilation_rate, 1, activation, use_bias,
            bias_initializer=bias_initializer, bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer, bias_constraint=bias_constraint, **kwargs
        )  # fmt: skip
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer, self.pointwise_initializer = depthwise_initializer, pointwise_initializer
        self.depthwise_regularizer, self.pointwise_regularizer = depthwise_regularizer, pointwise_regularizer
        self.depthwise_constraint, self.pointwise_constraint = depthwise_constraint, pointwise_constraint

    def build(self, input_shape: Any) -> None:
        self._check_room(input_shape)
        channels = self._channels(input_shape)
        self.depthwise_kernel = self._make_depthwise(
            channels,
            self.depthwise_initializer,
            self.depthwise_regularizer,
            self.depthwise_constraint,
            "depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            (*[1] * self.rank, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self._make_bias(self.filters or 1)

    def call(self, inputs: Any) -> Any:
        y = self._by_channel(inputs, self.depthwise_kernel)
        return self._finished(ops.convolution(y, self.pointwise_kernel, 1, "VALID", self._layout))


class SeparableConv1D(_Separable):
    """Convolution of each channel of (batch, steps, channels) by itself, then of all at each step."""

    rank = 1


class SeparableConv2D(_Separable):
    """Convolution of each channel by itself, then of all channels at each position.

    >>> tf.keras.layers.SeparableConv2D(6, 3)(tf.ones([1, 5, 5, 4])).shape
    TensorShape([1, 3, 3, 6])
    """

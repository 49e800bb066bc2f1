"""Convolutions over one, two or three axes, plain and transposed."""

from collections.abc import Sequence
from typing import Any

from nbtape.ops import convolution as ops
from nbtape.ops.cut import pad
from nbtape.ops.measure import shape
from nbtape.ops.nn import bias_add
from nbtape.train import activations
from nbtape.train.layers.keras_tensor import InputSpec
from nbtape.train.layers.layer import Layer

_SAME_CHANNELS = (
    "The number of input channels must be evenly divisible by the number of groups. Received groups={}, but "
    "the input has {} channels (full input shape is {})."
)


def sizes(value: Any, n: int, name: str) -> tuple[int, ...]:
    """A number for each of `n` axes, from one number or from `n`."""
    found = (value,) * n if isinstance(value, int) else tuple(value)
    if len(found) != n or any(k <= 0 for k in found):
        raise ValueError(f"The `{name}` argument must be {n} positive integers. Received: {name}={value}")
    return found


class Convolution(Layer):
    """A layer of filters that go over the `rank` axes between the batch and the channels."""

    rank = 2
    paddings: tuple[str, ...] = "valid", "same"
    settings = (
        "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups",
        "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer",
        "bias_regularizer", "kernel_constraint", "bias_constraint",
    )  # fmt: skip

    def __init__(
        self,
        filters: int | None,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        if filters is not None and filters <= 0:
            raise ValueError(
                "Invalid value for argument `filters`. Expected a strictly positive value. Received "
                f"filters={filters}."
            )
        self.filters, self.groups = filters, groups
        self.kernel_size = sizes(kernel_size, self.rank, "kernel_size")
        self.strides = sizes(strides, self.rank, "strides")
        self.dilation_rate = sizes(dilation_rate, self.rank, "dilation_rate")
        self.padding, self.data_format = padding.lower(), data_format or "channels_last"
        if self.padding not in self.paddings:
            raise ValueError(f"The `padding` argument must be one of {self.paddings}. Received: {padding}")
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.kernel_constraint, self.bias_constraint = kernel_constraint, bias_constraint
        self.bias: Any = None
        self.input_spec = InputSpec(min_ndim=self.rank + 2, max_ndim=self.rank + 2)

    @property
    def _axis(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    @property
    def _layout(self) -> str:
        """The order of the axes, as operations are told it."""
        spatial = "DHW"[3 - self.rank :]
        return f"NC{spatial}" if self._axis == 1 else f"N{spatial}C"

    def _channels(self, input_shape: Sequence) -> int:
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._axis: input_shape[self._axis]})
        return input_shape[self._axis]

    def _check_room(self, input_shape: Sequence) -> None:
        """Raise ValueError for inputs that the filters, without padding, do not fit into."""
        spatial = input_shape[2:] if self._axis == 1 else input_shape[1:-1]
        reach = [d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation_rate)]
        if self.padding == "valid" and any(n is not None and n < r for n, r in zip(spatial, reach)):
            raise ValueError(
                f"Computed output size would be zero or negative. Received inputs of shape "
                f"{tuple(input_shape)}, which kernels of size {self.kernel_size} at dilation_rate="
                f"{self.dilation_rate} do not fit into. Take smaller kernels, or padding='same'."
            )

    def _filters(self, size: Sequence[int], name: str = "kernel", initializer: Any = None) -> Any:
        return self.add_weight(
            size,
            initializer or self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name=name,
        )

    def _make_bias(self, size: int) -> None:
        if self.use_bias:
            self.bias = self.add_weight(
                (size,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _finished(self, y: Any) -> Any:
        return self.activation(y if self.bias is None else bias_add(y, self.bias, self._layout))

    def build(self, input_shape: Any) -> None:
        self._check_room(input_shape)
        channels = self._channels(input_shape)
        if channels % self.groups:
            raise ValueError(_SAME_CHANNELS.format(self.groups, channels, tuple(input_shape)))
        self.kernel = self._filters((*self.kernel_size, channels // self.groups, self.filters or 1))
        self._make_bias(self.filters or 1)

    def call(self, inputs: Any) -> Any:
        padding = self.padding.upper()
        if padding == "CAUSAL":
            low = self.dilation_rate[0] * (self.kernel_size[0] - 1)
            channels_last = [[0, 0], [low, 0], [0, 0]]
            inputs = pad(inputs, channels_last if self._axis == -1 else [[0, 0], [0, 0], [low, 0]])
            padding = "VALID"
        y = ops.convolution(inputs, self.kernel, self.strides, padding, self._layout, self.dilation_rate)
        return self._finished(y)


class Conv1D(Convolution):
    """Convolution of (batch, steps, channels); `padding` may be "causal", so that none looks ahead.

    >>> tf.keras.layers.Conv1D(4, 3)(tf.ones([2, 10, 3])).shape
    TensorShape([2, 8, 4])
    """

    rank, paddings = 1, ("valid", "same", "causal")


class Conv2D(Convolution):
    """Convolution of (batch, rows, columns, channels).

    >>> tf.keras.layers.Conv2D(5, (3, 2), strides=2, padding="same")(tf.ones([1, 9, 9, 3])).shape
    TensorShape([1, 5, 5, 5])
    """


class Conv3D(Convolution):
    """Convolution of (batch, depth, rows, columns, channels)."""

    rank = 3


class _Transposed(Convolution):
    """A layer whose gradient is a convolution; `output_padding` says how much the result is longer."""

    settings = (*[s for s in Convolution.settings if s != "groups"], "output_padding")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        **kwargs: Any,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            1,
            activation,
            use_bias,
            **kwargs,
        )
        if output_padding is not None:
            output_padding = (
                (output_padding,) * self.rank if isinstance(output_padding, int) else output_padding
            )
            if any(more >= step for more, step in zip(output_padding, self.strides)):
                raise ValueError(
                    "`output_padding` must be strictly less than `strides`. Received: "
                    f"output_padding={output_padding}, strides={self.strides}"
                )
        self.output_padding = output_padding

    def build(self, input_shape: Any) -> None:
        channels = self._channels(input_shape)
        self.kernel = self._filters((*self.kernel_size, self.filters or 1, channels))
        self._make_bias(self.filters or 1)

    def call(self, inputs: Any) -> Any:
        given, first = shape(inputs), self._axis == 1
        spatial = [
            self._grown(inputs.shape[i + 1 + first] or given[i + 1 + first], i) for i in range(self.rank)
        ]
        batch = given[0] if inputs.shape[0] is None else inputs.shape[0]
        wanted = [batch, self.filters, *spatial] if first else [batch, *spatial, self.filters]
        padding = self.padding.upper()
        y = ops.conv_transpose(
            inputs, self.kernel, wanted, self.strides, padding, self._layout, self.dilation_rate
        )
        return self._finished(y)

    def _grown(self, size: Any, i: int) -> Any:
        """The size along an axis of what comes out."""
        reach, step = (self.kernel_size[i] - 1) * self.dilation_rate[i] + 1, self.strides[i]
        if self.output_padding is None:
            return size * step + (max(reach - step, 0) if self.padding == "valid" else 0)
        return (size - 1) * step + (reach if self.padding == "valid" else reach % 2) + self.output_padding[i]


class Conv1DTranspose(_Transposed):
    """The transpose of Conv1D, which makes sequences longer by `strides`."""

    rank = 1


class Conv2DTranspose(_Transposed):
    """The transpose of Conv2D, which makes images larger by `strides`.

    >>> tf.keras.layers.Conv2DTranspose(3, 3, strides=2, padding="same")(tf.ones([1, 4, 4, 2])).shape
    TensorShape([1, 8, 8, 3])
    """


class Conv3DTranspose(_Transposed):
    """The transpose of Conv3D, which makes (depth, rows, columns) larger by `strides`."""

    rank = 3

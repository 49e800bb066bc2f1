"""Layers that bring their inputs to mean 0 and variance 1, over the batch, the features or groups of them."""

from collections.abc import Sequence
from typing import Any

from nbtape.autodiff.custom import stop_gradient
from nbtape.core.engine import tensor
from nbtape.ops.activation import relu
from nbtape.ops.arithmetic import cast
from nbtape.ops.clip import clip_by_value
from nbtape.ops.create import zeros_like
from nbtape.ops.functions import maximum, minimum, rsqrt, sqrt, square
from nbtape.ops.measure import shape
from nbtape.ops.nn import batch_normalization
from nbtape.ops.norm import l2_normalize
from nbtape.ops.reduce import reduce_mean, reduce_sum
from nbtape.ops.shape import expand_dims, reshape, squeeze
from nbtape.ops.statistics import moments
from nbtape.state.scaling import get as initializer_named
from nbtape.train.layers.keras_tensor import InputSpec
from nbtape.train.layers.layer import Layer


class _Affine(Layer):
    """A layer that scales by `gamma` and shifts by `beta`, along the axes that a subclass names."""

    supports_masking = True
    settings = ("axis", "epsilon", "center", "scale", "beta_initializer", "gamma_initializer",
                "beta_regularizer", "gamma_regularizer", "beta_constraint", "gamma_constraint")  # fmt: skip

    def __init__(
        self,
        axis: Any,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.axis, self.epsilon, self.center, self.scale = axis, epsilon, center, scale
        self.beta_initializer, self.gamma_initializer = beta_initializer, gamma_initializer
        self.beta_regularizer, self.gamma_regularizer = beta_regularizer, gamma_regularizer
        self.beta_constraint, self.gamma_constraint = beta_constraint, gamma_constraint
        self.gamma: Any = None
        self.beta: Any = None

    def _make(self, sizes: Sequence[int]) -> None:
        if self.scale:
            self.gamma = self.add_weight(
                sizes,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                sizes,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def _normalized(
        self, x: Any, mean: Any, variance: Any, sizes: Sequence[int], affine: tuple | None = None
    ) -> Any:
        """`x` made of mean 0 and variance 1, scaled and shifted by `affine`, which is gamma and beta if it is
        not given; vectors stand in the shape `sizes`.
        """
        gamma, beta = affine or (self.gamma, self.beta)
        mean, variance, beta, gamma = [
            v if v is None or v.shape.rank == len(sizes) else reshape(tensor(v), sizes)
            for v in (mean, variance, beta, gamma)
        ]
        return batch_normalization(x, mean, variance, beta, gamma, self.epsilon)


class BatchNormalization(_Affine):
    """Each feature over the batch while training; else by the means and variances seen in training.

    These move by a share `1 - momentum` in each step of training. With `renorm` training, too, goes by what
    was seen, which moves by `1 - renorm_momentum`: each batch is corrected to it, by a factor in
    [`rmin`, `rmax`] and a shift of at most `dmax`, as far as `renorm_clipping` has these.

    >>> layer = tf.keras.layers.BatchNormalization(epsilon=0.0)
    >>> layer(tf.constant([[1.0], [3.0]]), training=True).numpy().tolist()
    [[-1.0], [1.0]]
    >>> layer.moving_mean.numpy().round(3)
    array([0.02], dtype=float32)
    """

    settings = (*_Affine.settings, "momentum", "moving_mean_initializer", "moving_variance_initializer",
                "renorm", "renorm_clipping", "renorm_momentum")  # fmt: skip

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        synchronized: bool = False,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        **kwargs: Any,
    ):
        super().__init__(axis, epsilon, center, scale, beta_initializer, gamma_initializer, **kwargs)
        self.momentum = momentum
        self.renorm, self.renorm_clipping, self.renorm_momentum = renorm, renorm_clipping, renorm_momentum
        if renorm:
            _check_limits(**(renorm_clipping or {}))
        self.moving_mean_initializer = moving_mean_initializer
        self.moving_variance_initializer = moving_variance_initializer

    def build(self, input_shape: Any) -> None:
        size = input_shape[self.axis]
        self._make((size,))
        self.moving_mean = self._statistic(size, "moving_mean", self.moving_mean_initializer)
        self.moving_variance = self._statistic(size, "moving_variance", self.moving_variance_initializer)
        if self.renorm:
            variances: Any = initializer_named(self.moving_variance_initializer)

            def stddevs(shape: Any, dtype: Any = None) -> Any:
                return sqrt(variances(shape, dtype))

            self.moving_stddev = self._statistic(size, "moving_stddev", stddevs)
            self.renorm_mean = self._statistic(size, "renorm_mean", self.moving_mean_initializer)
            self.renorm_stddev = self._statistic(size, "renorm_stddev", stddevs)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def _statistic(self, size: int, name: str, initializer: Any) -> Any:
        return self.add_weight((size,), initializer, trainable=False, name=name)

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        rank = inputs.shape.rank
        axis = self.axis % rank
        mean, variance, affine = self.moving_mean, self.moving_variance, None
        if training and self.trainable:
            axes = [i for i in range(rank) if i != axis]
            mean, variance = moments(inputs, axes) if mask is None else _moments_where(mask, inputs, axes)
            if self.renorm:
                affine = self._renormed(mean, variance)
            else:
                _move(self.moving_mean, mean, self.momentum)
                _move(self.moving_variance, variance, self.momentum)
        sizes = [-1] if axis == rank - 1 else [-1 if i == axis else 1 for i in range(rank)]
        return self._normalized(inputs, tensor(mean), tensor(variance), sizes, affine)

    def _renormed(self, mean: Any, variance: Any) -> tuple[Any, Any]:
        """The scale and the shift that correct a batch to what was seen, which then moves on."""
        stddev, limits = sqrt(variance + self.epsilon), self.renorm_clipping or {}
        seen = maximum(self.renorm_stddev, self.epsilon**0.5)
        r, d = stop_gradient(stddev / seen), stop_gradient((mean - self.renorm_mean) / seen)
        if "rmin" in limits:
            r = maximum(r, limits["rmin"])
        if "rmax" in limits:
            r = minimum(r, limits["rmax"])
        if "dmax" in limits:
            d = clip_by_value(d, -limits["dmax"], limits["dmax"])
        gamma, beta = (r, d) if self.gamma is None else (r * self.gamma, d * self.gamma)
        _move(self.renorm_mean, mean, self.renorm_momentum)
        _move(self.renorm_stddev, stddev, self.renorm_momentum)
        _move(self.moving_mean, mean, self.momentum)
        _move(self.moving_stddev, stddev, self.momentum)
        self.moving_variance.assign(relu(square(tensor(self.moving_stddev)) - self.epsilon))
        return gamma, beta if self.beta is None else beta + self.beta


def _check_limits(rmin: Any = None, rmax: Any = None, dmax: Any = None, **others: Any) -> None:
    """Raise ValueError for limits of a correction that no number is in."""
    if others:
        raise ValueError(f"`renorm_clipping` has rmin, rmax and dmax, and not {list(others)}.")
    if rmin is not None and rmax is not None and rmax < rmin:
        raise ValueError(f"`renorm_clipping`: rmax should be greater than rmin. Received: {rmax=}, {rmin=}")
    if dmax is not None and dmax < 0:
        raise ValueError(f"`renorm_clipping`: dmax should be non-negative. Received: {dmax=}")


def _move(moving: Any, value: Any, momentum: float) -> None:
    """Move an average on by a share of a value."""
    moving.assign(moving * momentum + value * (1 - momentum))


def _moments_where(mask: Any, x: Any, axes: Sequence[int]) -> tuple[Any, Any]:
    """The mean and the variance of `x` over `axes`, where `mask`, of one axis less, is True."""
    kept = expand_dims(cast(mask, x.dtype), -1) + zeros_like(x)
    count = reduce_sum(kept, axes, keepdims=True) + 1e-7
    mean = reduce_sum(kept * x, axes, keepdims=True) / count
    variance = reduce_sum(kept * square(x - mean), axes, keepdims=True) / count
    return squeeze(mean, axes), squeeze(variance, axes)


class LayerNormalization(_Affine):
    """Each example by itself, over `axis`.

    >>> layer = tf.keras.layers.LayerNormalization(epsilon=0.0)
    >>> layer(tf.constant([[1.0, 3.0], [10.0, 30.0]])).numpy().tolist()
    [[-1.0, 1.0], [-1.0, 1.0]]
    """

    def __init__(
        self, axis: Any = -1, epsilon: float = 1e-3, center: bool = True, scale: bool = True, **kwargs: Any
    ):
        super().__init__(axis, epsilon, center, scale, **kwargs)

    def _axes(self, rank: int) -> list[int]:
        return sorted(i % rank for i in ([self.axis] if isinstance(self.axis, int) else self.axis))

    def build(self, input_shape: Any) -> None:
        self._make([input_shape[i] for i in self._axes(len(input_shape))])

    def call(self, inputs: Any) -> Any:
        rank = inputs.shape.rank
        axes = self._axes(rank)
        mean, variance = moments(inputs, axes, keepdims=True)
        sizes = [inputs.shape[i] if i in axes else 1 for i in range(rank)]
        return self._normalized(inputs, mean, variance, sizes)


class RMSNormalization(Layer):
    """Inputs divided by the root of the mean of their squares along `axis`, times a trained `scale`.

    >>> layer = tf.keras.layers.RMSNormalization(epsilon=0.0)
    >>> layer(tf.constant([[3.0, 3.0]])).numpy()
    array([[1., 1.]], dtype=float32)
    """

    supports_masking = True
    settings = ("axis", "epsilon")

    def __init__(self, axis: Any = -1, epsilon: float = 1e-6, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: Any) -> None:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        self.scale = self.add_weight([input_shape[i] for i in axes], "ones", name="scale")

    def call(self, inputs: Any) -> Any:
        axes = [self.axis] if isinstance(self.axis, int) else list(self.axis)
        mean = reduce_mean(square(inputs), axes, keepdims=True)
        kept = {i % inputs.shape.rank for i in axes}
        sizes = [n if i in kept else 1 for i, n in enumerate(inputs.shape)]
        return inputs * rsqrt(mean + self.epsilon) * reshape(tensor(self.scale), sizes)


class GroupNormalization(_Affine):
    """Each example by itself, over positions and a group of features; `groups=-1` has one feature a group."""

    settings = (*_Affine.settings, "groups")

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        **kwargs: Any,
    ):
        super().__init__(axis, epsilon, center, scale, **kwargs)
        self.groups = groups

    def build(self, input_shape: Any) -> None:
        size = input_shape[self.axis]
        if self.groups == -1:
            self.groups = size
        if size < self.groups or size % self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) must divide the number of channels ({size}) that inputs "
                f"of shape {tuple(input_shape)} have."
            )
        self._make((size,))

    def call(self, inputs: Any) -> Any:
        rank, given = inputs.shape.rank, shape(inputs)
        axis = self.axis % rank
        size = inputs.shape[axis]
        sizes = [-1, *[given[i] if inputs.shape[i] is None else inputs.shape[i] for i in range(1, rank)]]
        grouped = list(sizes)
        grouped[axis : axis + 1] = [self.groups, size // self.groups]
        x = reshape(inputs, grouped)
        mean, variance = moments(x, [i for i in range(1, rank + 1) if i != axis], keepdims=True)
        parts = [1] * (rank + 1)
        parts[axis : axis + 2] = [self.groups, size // self.groups]
        return reshape(self._normalized(x, mean, variance, parts), sizes)


class UnitNormalization(Layer):
    """Inputs divided by their norm along `axis`."""

    supports_masking = True
    settings = ("axis",)

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        return l2_normalize(inputs, self.axis)

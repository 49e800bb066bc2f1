"""Attention: values weighted by how well their keys go with a query."""

import math
from collections.abc import Sequence
from typing import Any

from nbtape.ops.arithmetic import cast
from nbtape.ops.einsum import einsum
from nbtape.ops.functions import tanh
from nbtape.ops.linalg import matmul
from nbtape.ops.mask import where
from nbtape.ops.measure import shape
from nbtape.ops.nn import dropout as dropped
from nbtape.ops.reduce import reduce_sum
from nbtape.ops.sequence import range as counted
from nbtape.ops.shape import expand_dims
from nbtape.train import activations
from nbtape.train.layers.activation import masked_softmax
from nbtape.train.layers.dense import EinsumDense
from nbtape.train.layers.layer import Layer
from nbtape.train.layers.noise import checked_rate


def _causal(queries: Any, keys: Any) -> Any:
    """(1, queries, keys): whether a key stands no later than the query."""
    return expand_dims(expand_dims(counted(queries), 1) >= expand_dims(counted(keys), 0), 0)


class Attention(Layer):
    """Attention by dot products over a list of query, value and, if it is not the value, key.

    Each is (batch, steps, features). The value's mask says what is not looked at, the query's where outputs
    are 0. `use_scale` has a trained factor, `score_mode="concat"` another measure than products.

    >>> query, value = tf.constant([[[5.0, 0.0]]]), tf.constant([[[9.0, 0.0], [0.0, 9.0]]])
    >>> tf.keras.layers.Attention()([query, value]).numpy().round(4).tolist()
    [[[9.0, 0.0]]]
    """

    settings: tuple[str, ...] = ("use_scale", "score_mode", "dropout", "seed")

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. Received: "
                f"score_mode={score_mode}"
            )
        self.use_scale, self.score_mode = use_scale, score_mode
        self.dropout, self.seed = checked_rate(dropout), seed
        self.scale: Any = None

    def build(self, input_shape: Any) -> None:
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def scores(self, query: Any, key: Any) -> Any:
        """How well each key goes with each query: (batch, queries, keys)."""
        if self.score_mode == "dot":
            y = matmul(query, key, transpose_b=True)
            return y if self.scale is None else y * self.scale
        both = expand_dims(query, -2) + expand_dims(key, -3)
        both = both if self.scale is None else self.scale * both
        return self.concat_score_weight * reduce_sum(tanh(both), -1)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: Any = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_list(inputs, mask)
        query, value = inputs[:2]
        query_mask, value_mask = (mask[0], mask[1]) if mask else (None, None)
        scores = self.scores(query, inputs[2] if len(inputs) > 2 else value)
        kept = None if value_mask is None else cast(value_mask, "bool")
        if kept is not None and kept.shape.rank == 2:
            kept = expand_dims(kept, -2)
        if use_causal_mask:
            causal = _causal(shape(scores)[-2], shape(scores)[-1])
            kept = causal if kept is None else kept & causal
        if kept is not None:
            scores = where(kept, scores, scores - (65504.0 if scores.dtype.size == 2 else 1e9))
        weights = activations.softmax(scores)
        if training and self.dropout:
            weights = dropped(weights, self.dropout, seed=self.seed)
        y = matmul(weights, value)
        if query_mask is not None:
            y = where(expand_dims(cast(query_mask, "bool"), -1), y, 0.0)
        return (y, weights) if return_attention_scores else y

    def _check_list(self, inputs: Any, mask: Any) -> None:
        name = type(self).__name__
        if not isinstance(inputs, list | tuple) or len(inputs) not in (2, 3):
            raise ValueError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or [query, value, "
                f"key]. Received: inputs={inputs}."
            )
        if mask is not None and not 2 <= len(mask) <= len(inputs):
            raise ValueError(
                f"{name} layer accepts mask list of length 2 or 3. Received: inputs={inputs}, mask={mask}."
            )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask[0] if mask else None


class AdditiveAttention(Attention):
    """Attention by sums, as Bahdanau has it: scores are sums of `scale * tanh(query + key)`.

    >>> layer = tf.keras.layers.AdditiveAttention()
    >>> layer([tf.ones([2, 3, 4]), tf.ones([2, 5, 4])]).shape
    TensorShape([2, 3, 4])
    """

    settings = ("use_scale", "dropout", "seed")

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any):
        super().__init__(use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def scores(self, query: Any, key: Any) -> Any:
        y = tanh(expand_dims(query, -2) + expand_dims(key, -3))
        return reduce_sum(y if self.scale is None else self.scale * y, -1)


class MultiHeadAttention(Layer):
    """Attention of `num_heads` heads, each by products of `key_dim` numbers, put together again.

    `call(query, value, key=None)`; their masks, `attention_mask` of (batch, queries, keys) and
    `use_causal_mask` say which keys a query may look at. Inputs may have several axes of positions, of which
    `attention_axes` says which are attended over.

    >>> layer = tf.keras.layers.MultiHeadAttention(num_heads=2, key_dim=3)
    >>> layer(tf.ones([4, 5, 6]), tf.ones([4, 7, 6])).shape
    TensorShape([4, 5, 6])
    """

    supports_masking = True
    settings = (
        "num_heads", "key_dim", "value_dim", "dropout", "use_bias", "output_shape", "attention_axes",
        "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
        "kernel_constraint", "bias_constraint", "seed",
    )  # fmt: skip

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if num_heads <= 0 or key_dim <= 0:
            raise ValueError(
                f"`num_heads` and `key_dim` must be positive. Received: num_heads={num_heads}, "
                f"key_dim={key_dim}"
            )
        self.num_heads, self.key_dim, self.value_dim = num_heads, key_dim, value_dim or key_dim
        self.dropout, self.use_bias, self.seed = checked_rate(dropout), use_bias, seed
        self.output_shape = (output_shape,) if isinstance(output_shape, int) else output_shape
        self.attention_axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.kernel_constraint, self.bias_constraint = kernel_constraint, bias_constraint

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        if value_shape[1:-1] != key_shape[1:-1]:
            raise ValueError(
                "All dimensions of `value` and `key`, except the last one, must be equal. Received: "
                f"value_shape={value_shape} and key_shape={key_shape}"
            )
        self.query_dense = self._projection("query", query_shape, [self.num_heads, self.key_dim])
        self.key_dense = self._projection("key", key_shape, [self.num_heads, self.key_dim])
        self.value_dense = self._projection("value", value_shape, [self.num_heads, self.value_dim])
        given = (*query_shape[:-1], self.num_heads, self.value_dim)
        self.output_dense = self._projection(
            "attention_output", given, list(self.output_shape or query_shape[-1:]), 2
        )

    def _projection(self, name: str, given: Sequence, made: list, summed: int = 1) -> EinsumDense:
        """A dense layer over the last `summed` axes of `given`, which become the axes `made`."""
        front = "abcdefghijkl"[: len(given) - summed]
        inner, outer = "mnopq"[:summed], "uvwxyz"[: len(made)]
        layer = EinsumDense(
            f"{front}{inner},{inner}{outer}->{front}{outer}",
            [*[None] * (len(front) - 1), *made],
            bias_axes=outer if self.use_bias else None,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype,
            name=name,
        )
        layer.supports_masking = True  # so that it does not say that it loses masks, which are seen to here
        layer.build(tuple(given))
        return layer

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        kept = None if attention_mask is None else cast(attention_mask, "bool")
        rows = [(query_mask, -1), (value_mask, -2), (key_mask, -2)]
        parts = [expand_dims(cast(mask, "bool"), axis) for mask, axis in rows if mask is not None]
        if use_causal_mask:
            parts.append(_causal(shape(query)[1], shape(value)[1]))
        for part in parts:
            kept = part if kept is None else kept & part
        settle = bool(return_attention_scores or self.dropout or query.shape.rank != 3)
        y, scores = self._attended(query, key, value, kept, training, settle)
        return (y, scores) if return_attention_scores else y

    def _attended(
        self, query: Any, key: Any, value: Any, kept: Any, training: Any, settle: bool
    ) -> tuple[Any, Any]:
        """The outputs and the weights; queries that may look at nothing look at all, unless `settle`.

        Keras does the one where it shows the weights or drops some, and the other where it does not.
        """
        rank = query.shape.rank
        axes = [i % rank for i in self.attention_axes] if self.attention_axes else list(range(1, rank - 1))
        queries = "abcdefghij"[: rank - 1]
        keys = "".join([c.upper() if i in axes else c for i, c in enumerate(queries)])
        free = "".join([c for i, c in enumerate(queries) if i not in axes])
        pairs = f"{free}h{''.join(queries[i] for i in axes)}{''.join(keys[i] for i in axes)}"
        q = self.query_dense(query) * (1.0 / math.sqrt(self.key_dim))
        scores = einsum(f"{queries}hd,{keys}hd->{pairs}", q, self.key_dense(key))
        if kept is not None:
            for _ in range(len(pairs) - kept.shape.rank):
                kept = expand_dims(kept, -2 * len(axes) - 1)
        last = -1 if len(axes) == 1 else tuple(range(-len(axes), 0))
        weights = masked_softmax(scores, kept, last, settle)
        used = dropped(weights, self.dropout, seed=self.seed) if training and self.dropout else weights
        together = einsum(f"{pairs},{keys}hd->{queries}hd", used, self.value_dense(value))
        return self.output_dense(together), weights

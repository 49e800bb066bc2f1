"""The loss of connectionist temporal classification: sequences of labels for longer sequences of outputs."""

import math
from typing import Any

from nbtape.core.dtype import int64
from nbtape.core.engine import o, tensor
from nbtape.graph.functional import foldl
from nbtape.ops.arithmetic import cast
from nbtape.ops.create import zeros_like
from nbtape.ops.cut import pad
from nbtape.ops.index import gather
from nbtape.ops.join import stack
from nbtape.ops.measure import shape as shape_of
from nbtape.ops.reduce import reduce_logsumexp, reduce_sum
from nbtape.ops.sequence import range as range_
from nbtape.ops.shape import expand_dims, reshape, transpose
from nbtape.ops.softmax import log_softmax
from nbtape.train.losses.loss import NamedLoss

_NEVER = -1e30  # the logarithm of a probability of 0: of -inf there would be no gradient


def ctc_loss(
    labels: Any,
    logits: Any,
    label_length: Any,
    logit_length: Any,
    logits_time_major: bool = True,
    unique: Any = None,
    blank_index: int | None = None,
    name: str | None = None,
) -> Any:
    """-log of the probability that outputs spell the labels, with repeated ones merged and blanks dropped.

    `labels` are numbers of classes, of shape (batch, labels), and `logits` of shape (steps, batch, classes),
    or (batch, steps, classes) if not `logits_time_major`; the lengths say how many of each count. The class
    `blank_index` (0) is the blank. Inf where there are too few steps for the labels.

    >>> logits = tf.zeros([1, 3, 2])  # 6 of 8 paths spell the label: 1__ _1_ __1 11_ _11 111
    >>> loss = tf.nn.ctc_loss([[1]], logits, [1], [3], logits_time_major=False)
    >>> np.exp(-loss.numpy()).round(4)
    array([0.75], dtype=float32)
    """
    labels, logits = cast(labels, int64), tensor(logits)
    logits = transpose(logits, [1, 0, 2]) if logits_time_major else logits  # (batch, steps, classes)
    label_length, logit_length = cast(label_length, int64), cast(logit_length, int64)
    blank = (blank_index or 0) % logits.shape[-1]
    symbols = _between_blanks(labels, blank)
    heard = transpose(gather(log_softmax(logits), symbols, axis=2, batch_dims=1), [1, 0, 2])
    paths = _paths(heard, symbols, blank, logit_length)
    last, places = expand_dims(2 * label_length, 1), _places(symbols)
    at_end = o.logical_or(o.equal(places, last), o.equal(places, last - 1))
    total = reduce_logsumexp(o.where(at_end, paths, cast(_NEVER, paths.dtype)), 1)
    return o.where(total > _NEVER / 2, -total, cast(math.inf, total.dtype))


def _paths(heard: Any, symbols: Any, blank: int, steps: Any) -> Any:
    """The log-probabilities that the first `steps` end at each symbol, from those of each step, `heard`."""
    never, is_label = cast(_NEVER, heard.dtype), o.not_equal(symbols, cast(blank, int64))
    may_skip = o.logical_and(is_label, o.not_equal(symbols, _later(symbols, 2, blank)))

    def step(paths: Any, now: tuple) -> Any:
        """They come from the same symbol, the one before, or the label before if it is another."""
        sound, i = now
        skipping = o.where(may_skip, _later(paths, 2, _NEVER), never)
        come = reduce_logsumexp(stack([paths, _later(paths, 1, _NEVER), skipping]), 0) + sound
        return o.where(expand_dims(i < steps, 1), come, paths)

    begun = o.where(_places(symbols) < 2, heard[0], never)
    return foldl(step, (heard[1:], range_(cast(1, int64), cast(shape_of(heard)[0], int64))), begun)


def _places(symbols: Any) -> Any:
    return expand_dims(range_(cast(shape_of(symbols)[1], int64)), 0)


def ctc(y_true: Any, y_pred: Any) -> Any:
    """`tf.nn.ctc_loss` of logits (batch, steps, classes) for labels (batch, labels), which zeros fill up; the
    class 0 is the blank.

    >>> tf.keras.losses.ctc([[1, 0]], tf.zeros([1, 3, 2])).numpy().round(4)
    array([0.2877], dtype=float32)
    """
    y_true, y_pred = cast(y_true, int64), tensor(y_pred)
    for y, rank, what in ((y_true, 2, "Targets `y_true`"), (y_pred, 3, "Logits `y_pred`")):
        if y.shape.rank != rank:
            raise ValueError(f"{what} are expected to have {rank} axes. Received: shape={tuple(y.shape)}")
    lengths = reduce_sum(cast(o.not_equal(y_true, cast(0, int64)), int64), 1)
    steps = zeros_like(lengths) + cast(shape_of(y_pred)[1], int64)
    return ctc_loss(y_true, y_pred, lengths, steps, logits_time_major=False)


class CTC(NamedLoss):
    """How improbable it is that outputs spell the labels: `tf.keras.losses.ctc`.

    >>> round(float(tf.keras.losses.CTC()([[1, 0]], tf.zeros([1, 3, 2]))), 4)
    0.2877
    """

    function = staticmethod(ctc)


def _between_blanks(labels: Any, blank: int) -> Any:
    """A blank, the first label, a blank, ..., the last label, a blank."""
    blanks = zeros_like(labels) + blank
    pairs = reshape(stack([blanks, labels], 2), [shape_of(labels)[0], -1])
    return pad(pairs, [[0, 0], [0, 1]], constant_values=blank)


def _later(x: Any, by: int, first: float) -> Any:
    """Columns moved on `by` places, with `first` in those that come free."""
    return pad(x[:, :-by], [[0, 0], [by, 0]], constant_values=first)

"""Names that TensorFlow has in `tf.summary.experimental`."""

from nbtape.train.summaries.record import summary_scope as summary_scope, write_raw_pb as write_raw_pb
from nbtape.train.summaries.writers import get_step as get_step, set_step as set_step

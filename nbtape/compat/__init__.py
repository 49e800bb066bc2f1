"""Names of other versions: `tf.compat`."""

from nbtape.compat import v1 as v1

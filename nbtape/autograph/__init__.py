"""`tf.autograph`."""

from nbtape.autograph import experimental as experimental
from nbtape.graph.conversion.convert import to_code as to_code, to_graph as to_graph

"""Neural-network functions: `tf.nn`."""

from nbtape.ops.activation import crelu as crelu
from nbtape.ops.activation import elu as elu
from nbtape.ops.activation import gelu as gelu
from nbtape.ops.activation import leaky_relu as leaky_relu
from nbtape.ops.activation import relu as relu
from nbtape.ops.activation import relu6 as relu6
from nbtape.ops.activation import selu as selu
from nbtape.ops.activation import silu as silu
from nbtape.ops.activation import swish as swish
from nbtape.ops.crossentropy import sigmoid_cross_entropy_with_logits as sigmoid_cross_entropy_with_logits
from nbtape.ops.crossentropy import softmax_cross_entropy_with_logits as softmax_cross_entropy_with_logits
from nbtape.ops.crossentropy import sparse_softmax_cross_entropy_with_logits as sparse_softmax_cross_entropy_with_logits
from nbtape.ops.crossentropy import weighted_cross_entropy_with_logits as weighted_cross_entropy_with_logits
from nbtape.ops.cut import depth_to_space as depth_to_space
from nbtape.ops.cut import space_to_depth as space_to_depth
from nbtape.ops.norm import l2_normalize as l2_normalize
from nbtape.ops.softmax import log_softmax as log_softmax
from nbtape.ops.softmax import softmax as softmax
from nbtape.ops.sort import in_top_k as in_top_k
from nbtape.ops.sort import top_k as top_k
from nbtape.ops.statistics import moments as moments
from nbtape.ops.statistics import normalize_moments as normalize_moments
from nbtape.ops.statistics import sufficient_statistics as sufficient_statistics
from nbtape.ops.statistics import weighted_moments as weighted_moments
from nbtape.ops.statistics import zero_fraction as zero_fraction

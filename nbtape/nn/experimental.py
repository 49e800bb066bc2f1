"""nn.experimental"""

from nbtape.ops.nn import general_dropout as general_dropout
from nbtape.ops.nn import stateless_dropout as stateless_dropout

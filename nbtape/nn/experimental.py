"""nn.experimental"""

from nbtape.ops.nn import general_dropout as general_dropout, stateless_dropout as stateless_dropout

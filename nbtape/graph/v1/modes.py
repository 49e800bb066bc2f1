"""Switches of TensorFlow between ways that it once did things and those of today."""

from nbtape.core.shape_v1 import disable_v2_tensorshape, enable_v2_tensorshape
from nbtape.graph.v1.default import disable_eager_execution, enable_eager_execution


def disable_v2_behavior() -> None:
    """Put operations in the default graph from now on, and let `get_shape` have Dimensions."""
    disable_eager_execution()
    disable_v2_tensorshape()


def enable_v2_behavior() -> None:
    """Run operations at once, and let `get_shape` have ints; raises ValueError while a graph is open."""
    enable_eager_execution()
    enable_v2_tensorshape()


def enable_resource_variables() -> None:
    """Nothing: all variables are resources, whose reads happen in order."""


def disable_resource_variables() -> None:
    """Nothing: all variables are resources; `use_resource=False` gives one the dtype that it had before."""


def resource_variables_enabled() -> bool:
    """Whether variables are resources: always."""
    return True


def enable_control_flow_v2() -> None:
    """Nothing: branches and loops carry graphs of their own."""


def disable_control_flow_v2() -> None:
    """Nothing: branches and loops carry graphs of their own."""


def control_flow_v2_enabled() -> bool:
    """Whether branches and loops carry graphs of their own: always."""
    return True

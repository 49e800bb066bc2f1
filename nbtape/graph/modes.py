"""Switches of TensorFlow between ways that it once did things; nbtape always does them in the later way."""


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

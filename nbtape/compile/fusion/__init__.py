"""Which steps run as one kernel."""

"""Programs as data: graphs, tracing, control flow."""

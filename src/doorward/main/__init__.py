"""Composition roots: the only place that chooses implementations and starts processes."""

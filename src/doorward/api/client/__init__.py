"""Typed clients of the authority's HTTP API."""

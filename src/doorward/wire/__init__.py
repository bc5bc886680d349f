"""Protocols, bytes to values and back, without I/O: one folder per protocol."""

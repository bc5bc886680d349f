"""What crosses a process boundary: bodies, problem documents, and the typed clients."""

"""The control plane: operations, jobs, the HTTP API, and the ports through which it sees the world."""

"""The data plane: admits, relays and records sessions; holds no keys of its own and reaches no store."""

"""The event catalogue, the leaves that stand for events, and the Merkle tree over them."""

"""The Merkle tree over the log's leaves (RFC 6962 section 2.1), grown one leaf at a time.

A `Frontier` is all that is needed to append and to know the root: the hashes of the full subtrees from left to right,
one for each bit of the size. It takes 32 bytes per bit, so the log's head is one small row however long the log is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
SIZE_MAX: Final = 2**53 - 1  # a tree size stands in canonical JSON and in a checkpoint
EMPTY_ROOT: Final = sha256(b"").digest()
# Domain separation between leaves and nodes: without it a node could be passed off as a leaf (RFC 6962 2.1).
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf_hash(leaf: bytes) -> bytes:
    """The hash under which `leaf` enters the tree."""
    return sha256(_LEAF + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return sha256(_NODE + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The full subtrees of a tree of `size` leaves, the largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size <= SIZE_MAX or len(self.hashes) != self.size.bit_count():
            raise ValueError("a frontier has one hash for each bit of its size")
        if any(len(one) != HASH_BYTES for one in self.hashes):
            raise ValueError("a frontier's hashes have 32 bytes")

    def extended(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """The frontier after these leaf hashes were appended, in order."""
        size = self.size
        stack = list(self.hashes)
        for one in leaf_hashes:
            stack.append(one)
            # Each trailing 1 bit of the old size is a full subtree that the new leaf completes.
            carry = size
            while carry & 1:
                right = stack.pop()
                stack[-1] = node_hash(stack[-1], right)
                carry >>= 1
            size += 1
        return Frontier(size, tuple(stack))

    def root(self) -> bytes:
        """The Merkle tree hash; that of the empty string for an empty tree."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def to_bytes(self) -> bytes:
        """The hashes, one after the other; the size is kept beside them."""
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> "Frontier":
        """The inverse of `to_bytes`; `ValueError` when `data` does not fit `size`."""
        if len(data) % HASH_BYTES:
            raise ValueError("a frontier's hashes have 32 bytes")
        return cls(size, tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)))

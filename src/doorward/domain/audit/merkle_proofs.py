"""Proofs about the log's tree: that a leaf is in it, and that a later tree only adds to an earlier one.

Made as RFC 6962 sections 2.1.1 and 2.1.2 define them, checked as RFC 9162 sections 2.1.3.2 and 2.1.4.2 spell out. The
maker asks for subtree hashes through a callback, so that the caller decides whether they are kept or computed. A
checker believes nothing: whatever is handed to it, it answers true or false.
"""

from collections.abc import Callable, Sequence

from doorward.domain.audit.merkle import EMPTY_ROOT, SIZE_MAX, Frontier, node_hash

SubtreeHash = Callable[[int, int], bytes]
"""The tree hash over the leaves from `start` (included) to `stop` (not included)."""


def subtree_hash_of(leaf_hashes: Sequence[bytes]) -> SubtreeHash:
    """A `SubtreeHash` over leaf hashes in memory."""
    return lambda start, stop: Frontier().extended(leaf_hashes[start:stop]).root()


def inclusion_proof(index: int, size: int, subtree_hash: SubtreeHash) -> tuple[bytes, ...]:
    """The siblings on the way from leaf `index` to the root of the tree of `size` leaves, nearest first."""
    if not 0 <= index < size:
        raise ValueError("a proof is about a leaf that is in the tree")
    proof: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            proof.append(subtree_hash(middle, stop))
            stop = middle
        else:
            proof.append(subtree_hash(start, middle))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(old_size: int, size: int, subtree_hash: SubtreeHash) -> tuple[bytes, ...]:
    """What shows that the tree of `old_size` leaves is the beginning of the tree of `size` leaves."""
    if not 0 < old_size <= size:
        raise ValueError("a consistency proof goes from a tree with leaves to one at least as large")
    proof: list[bytes] = []
    start, stop = 0, size
    whole = True  # the part looked at is still the old tree's own root, which the checker knows
    while old_size != stop:
        middle = start + _split(stop - start)
        if old_size <= middle:
            proof.append(subtree_hash(middle, stop))
            stop = middle
        else:
            proof.append(subtree_hash(start, middle))
            start = middle
            whole = False
    if not whole:
        proof.append(subtree_hash(start, stop))
    return tuple(reversed(proof))


def includes(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `proof` shows that the leaf at `index` of the tree with this root has this hash."""
    if not 0 <= index < size <= SIZE_MAX:
        return False
    position, last = index, size - 1
    running = leaf_hash
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            running = node_hash(sibling, running)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            running = node_hash(running, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and running == root


def extends(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that the tree (`size`, `root`) begins with the tree (`old_size`, `old_root`)."""
    if not 0 <= old_size <= size <= SIZE_MAX:
        return False
    if old_size == size:
        return not proof and old_root == root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    # A power of two is a full subtree: its hash is the old root itself, which the proof leaves out.
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not path:
        return False
    position, last = old_size - 1, size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    old_running = running = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old_running = node_hash(sibling, old_running)
            running = node_hash(sibling, running)
            while position and not position & 1:
                position >>= 1
                last >>= 1
        else:
            running = node_hash(running, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and old_running == old_root and running == root


def _split(count: int) -> int:
    """The largest power of two below `count` (RFC 6962 2.1: k < n <= 2k)."""
    return 1 << ((count - 1).bit_length() - 1)

"""The tree is the one of RFC 6962, in any pieces."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.domain.recording.digest import CHUNK_BYTES, TreeDigest


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:]))


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES, 7 * CHUNK_BYTES + 9]
)
def test_it_is_the_tree_of_rfc_6962(size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    tree = TreeDigest()
    tree.update(data)
    assert tree.digest() == root([data[start : start + CHUNK_BYTES] for start in range(0, size, CHUNK_BYTES)])
    assert tree.size_bytes == size


@given(sizes=st.lists(st.integers(0, CHUNK_BYTES + 7), max_size=5))
def test_pieces_do_not_matter(sizes: list[int]) -> None:
    data = bytes(sum(sizes))
    whole, parts = TreeDigest(), TreeDigest()
    whole.update(data)
    for size in sizes:
        parts.update(bytes(size))
        parts.digest()
    assert whole.digest() == parts.digest()

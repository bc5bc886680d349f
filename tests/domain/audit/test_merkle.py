"""The tree of RFC 6962, against the reference vectors and the definition."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.domain.audit.merkle import EMPTY_ROOT, Frontier, leaf_hash

# The reference tree of certificate-transparency-go's tests: eight leaves, their roots by size.
LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    bytes(range(0x60, 0x70)),
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 writes it down."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


def frontier_of(leaves: list[bytes]) -> Frontier:
    return Frontier().extended(leaf_hash(leaf) for leaf in leaves)


def test_roots_are_those_of_the_reference_tree() -> None:
    assert Frontier().root() == EMPTY_ROOT
    assert [frontier_of(LEAVES[: size + 1]).root().hex() for size in range(8)] == ROOTS


@given(st.lists(st.binary(max_size=4), max_size=70), st.integers(0, 70))
def test_growing_in_pieces_gives_the_root_of_the_definition(leaves: list[bytes], cut: int) -> None:
    first = frontier_of(leaves[:cut])
    stored = Frontier.from_bytes(first.size, first.to_bytes())
    assert stored.extended(leaf_hash(leaf) for leaf in leaves[cut:]).root() == tree_hash(leaves)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_any_edit_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.binary(max_size=4).filter(lambda leaf: leaf != leaves[at]))
    assert frontier_of([*leaves[:at], other, *leaves[at + 1 :]]).root() != frontier_of(leaves).root()
    assert frontier_of(leaves[:at] + leaves[at + 1 :]).root() != frontier_of(leaves).root()


@pytest.mark.parametrize(("size", "data"), [(1, b""), (0, bytes(32)), (3, bytes(32)), (1, bytes(31)), (-1, b"")])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, data: bytes) -> None:
    with pytest.raises(ValueError):
        Frontier.from_bytes(size, data)

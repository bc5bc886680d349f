"""Proofs show what is so and never what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.audit.test_merkle import LEAVES, ROOTS

from doorward.domain.audit.merkle import Frontier, leaf_hash
from doorward.domain.audit.merkle_proofs import (
    consistency_proof,
    extends,
    includes,
    inclusion_proof,
    subtree_hash_of,
)

hashes_lists = st.integers(1, 40).map(lambda size: [leaf_hash(bytes([index])) for index in range(size)])


def root_of(hashes: list[bytes]) -> bytes:
    return Frontier().extended(hashes).root()


def test_proofs_of_the_reference_tree_are_as_published() -> None:
    subtree = subtree_hash_of([leaf_hash(leaf) for leaf in LEAVES])
    assert [one.hex() for one in inclusion_proof(0, 8, subtree)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert [one.hex() for one in consistency_proof(6, 8, subtree)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        ROOTS[3],
    ]


@given(hashes_lists, st.data())
def test_every_leaf_is_proven_and_no_other_place_or_hash(hashes: list[bytes], data: st.DataObject) -> None:
    size = len(hashes)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, subtree_hash_of(hashes))
    root = root_of(hashes)
    assert includes(hashes[index], index, size, proof, root)
    assert not includes(leaf_hash(b"other"), index, size, proof, root)
    assert not includes(hashes[index], index, size, (*proof, root), root)
    assert not includes(hashes[index], size, size, proof, root)
    for elsewhere in range(size):
        assert elsewhere == index or not includes(hashes[index], elsewhere, size, proof, root)
    for cut in range(len(proof)):
        assert not includes(hashes[index], index, size, proof[:cut] + proof[cut + 1 :], root)


@given(hashes_lists, st.data())
def test_a_grown_log_is_proven_and_an_edited_one_never(hashes: list[bytes], data: st.DataObject) -> None:
    size = len(hashes)
    old_size = data.draw(st.integers(1, size))
    proof = consistency_proof(old_size, size, subtree_hash_of(hashes))
    old_root, root = root_of(hashes[:old_size]), root_of(hashes)
    assert extends(old_size, old_root, size, root, proof)
    edited = [*hashes]
    edited[data.draw(st.integers(0, old_size - 1))] = leaf_hash(b"other")
    forged = consistency_proof(old_size, size, subtree_hash_of(edited))
    assert not extends(old_size, old_root, size, root_of(edited), forged)
    assert not extends(old_size, old_root, size, root, (*proof, root))
    for cut in range(len(proof)):
        assert not extends(old_size, old_root, size, root, proof[:cut] + proof[cut + 1 :])


@given(st.integers(-1, 9), st.integers(-1, 9), st.lists(st.binary(min_size=32, max_size=32), max_size=6))
def test_noise_is_no_proof(index: int, size: int, proof: list[bytes]) -> None:
    assert not includes(leaf_hash(b"x"), index, size, proof, bytes(32))
    if (index, size) != (0, 0):
        assert not extends(index, bytes(32), size, b"\x01" * 32, proof)


def test_a_proof_about_nothing_can_not_be_asked_for() -> None:
    subtree = subtree_hash_of([])
    for index, size in ((0, 0), (1, 1), (-1, 1)):
        with pytest.raises(ValueError):
            inclusion_proof(index, size, subtree)
    for old_size, size in ((0, 1), (2, 1)):
        with pytest.raises(ValueError):
            consistency_proof(old_size, size, subtree)

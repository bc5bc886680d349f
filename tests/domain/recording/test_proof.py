"""A recording, its manifest and the signature belong together, or nothing is believed."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authorities import ed25519_key
from tests.support.recordings import SESSION_ID, manifest_for

from doorward.base.errors import Invalid
from doorward.base.ids import SessionId
from doorward.domain.certificates.statements import SealedRecording, manifest_statement
from doorward.domain.recording.digest import TreeDigest
from doorward.domain.recording.proof import NotProven, Proof, check_recording

KEY, _ = ed25519_key(7)
PUBLIC = KEY.public_key().public_bytes_raw()
DATA = bytes(range(256)) * 8
TREE = TreeDigest()
TREE.update(DATA)
MANIFEST = manifest_for(SESSION_ID, TREE.digest(), len(DATA))
STATEMENT = manifest_statement(
    SealedRecording(SessionId(SESSION_ID), TREE.digest(), len(DATA), hashlib.sha256(MANIFEST.signed_bytes()).digest())
)
PROOF = Proof(MANIFEST.signed_bytes(), KEY.sign(STATEMENT))


def test_what_was_sealed_is_proven() -> None:
    assert check_recording(PROOF, [DATA[:7], DATA[7:]], [bytes(32), PUBLIC], SESSION_ID) == MANIFEST
    assert Proof.parse(PROOF.dump()) == PROOF


@given(place=st.integers(0, len(DATA) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_of_the_container_is_found(place: int, bit: int) -> None:
    forged = bytearray(DATA)
    forged[place] ^= 1 << bit
    with pytest.raises(NotProven):
        check_recording(PROOF, [bytes(forged)], [PUBLIC])


@given(place=st.integers(0, len(PROOF.manifest) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_of_the_manifest_is_found(place: int, bit: int) -> None:
    forged = bytearray(PROOF.manifest)
    forged[place] ^= 1 << bit
    with pytest.raises((NotProven, Invalid)):
        check_recording(Proof(bytes(forged), PROOF.signature), [DATA], [PUBLIC])


@pytest.mark.parametrize("keys", [[], [bytes(32)], [b"short"]])
def test_without_the_right_key_nothing_is_proven(keys: list[bytes]) -> None:
    with pytest.raises(NotProven, match="has not signed"):
        check_recording(PROOF, [DATA], keys)


def test_the_proof_of_another_session_is_told_apart() -> None:
    with pytest.raises(NotProven, match="another session"):
        check_recording(PROOF, [DATA], [PUBLIC], "b" * 26)


@given(st.binary(max_size=200))
def test_noise_is_no_proof(data: bytes) -> None:
    with pytest.raises(Invalid):
        Proof.parse(data)

"""Checkpoints and manifests: what is signed verifies offline, and only as what it is."""

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authorities import ed25519_key

from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Invalid
from doorward.base.ids import SessionId, new_id
from doorward.domain.certificates.statements import (
    NOTE_BYTES_MAX,
    BadStatement,
    SealedRecording,
    check_manifest,
    manifest_statement,
    open_note,
    signed_note,
)

PRIVATE, _ = ed25519_key(40)
PUBLIC = PRIVATE.public_key().public_bytes_raw()
OTHER = ed25519_key(41)[0].public_key().public_bytes_raw()
NAME = "doorward.example/log"
BODY = b"doorward.example/log\n7\nAAAA\n"
NOTE = signed_note(BODY, NAME, PUBLIC, PRIVATE.sign(BODY))
SESSION = SessionId(new_id(SeededEntropy(1)))
DIGEST = hashlib.sha256(b"recording").digest()
SEALED = SealedRecording(SESSION, DIGEST, 100, hashlib.sha256(b"manifest").digest())


def test_note_opens_to_its_body() -> None:
    assert open_note(NOTE, NAME, PUBLIC) == BODY


def test_note_has_the_form_of_c2sp() -> None:
    body, _, signature = NOTE.decode().partition("\n\n")
    assert body + "\n" == BODY.decode()
    dash, name, encoded = signature.rstrip("\n").split(" ")
    assert (dash, name) == ("\u2014", NAME)
    raw = base64.b64decode(encoded)
    assert raw[:4] == hashlib.sha256(NAME.encode() + b"\n\x01" + PUBLIC).digest()[:4]
    assert len(raw) == 4 + 64


def test_note_with_other_signatures_beside_ours_opens() -> None:
    assert open_note(NOTE + "\u2014 witness.example AAAAAAAA\n".encode(), NAME, PUBLIC) == BODY


@pytest.mark.parametrize(
    ("note", "name", "key"),
    [
        (NOTE, NAME, OTHER),
        (NOTE, "other.example", PUBLIC),
        (NOTE.replace(b"7", b"8", 1), NAME, PUBLIC),
        (NOTE.replace(b"\n\n", b"\n"), NAME, PUBLIC),
        (NOTE[:-1], NAME, PUBLIC),
        (BODY, NAME, PUBLIC),
        (b"", NAME, PUBLIC),
        (NOTE + b"x" * NOTE_BYTES_MAX, NAME, PUBLIC),
        (BODY + f"\n\u2014 {NAME} ***\n".encode(), NAME, PUBLIC),
    ],
)
def test_note_that_this_key_has_not_signed_is_refused(note: bytes, name: str, key: bytes) -> None:
    with pytest.raises(BadStatement):
        open_note(note, name, key)


@given(st.integers(0, 8 * len(NOTE) - 1))
def test_flipped_bit_closes_a_note(bit: int) -> None:
    flipped = bytearray(NOTE)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        body = open_note(bytes(flipped), NAME, PUBLIC)
    except BadStatement:
        return
    assert body == BODY  # spare bits of base64 only


def test_manifest_verifies_for_exactly_its_session_digest_size_manifest() -> None:
    signature = PRIVATE.sign(manifest_statement(SEALED))
    check_manifest(SEALED, signature, PUBLIC)
    for sealed, key in (
        (replace(SEALED, session_id=SessionId(new_id(SeededEntropy(2)))), PUBLIC),
        (replace(SEALED, digest=bytes(32)), PUBLIC),
        (replace(SEALED, size_bytes=101), PUBLIC),
        (replace(SEALED, manifest_digest=bytes(32)), PUBLIC),
        (SEALED, OTHER),
    ):
        with pytest.raises(BadStatement):
            check_manifest(sealed, signature, key)


@pytest.mark.parametrize(("digest", "size"), [(b"", 1), (bytes(31), 1), (bytes(33), 1), (DIGEST, -1), (DIGEST, 2**53)])
def test_manifest_out_of_range_is_never_signed(digest: bytes, size: int) -> None:
    with pytest.raises(Invalid):
        manifest_statement(replace(SEALED, digest=digest, size_bytes=size))


def test_statements_of_the_two_kinds_can_not_be_taken_for_each_other() -> None:
    assert manifest_statement(SEALED).startswith(b"doorward/manifest/v2\n")
    assert not BODY.startswith(b"doorward/manifest/")


def test_signature_that_is_none_is_refused() -> None:
    with pytest.raises(BadStatement):
        check_manifest(SEALED, b"", PUBLIC)
    with pytest.raises(BadStatement):
        check_manifest(SEALED, bytes(64), bytes(31))

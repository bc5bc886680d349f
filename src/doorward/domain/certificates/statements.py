"""What the checkpoint and manifest keys sign, domain-separated, and how it is verified offline.

A checkpoint becomes a C2SP signed note (https://c2sp.org/signed-note): the body, an empty line, and
`— NAME base64(key hash ‖ signature)`. A manifest's statement is labelled lines that no other key or purpose
shares, and holds the digest of the manifest itself: levels, counts and times are signed with the content.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from doorward.base.errors import Refused
from doorward.base.ids import SessionId, checked_id
from doorward.domain.certificates.refusals import BadSubject

NOTE_BYTES_MAX: Final = 8_192
DIGEST_BYTES: Final = 32
SIZE_MAX: Final = 2**53 - 1
_ED25519_NOTE: Final = b"\x01"
_HASH_BYTES: Final = 4


class BadStatement(Refused):
    """The signature does not belong to this statement, key and name."""

    code = "bad_statement"


def signed_note(body: bytes, name: str, public_key: bytes, signature: bytes) -> bytes:
    """The note of one signature; `body` ends with a line feed, `name` holds neither spaces nor plus signs."""
    tail = base64.b64encode(_key_hash(name, public_key) + signature).decode("ascii")
    return body + f"\n\u2014 {name} {tail}\n".encode()


def open_note(note: bytes, name: str, public_key: bytes) -> bytes:
    """The body, if a line of `name` carries this key's signature over it; `BadStatement` otherwise."""
    if len(note) > NOTE_BYTES_MAX:
        raise BadStatement("checking a signed note: too long")
    body, separator, lines = note.rpartition(b"\n\n")
    if not separator or not lines.endswith(b"\n"):
        raise BadStatement("checking a signed note: it has no signatures")
    body += b"\n"
    prefix = f"\u2014 {name} ".encode()
    for line in lines.split(b"\n"):
        if not line.startswith(prefix):
            continue
        try:
            raw = base64.b64decode(line[len(prefix) :], validate=True)
        except binascii.Error as error:
            raise BadStatement("checking a signed note: a signature is not base64") from error
        if raw[:_HASH_BYTES] == _key_hash(name, public_key):
            _verify(public_key, raw[_HASH_BYTES:], body)
            return body
    raise BadStatement("checking a signed note: this key has not signed it")


@dataclass(frozen=True, slots=True)
class SealedRecording:
    """What is said of a recording: `digest` and `size_bytes` of its container, SHA-256 of its manifest's bytes."""

    session_id: SessionId
    digest: bytes
    size_bytes: int
    manifest_digest: bytes


def manifest_statement(sealed: SealedRecording) -> bytes:
    """What the manifest key signs about a sealed recording."""
    lengths = {len(sealed.digest), len(sealed.manifest_digest)}
    if lengths != {DIGEST_BYTES} or not 0 <= sealed.size_bytes <= SIZE_MAX:
        raise BadSubject("making a manifest's statement: a digest or the size is out of range")
    return (
        f"doorward/manifest/v2\n{checked_id(sealed.session_id)}\n"
        f"sha256:{sealed.digest.hex()} {sealed.size_bytes}\nmanifest:{sealed.manifest_digest.hex()}\n"
    ).encode("ascii")


def check_manifest(sealed: SealedRecording, signature: bytes, public_key: bytes) -> None:
    """Pass if the manifest key signed exactly this; `BadStatement` otherwise."""
    _verify(public_key, signature, manifest_statement(sealed))


def _verify(public_key: bytes, signature: bytes, data: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError) as error:
        raise BadStatement("checking a statement: the signature does not match") from error


def _key_hash(name: str, public_key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519_NOTE + public_key).digest()[:_HASH_BYTES]

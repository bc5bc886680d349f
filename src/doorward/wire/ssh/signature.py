"""SSH signature blobs: the algorithm's name, the raw signature and, from a FIDO token, flags and counter.

RFC 4253 section 6.6, RFC 8332 (RSA with SHA-2), RFC 8709, RFC 5656, OpenSSH PROTOCOL.u2f.
"""

from dataclasses import dataclass
from typing import Final

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.fields import FieldReader, encode_string, encode_text, encode_uint32
from doorward.wire.ssh.public_key import ALGORITHM_BYTES_MAX, ECDSA_CURVES, ED25519, SK_ECDSA, SK_ED25519

RAW_SIGNATURE_BYTES_MAX: Final = 2_050
SIGNATURE_ALGORITHMS: Final = frozenset(
    {ED25519, "rsa-sha2-256", "rsa-sha2-512", SK_ED25519, SK_ECDSA, *ECDSA_CURVES},
)
"""Those that are accepted; `ssh-rsa`, which is SHA-1, is not among them."""
_FROM_TOKEN: Final = frozenset({SK_ED25519, SK_ECDSA})


@dataclass(frozen=True, slots=True)
class Signature:
    """`raw` as the algorithm shapes it (ECDSA: two mpints); `flags` and `counter` only from a FIDO token."""

    algorithm: str
    raw: bytes
    flags: int = 0
    counter: int = 0


def parse_signature(blob: bytes) -> Signature:
    """The signature in `blob`; `RemoteProtocolError` for another algorithm, or anything odd."""
    reader = FieldReader(blob)
    algorithm = reader.text(ALGORITHM_BYTES_MAX)
    if algorithm not in SIGNATURE_ALGORITHMS:
        raise RemoteProtocolError("reading a signature: an algorithm that is not accepted")
    raw = reader.string(RAW_SIGNATURE_BYTES_MAX)
    flags, counter = (reader.byte(), reader.uint32()) if algorithm in _FROM_TOKEN else (0, 0)
    reader.expect_end()
    return Signature(algorithm, raw, flags, counter)


def encode_signature(signature: Signature) -> bytes:
    """The inverse of `parse_signature`."""
    blob = encode_text(signature.algorithm) + encode_string(signature.raw)
    if signature.algorithm in _FROM_TOKEN:
        return blob + bytes((signature.flags,)) + encode_uint32(signature.counter)
    return blob


def parse_ecdsa_pair(raw: bytes) -> tuple[int, int]:
    """`r` and `s` of an ECDSA signature's raw part."""
    reader = FieldReader(raw)
    pair = (reader.mpint(), reader.mpint())
    reader.expect_end()
    return pair

"""Certificates signed: the only place where an authority's key meets a certificate's bytes."""

from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from doorward.wire.ssh.certificate import CertificateFields, append_signature, encode_signed_part
from doorward.wire.ssh.fields import encode_string
from doorward.wire.ssh.public_key import ED25519, ed25519_blob

NONCE_BYTES: Final = 32
"""Unpredictable, so that who chooses the other fields can not prepare a collision."""
_SIGNATURE_HEAD: Final = encode_string(ED25519.encode())


class Ed25519Signing(Protocol):
    """An Ed25519 key in memory, a token or a key service; `cryptography`'s private key is one."""

    def sign(self, data: bytes, /) -> bytes:
        """64 bytes."""
        ...

    def public_key(self) -> Ed25519PublicKey:
        """Its public half."""
        ...


class SshAuthority:
    """One authority's key with its public blob at hand."""

    __slots__ = ("_key", "public_blob")

    def __init__(self, key: Ed25519Signing) -> None:
        self._key = key
        self.public_blob: Final = ed25519_blob(key.public_key().public_bytes_raw())

    def sign(self, fields: CertificateFields, nonce: bytes) -> bytes:
        """The certificate's blob; `fields` come from a profile, `nonce` is 32 random bytes."""
        signed_part = encode_signed_part(fields, nonce, self.public_blob)
        return append_signature(signed_part, _SIGNATURE_HEAD + encode_string(self._key.sign(signed_part)))

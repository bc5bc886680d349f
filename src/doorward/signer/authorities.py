"""The keys of a ring sorted by what they do, ready for use: parsed once, at the start and after each rotation."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorward.api.signer.messages import KnownKey, KnownKeys
from doorward.domain.certificates.purposes import SSH_PURPOSES, X509_PURPOSES, KeyState, Purpose
from doorward.domain.certificates.ssh_signing import SshAuthority
from doorward.domain.certificates.x509_check import load_x509
from doorward.domain.certificates.x509_issue import X509Authority
from doorward.domain.certificates.x509_names import INTERMEDIATE_PURPOSES, X509Kind
from doorward.signer.ports import HeldKey, KeyRing
from doorward.wire.ssh.public_key import ed25519_blob


class StatementKey:
    """A key that signs statements of one purpose."""

    __slots__ = ("_key", "key_id", "public_key")

    def __init__(self, held: HeldKey) -> None:
        self._key: Final = _ed25519(held)
        self.key_id: Final = held.key_id
        self.public_key: Final = self._key.public_key().public_bytes_raw()

    def sign(self, statement: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(statement)


class Authorities:
    """The current keys, and the public halves of all."""

    def __init__(self, ring: KeyRing) -> None:
        current = {key.purpose: key for key in ring.signing_keys if key.state is KeyState.CURRENT}
        self.installation_id: Final = ring.installation_id
        self.ssh: Final = {purpose: SshAuthority(_ed25519(current[purpose])) for purpose in SSH_PURPOSES}
        self.x509: Final[dict[X509Kind, X509Authority]] = {
            kind: X509Authority(load_x509(current[purpose].certificate), current[purpose].private_key)
            for kind, purpose in INTERMEDIATE_PURPOSES.items()
        }
        self.checkpoint: Final = StatementKey(current[Purpose.CHECKPOINT])
        self.manifest: Final = StatementKey(current[Purpose.MANIFEST])
        self.known: Final = KnownKeys(ring.installation_id, tuple(_known(key) for key in ring.signing_keys))


def _known(key: HeldKey) -> KnownKey:
    return KnownKey(key.purpose, key.key_id, key.state, _public_bytes(key), key.certificate, key.since)


def _public_bytes(key: HeldKey) -> bytes:
    if key.purpose in X509_PURPOSES:
        return key.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = _ed25519(key).public_key().public_bytes_raw()
    return ed25519_blob(raw) if key.purpose in SSH_PURPOSES else raw


def _ed25519(key: HeldKey) -> Ed25519PrivateKey:
    # The ring has checked it; a key of another kind here is our own mistake.
    assert not isinstance(key.private_key, EllipticCurvePrivateKey)  # noqa: S101
    return key.private_key

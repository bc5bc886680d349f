"""Ed25519 keys that live in memory only: the gateway's host key, and one for each session."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorward.base.entropy import Entropy
from doorward.gateway.ssh.asyncssh_setup import CertifiedKey
from doorward.wire.ssh.public_key import ed25519_blob


class MemoryKey:
    """A private key that is never written anywhere, and its public blob."""

    __slots__ = ("_private", "public_key")

    def __init__(self, entropy: Entropy) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(entropy.token(32))
        self.public_key = ed25519_blob(self._private.public_key().public_bytes_raw())

    def certified(self, certificate: bytes) -> CertifiedKey:
        """This key together with a certificate blob for it."""
        return CertifiedKey(self._private.sign, self.public_key, certificate)

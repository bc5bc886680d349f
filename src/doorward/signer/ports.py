"""What the signer needs of a key store: encrypted files now, a PKCS#11 token or a cloud's key service beside them.

Keys are `cryptography`'s abstract private keys: a store whose keys never leave a token subclasses them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorward.base.ids import InstallationId
from doorward.domain.certificates.purposes import KeyState, Purpose


class SealingCipher(Protocol):
    """Authenticated encryption under one key; `cryptography`'s AESGCM is one."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A signing key. `certificate`: X.509 DER for the X.509 purposes, empty for the others."""

    purpose: Purpose
    key_id: str
    state: KeyState
    private_key: Ed25519PrivateKey | EllipticCurvePrivateKey
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class HeldSealingKey:
    """A key that seals second factors' secrets."""

    key_id: str
    state: KeyState
    cipher: SealingCipher


class KeyRing(Protocol):
    """Every key of one installation; each purpose has exactly one current key."""

    @property
    def installation_id(self) -> InstallationId: ...
    @property
    def signing_keys(self) -> Sequence[HeldKey]: ...
    @property
    def sealing_keys(self) -> Sequence[HeldSealingKey]: ...

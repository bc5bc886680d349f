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
    """A signing key. `certificate`: X.509 DER for the X.509 purposes, empty for the others.

    `since`: when it came into its state, in seconds since 1970; 0 for keys from before that was kept.
    """

    purpose: Purpose
    key_id: str
    state: KeyState
    private_key: Ed25519PrivateKey | EllipticCurvePrivateKey
    certificate: bytes = b""
    since: int = 0


@dataclass(frozen=True, slots=True)
class HeldSealingKey:
    """A key that seals second factors' secrets."""

    key_id: str
    state: KeyState
    cipher: SealingCipher


class KeyRing(Protocol):
    """Every key of one installation; each purpose has exactly one current key.

    The three changes are durable when they return, and leave a ring that opens wherever a crash cuts them short. Their
    caller has looked at the table of moves. `Unavailable` when the store can not be written.
    """

    @property
    def installation_id(self) -> InstallationId: ...
    @property
    def signing_keys(self) -> Sequence[HeldKey]: ...
    @property
    def sealing_keys(self) -> Sequence[HeldSealingKey]: ...
    def add_next(self, purpose: Purpose, since: int) -> None:
        """Make a key that will follow the current one."""
        ...

    def switch(self, purpose: Purpose, since: int) -> None:
        """The next key becomes the current one, and that one old."""
        ...

    def remove_old(self, purpose: Purpose) -> None:
        """The old key is gone, as far as the store can see to that."""
        ...

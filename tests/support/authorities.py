"""Authorities for tests: a ring of keys made from a seed, and certificates from them without a signer's process."""

import tempfile
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import InstallationId, new_id
from doorward.base.secret import Secret
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.domain.certificates.ssh_signing import SshAuthority
from doorward.stores.keys.creation import create_keys
from doorward.stores.keys.key_files import open_keys
from doorward.stores.keys.key_ring import FileKeyRing
from doorward.wire.ssh.public_key import ed25519_blob

INSTALLATION = InstallationId(new_id(SeededEntropy(424242)))
KEK = Secret(bytes(range(32)))


@lru_cache(maxsize=4)
def key_ring(seed: int = 0, installation_id: InstallationId = INSTALLATION) -> FileKeyRing:
    """A whole ring; the same seed gives the same keys. Its certificates begin on 2026-01-01."""
    with tempfile.TemporaryDirectory() as directory:
        keys = Path(directory) / "keys"
        create_keys(keys, KEK, installation_id, clock=ManualClock(), entropy=SeededEntropy(seed))
        return open_keys(keys, KEK, installation_id)


def own_key_ring(directory: Path, installation_id: InstallationId = INSTALLATION) -> FileKeyRing:
    """A ring whose files lie in the new `directory`, for a test that changes it; the keys are those of `key_ring()`."""
    create_keys(directory, KEK, installation_id, clock=ManualClock(), entropy=SeededEntropy(0))
    return open_keys(directory, KEK, installation_id)


def ssh_authority(purpose: Purpose, seed: int = 0) -> SshAuthority:
    """The current SSH authority of `purpose`, which signs `CertificateFields` of any shape, wrong ones too."""
    held = next(k for k in key_ring(seed).signing_keys if k.purpose is purpose and k.state is KeyState.CURRENT)
    assert isinstance(held.private_key, Ed25519PrivateKey)
    return SshAuthority(held.private_key)


def ed25519_key(seed: int) -> tuple[Ed25519PrivateKey, bytes]:
    """A private key and its SSH blob."""
    key = Ed25519PrivateKey.from_private_bytes(SeededEntropy(seed).token(32))
    return key, ed25519_blob(key.public_key().public_bytes_raw())

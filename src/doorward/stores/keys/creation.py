"""All the keys of a new installation, made together: `doorward init` calls this once."""

import os
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorward.base.clock import Clock
from doorward.base.entropy import Entropy
from doorward.base.ids import InstallationId, checked_id, new_id
from doorward.base.secret import Secret
from doorward.domain.certificates.purposes import P256_PURPOSES, X509_PURPOSES, KeyState, Purpose
from doorward.domain.certificates.x509_issue import X509Authority, issue_intermediate, issue_root
from doorward.domain.certificates.x509_names import INTERMEDIATE_PURPOSES
from doorward.stores.keys.private_files import KeysRefused, check_private_directory, write_private_file
from doorward.stores.keys.sealed_file import KeyBody, KeyName, seal_key

SEALING_KEY_BYTES: Final = 32
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_CREATION_UMASK: Final = 0o077


def create_keys(
    directory: Path, kek: Secret, installation_id: InstallationId, *, clock: Clock, entropy: Entropy
) -> None:
    """One current key per purpose in a directory that is new or empty; an installation's keys are never overwritten."""
    checked_id(installation_id)
    before = os.umask(_CREATION_UMASK)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_private_directory(directory)
        if any(directory.iterdir()):
            raise KeysRefused(f"making the keys: {directory} is not empty")
        for purpose, body in _new_bodies(installation_id, clock, entropy).items():
            name = KeyName(installation_id, purpose, new_id(entropy))
            write_private_file(directory / name.file_name, seal_key(name, body, kek, entropy), may_replace=False)
    finally:
        os.umask(before)


def _new_bodies(installation_id: InstallationId, clock: Clock, entropy: Entropy) -> dict[Purpose, KeyBody]:
    keys: dict[Purpose, Ed25519PrivateKey | ec.EllipticCurvePrivateKey] = {
        purpose: _new_key(purpose, entropy) for purpose in Purpose if purpose is not Purpose.TOTP_SEALING
    }
    certificates = _new_certificates(keys, installation_id, clock, entropy)
    since = int(clock.now().timestamp())
    bodies: dict[Purpose, KeyBody] = {
        purpose: KeyBody(KeyState.CURRENT, private_bytes(key), certificates.get(purpose, b""), since)
        for purpose, key in keys.items()
    }
    bodies[Purpose.TOTP_SEALING] = KeyBody(KeyState.CURRENT, entropy.token(SEALING_KEY_BYTES), since=since)
    return bodies


def new_ed25519_key(entropy: Entropy) -> Ed25519PrivateKey:
    """A fresh key."""
    return Ed25519PrivateKey.from_private_bytes(entropy.token(32))


def private_bytes(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """The key as it stands in a file's body, PKCS #8."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _new_certificates(
    keys: dict[Purpose, Ed25519PrivateKey | ec.EllipticCurvePrivateKey],
    installation_id: InstallationId,
    clock: Clock,
    entropy: Entropy,
) -> dict[Purpose, bytes]:
    now = clock.now()
    root_key = keys[Purpose.X509_ROOT]
    root = X509Authority(issue_root(root_key, installation_id, _serial(entropy), now), root_key)
    certificates = {Purpose.X509_ROOT: root.certificate}
    for kind, purpose in INTERMEDIATE_PURPOSES.items():
        certificates[purpose] = issue_intermediate(
            root,
            kind,
            keys[purpose].public_key(),
            installation_id=installation_id,
            serial=_serial(entropy),
            now=now,
        )
    assert set(certificates) == X509_PURPOSES, "a certificate for each X.509 purpose"  # noqa: S101
    return {purpose: _der(certificate) for purpose, certificate in certificates.items()}


def _new_key(purpose: Purpose, entropy: Entropy) -> Ed25519PrivateKey | ec.EllipticCurvePrivateKey:
    if purpose in P256_PURPOSES:
        # 64 bits more than the order, so that the remainder is as good as uniform (FIPS 186-5, A.2.1).
        number = int.from_bytes(entropy.token(40), "big") % (_P256_ORDER - 1) + 1
        return ec.derive_private_key(number, ec.SECP256R1())
    return new_ed25519_key(entropy)


def _serial(entropy: Entropy) -> int:
    # 127 random bits and a set one above: positive, never zero, below the 20 bytes of RFC 5280.
    return int.from_bytes(entropy.token(16), "big") >> 1 | 1 << 127


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)

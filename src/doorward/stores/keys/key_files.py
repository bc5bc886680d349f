"""A directory of sealed key files, opened whole: every key is checked before the first is used."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from doorward.base.entropy import Entropy, SystemEntropy
from doorward.base.ids import InstallationId
from doorward.base.secret import Secret
from doorward.domain.certificates.purposes import P256_PURPOSES, X509_PURPOSES, KeyState, Purpose
from doorward.domain.certificates.refusals import CertificateRefused
from doorward.domain.certificates.rotation import ROTATED, OutOfStep, state_of
from doorward.domain.certificates.x509_check import load_x509
from doorward.signer.ports import HeldKey, HeldSealingKey
from doorward.stores.keys.key_ring import FileKeyRing
from doorward.stores.keys.private_files import KeysRefused, check_private_directory, read_private_file
from doorward.stores.keys.sealed_file import KeyBody, KeyName, open_key

KEY_FILES_MAX: Final = 256
_FILE_NAME: Final = re.compile(r"([a-z0-9-]{1,32})\.([a-z2-7]{26})\.key", re.ASCII)
_UNFINISHED: Final = ".new-"
"""What a crash in the middle of a write leaves behind; never a key that anything depends on."""


def open_keys(
    directory: Path, kek: Secret, installation_id: InstallationId, *, entropy: Entropy | None = None
) -> FileKeyRing:
    """Every key in `directory`; `KeysRefused`, with the one line to print, if anything is not as it must be."""
    check_private_directory(directory)
    signing: list[HeldKey] = []
    sealing: list[HeldSealingKey] = []
    switched: dict[str, int] = {}
    for path in _key_paths(directory):
        name = _name_of(path, installation_id)
        body = open_key(read_private_file(path), name, kek, str(path))
        if name.purpose is Purpose.TOTP_SEALING:
            sealing.append(HeldSealingKey(name.key_id, body.state, AESGCM(body.private)))
        else:
            signing.append(_held_key(name, body, path))
            if body.state is KeyState.CURRENT and body.replaces:
                switched[body.replaces] = body.since
    signing = [_as_replaced(key, switched) for key in signing]
    _check_current(directory, signing, sealing)
    _check_rotations(directory, signing)
    return FileKeyRing(
        directory,
        kek,
        installation_id,
        signing_keys=signing,
        sealing_keys=sealing,
        entropy=entropy or SystemEntropy(),
    )


def _key_paths(directory: Path) -> list[Path]:
    paths = sorted(path for path in directory.iterdir() if not path.name.startswith(_UNFINISHED))
    if len(paths) > KEY_FILES_MAX:
        raise KeysRefused(f"opening the keys: {directory} holds too many files")
    return paths


def _name_of(path: Path, installation_id: InstallationId) -> KeyName:
    match = _FILE_NAME.fullmatch(path.name)
    if match is None or match[1] not in set(Purpose):
        raise KeysRefused(f"opening the keys: {path} does not belong there")
    return KeyName(installation_id, Purpose(match[1]), match[2])


def _held_key(name: KeyName, body: KeyBody, path: Path) -> HeldKey:
    try:
        key = serialization.load_der_private_key(body.private, password=None)
        certificate_key = load_x509(body.certificate).public_key() if name.purpose in X509_PURPOSES else None
    except (ValueError, UnsupportedAlgorithm, CertificateRefused) as error:
        raise KeysRefused(f"opening the keys: {path} holds no key that can be used") from error
    if name.purpose in P256_PURPOSES:
        fits = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    else:
        fits = isinstance(key, Ed25519PrivateKey)
    if not fits or not isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise KeysRefused(f"opening the keys: {path} holds a key of another kind")
    if certificate_key is not None and certificate_key != key.public_key():
        raise KeysRefused(f"opening the keys: the certificate in {path} is another key's")
    return HeldKey(name.purpose, name.key_id, body.state, key, body.certificate, body.since)


def _as_replaced(key: HeldKey, switched: Mapping[str, int]) -> HeldKey:
    """Old since the switch, if a current key says that it signs in this one's place."""
    if key.state is not KeyState.CURRENT or key.key_id not in switched:
        return key
    return replace(key, state=KeyState.OLD, since=switched[key.key_id])


def _check_current(directory: Path, signing: Sequence[HeldKey], sealing: Sequence[HeldSealingKey]) -> None:
    current = [key.purpose for key in signing if key.state is KeyState.CURRENT]
    current += [Purpose.TOTP_SEALING for key in sealing if key.state is KeyState.CURRENT]
    for purpose in Purpose:
        if current.count(purpose) != 1:
            how_many = "no" if purpose not in current else "more than one"
            raise KeysRefused(f"opening the keys: {directory} holds {how_many} current key for {purpose}")


def _check_rotations(directory: Path, signing: Sequence[HeldKey]) -> None:
    for purpose in ROTATED:
        try:
            state_of([key.state for key in signing if key.purpose is purpose])
        except OutOfStep as error:
            raise KeysRefused(f"opening the keys: {directory} holds keys of two rotations of {purpose}") from error

"""A directory of keys: opened whole or not at all, with one clear line for each thing that can be wrong."""

import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import InstallationId, new_id
from doorward.base.secret import Secret
from doorward.domain.certificates.purposes import P256_PURPOSES, X509_PURPOSES, KeyState, Purpose
from doorward.stores.keys.creation import create_keys
from doorward.stores.keys.key_files import open_keys
from doorward.stores.keys.private_files import KeysRefused, write_private_file
from doorward.stores.keys.sealed_file import KeyBody, KeyName, open_key, seal_key

INSTALLATION = InstallationId(new_id(SeededEntropy(1)))
KEK = Secret(bytes(range(32)))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    directory = tmp_path / "keys"
    create_keys(directory, KEK, INSTALLATION, clock=ManualClock(), entropy=SeededEntropy(2))
    return directory


def path_of(keys: Path, purpose: Purpose) -> Path:
    return next(path for path in keys.iterdir() if path.name.startswith(f"{purpose}."))


def reseal(keys: Path, purpose: Purpose, *, as_purpose: Purpose | None = None, state: KeyState) -> None:
    """Add a copy of a key under a new id, as a rotation would add a new key."""
    path = path_of(keys, purpose)
    name = KeyName(INSTALLATION, purpose, path.name.split(".")[1])
    body = open_key(path.read_bytes(), name, KEK, "test")
    fresh = KeyName(INSTALLATION, as_purpose or purpose, new_id(SeededEntropy(77)))
    sealed = seal_key(fresh, KeyBody(state, body.private, body.certificate), KEK, SeededEntropy(5))
    write_private_file(keys / fresh.file_name, sealed, may_replace=False)


def refusal(keys: Path, kek: Secret = KEK, installation_id: InstallationId = INSTALLATION) -> str:
    with pytest.raises(KeysRefused) as caught:
        open_keys(keys, kek, installation_id)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_every_purpose_has_one_current_key(keys: Path) -> None:
    ring = open_keys(keys, KEK, INSTALLATION)
    assert {key.purpose for key in ring.signing_keys} == set(Purpose) - {Purpose.TOTP_SEALING}
    assert len(ring.signing_keys) == len(Purpose) - 1
    assert all(key.state is KeyState.CURRENT for key in ring.signing_keys)
    assert [key.state for key in ring.sealing_keys] == [KeyState.CURRENT]
    assert ring.installation_id == INSTALLATION


def test_keys_of_all_purposes_differ(keys: Path) -> None:
    ring = open_keys(keys, KEK, INSTALLATION)
    public = {
        key.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for key in ring.signing_keys
    }
    assert len(public) == len(ring.signing_keys)
    assert len({key.key_id for key in ring.signing_keys}) == len(ring.signing_keys)


def test_only_x509_keys_have_certificates_and_only_the_browsers_chain_is_p256(keys: Path) -> None:
    for key in open_keys(keys, KEK, INSTALLATION).signing_keys:
        assert bool(key.certificate) == (key.purpose in X509_PURPOSES)
        assert (type(key.private_key).__name__ == "ECPrivateKey") == (key.purpose in P256_PURPOSES)


def test_files_and_directory_are_ours_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_keys(tmp_path / "keys", KEK, INSTALLATION, clock=ManualClock(), entropy=SeededEntropy(2))
    finally:
        assert os.umask(before) == 0
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_keys_are_never_made_over_others(keys: Path) -> None:
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    with pytest.raises(KeysRefused, match="not empty"):
        create_keys(keys, KEK, INSTALLATION, clock=ManualClock(), entropy=SeededEntropy(3))
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before


def test_wrong_key_encryption_key_stops_the_start(keys: Path) -> None:
    assert "key-encryption key does not open" in refusal(keys, kek=Secret(b"\x09" * 32))


def test_another_installations_keys_stop_the_start(keys: Path) -> None:
    assert "belongs to installation" in refusal(keys, installation_id=InstallationId(new_id(SeededEntropy(9))))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_one_file_open_to_others_stops_the_start(keys: Path, mode: int) -> None:
    path_of(keys, Purpose.MANIFEST).chmod(mode)
    assert "open to others" in refusal(keys)


def test_directory_open_to_others_stops_the_start(keys: Path) -> None:
    keys.chmod(0o755)
    assert "open to others" in refusal(keys)


@pytest.mark.parametrize("purpose", list(Purpose))
def test_missing_key_stops_the_start(keys: Path, purpose: Purpose) -> None:
    path_of(keys, purpose).unlink()
    assert f"no current key for {purpose}" in refusal(keys)


def test_key_renamed_to_another_purpose_stops_the_start(keys: Path) -> None:
    session, user = path_of(keys, Purpose.SESSION_SSH), path_of(keys, Purpose.USER_SSH)
    shutil.copy2(session, user)
    assert "renamed" in refusal(keys)


def test_two_current_keys_stop_the_start(keys: Path) -> None:
    reseal(keys, Purpose.USER_SSH, state=KeyState.CURRENT)
    assert "more than one current key for user-ssh" in refusal(keys)


@pytest.mark.parametrize("state", [KeyState.NEXT, KeyState.OLD])
def test_next_and_old_keys_stand_beside_the_current_one(keys: Path, state: KeyState) -> None:
    reseal(keys, Purpose.USER_SSH, state=state)
    states = [key.state for key in open_keys(keys, KEK, INSTALLATION).signing_keys if key.purpose is Purpose.USER_SSH]
    assert sorted(states) == sorted([KeyState.CURRENT, state])


@pytest.mark.parametrize(
    ("purpose", "taken_from"), [(Purpose.X509_ROOT, Purpose.USER_SSH), (Purpose.USER_SSH, Purpose.X509_ROOT)]
)
def test_key_of_the_wrong_kind_for_its_purpose_stops_the_start(
    keys: Path, purpose: Purpose, taken_from: Purpose
) -> None:
    reseal(keys, taken_from, as_purpose=purpose, state=KeyState.OLD)
    assert "holds" in refusal(keys)


def test_certificate_of_another_key_stops_the_start(keys: Path) -> None:
    path = path_of(keys, Purpose.X509_USER)
    name = KeyName(INSTALLATION, Purpose.X509_USER, path.name.split(".")[1])
    gateway = path_of(keys, Purpose.X509_GATEWAY)
    gateway_name = KeyName(INSTALLATION, Purpose.X509_GATEWAY, gateway.name.split(".")[1])
    certificate = open_key(gateway.read_bytes(), gateway_name, KEK, "test").certificate
    body = open_key(path.read_bytes(), name, KEK, "test")
    mixed = KeyBody(body.state, body.private, certificate)
    write_private_file(path, seal_key(name, mixed, KEK, SeededEntropy(1)), may_replace=True)
    assert "another key's" in refusal(keys)


def test_file_that_does_not_belong_there_stops_the_start(keys: Path) -> None:
    write_private_file(keys / "notes.txt", b"", may_replace=False)
    assert "does not belong there" in refusal(keys)


def test_leftover_of_a_crash_does_not_stop_the_start(keys: Path) -> None:
    write_private_file(keys / ".new-user-ssh.x.key", b"half", may_replace=False)
    assert open_keys(keys, KEK, INSTALLATION).signing_keys


def test_missing_directory_stops_the_start(tmp_path: Path) -> None:
    assert "can not be read" in refusal(tmp_path / "missing")

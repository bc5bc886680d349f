"""One sealed key: opens for its name and key-encryption key, and for nothing else."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.entropy import SeededEntropy
from doorward.base.ids import InstallationId, new_id
from doorward.base.secret import Secret
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.stores.keys.private_files import KeysRefused
from doorward.stores.keys.sealed_file import KeyBody, KeyName, open_key, seal_key

ENTROPY = SeededEntropy(1)
KEK = Secret(bytes(32))
NAME = KeyName(InstallationId(new_id(ENTROPY)), Purpose.USER_SSH, new_id(ENTROPY))
BODY = KeyBody(KeyState.CURRENT, b"private bytes", b"certificate")
FILE = seal_key(NAME, BODY, KEK, ENTROPY)


@given(st.sampled_from(Purpose), st.sampled_from(KeyState), st.binary(max_size=200), st.binary(max_size=200))
def test_sealed_key_opens_as_it_was(purpose: Purpose, state: KeyState, private: bytes, certificate: bytes) -> None:
    name = dataclasses.replace(NAME, purpose=purpose)
    body = KeyBody(state, private, certificate)
    assert open_key(seal_key(name, body, KEK, ENTROPY), name, KEK, "file") == body


def test_nothing_secret_lies_in_clear_or_in_a_repr() -> None:
    assert b"private bytes" not in FILE
    assert "private" not in repr(BODY)


def test_wrong_key_encryption_key_is_said_to_be_wrong() -> None:
    with pytest.raises(KeysRefused, match="does not open file"):
        open_key(FILE, NAME, Secret(b"\x01" * 32), "file")


def test_another_installations_key_is_said_to_be_that() -> None:
    other = dataclasses.replace(NAME, installation_id=InstallationId(new_id(ENTROPY)))
    with pytest.raises(KeysRefused, match="belongs to installation"):
        open_key(FILE, other, KEK, "file")


@pytest.mark.parametrize("change", [{"purpose": Purpose.SESSION_SSH}, {"key_id": "a" * 26}])
def test_renamed_key_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(KeysRefused, match="renamed"):
        open_key(FILE, dataclasses.replace(NAME, **change), KEK, "file")  # type: ignore[arg-type]


def test_header_rewritten_to_fit_another_purpose_does_not_open() -> None:
    name = dataclasses.replace(NAME, purpose=Purpose.SESSION_SSH)
    forged = name.header + FILE[len(NAME.header) :]
    with pytest.raises(KeysRefused, match="does not open"):
        open_key(forged, name, KEK, "file")


@given(st.integers(0, 8 * len(FILE) - 1))
def test_no_flipped_bit_leaves_a_key(bit: int) -> None:
    flipped = bytearray(FILE)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(KeysRefused):
        open_key(bytes(flipped), NAME, KEK, "file")


@given(st.integers(0, len(FILE) - 1))
def test_prefix_is_no_key(length: int) -> None:
    with pytest.raises(KeysRefused):
        open_key(FILE[:length], NAME, KEK, "file")


@given(st.binary(max_size=200))
def test_noise_is_no_key(noise: bytes) -> None:
    with pytest.raises(KeysRefused):
        open_key(noise, NAME, KEK, "file")
    with pytest.raises(KeysRefused):
        open_key(NAME.header + noise, NAME, KEK, "file")


def test_same_key_sealed_twice_differs() -> None:
    assert seal_key(NAME, BODY, KEK, ENTROPY) != FILE

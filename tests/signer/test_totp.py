"""Second factors: the RFCs' vectors, the window, the replay guard, and secrets that can not be moved."""

import base64

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authorities import INSTALLATION, key_ring

from doorward.api.signer.refusals import SealedElsewhere
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import InstallationId, UserId, new_id
from doorward.signer.totp import TotpSealer, accepted_step, hotp

RFC_SECRET = b"12345678901234567890"
ALICE, BOB = UserId(new_id(SeededEntropy(1))), UserId(new_id(SeededEntropy(2)))
RFC_4226_CODES = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
NOW = 1_800_000_000
STEP = NOW // 30


@pytest.mark.parametrize(
    ("counter", "code"),
    list(enumerate(RFC_4226_CODES)),
)
def test_codes_are_those_of_rfc_4226(counter: int, code: str) -> None:
    assert hotp(RFC_SECRET, counter) == code


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924")],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    assert hotp(RFC_SECRET, seconds // 30, digits=8) == code


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**37))
def test_codes_are_those_of_other_authenticators(secret: bytes, seconds: int) -> None:
    assert hotp(secret, seconds // 30) == pyotp.TOTP(base64.b32encode(secret).decode()).at(seconds)


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_code_counts_within_one_step_of_now(offset: int) -> None:
    assert accepted_step(RFC_SECRET, hotp(RFC_SECRET, STEP + offset), NOW, 0) == STEP + offset


@pytest.mark.parametrize("offset", [-2, 2, 1000])
def test_code_of_another_time_does_not_count(offset: int) -> None:
    assert accepted_step(RFC_SECRET, hotp(RFC_SECRET, STEP + offset), NOW, 0) is None


def test_code_counts_once() -> None:
    code = hotp(RFC_SECRET, STEP)
    step = accepted_step(RFC_SECRET, code, NOW, 0)
    assert step == STEP
    assert accepted_step(RFC_SECRET, code, NOW, step) is None


def test_older_code_does_not_count_after_a_newer_one() -> None:
    assert accepted_step(RFC_SECRET, hotp(RFC_SECRET, STEP - 1), NOW, STEP) is None
    assert accepted_step(RFC_SECRET, hotp(RFC_SECRET, STEP + 1), NOW, STEP) == STEP + 1


@given(st.text(max_size=16))
def test_text_that_is_not_the_code_does_not_count(text: str) -> None:
    right = {hotp(RFC_SECRET, STEP + offset) for offset in (-1, 0, 1)}
    assert (accepted_step(RFC_SECRET, text, NOW, 0) is not None) == (text in right)


def sealer(seed: int = 0, installation_id: InstallationId = INSTALLATION) -> TotpSealer:
    return TotpSealer(key_ring(seed).sealing_keys, installation_id, SeededEntropy(9))


def test_sealed_secret_opens_for_its_user() -> None:
    sealed, shown = sealer().enrol(ALICE)
    assert base64.b32decode(shown.reveal()) == sealer().open(ALICE, sealed).reveal()
    assert len(sealer().open(ALICE, sealed).reveal()) == 20
    assert shown.reveal() not in sealed


def test_secret_moved_to_another_user_does_not_open() -> None:
    sealed, _ = sealer().enrol(ALICE)
    with pytest.raises(SealedElsewhere):
        sealer().open(BOB, sealed)


def test_secret_of_another_installation_does_not_open() -> None:
    sealed, _ = sealer().enrol(ALICE)
    with pytest.raises(SealedElsewhere):
        sealer(installation_id=InstallationId(new_id(SeededEntropy(7)))).open(ALICE, sealed)


def test_secret_sealed_by_another_key_does_not_open() -> None:
    sealed, _ = sealer(seed=1).enrol(ALICE)
    with pytest.raises(SealedElsewhere):
        sealer().open(ALICE, sealed)


SEALED = sealer().enrol(ALICE)[0]


@given(st.integers(0, 8 * len(SEALED) - 1))
def test_no_flipped_bit_leaves_a_secret(bit: int) -> None:
    flipped = bytearray(SEALED)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealedElsewhere):
        sealer().open(ALICE, bytes(flipped))


@given(st.binary(max_size=100))
def test_noise_is_no_secret(noise: bytes) -> None:
    with pytest.raises(SealedElsewhere):
        sealer().open(ALICE, noise)


@given(st.integers(0, len(SEALED) - 1))
def test_prefix_is_no_secret(length: int) -> None:
    with pytest.raises(SealedElsewhere):
        sealer().open(ALICE, SEALED[:length])


def test_two_enrolments_differ() -> None:
    one = sealer()
    assert one.enrol(ALICE)[1] != one.enrol(ALICE)[1]

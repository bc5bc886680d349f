"""Codes: hard to guess, easy to type, stored as a hash, open for a while and once."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.entropy import SeededEntropy, SystemEntropy
from doorward.base.errors import Invalid
from doorward.base.ids import UserId, new_id
from doorward.domain.identity.invitation import (
    CODE_TEXT_MAX,
    Invitation,
    InvitationPurpose,
    hash_code,
    new_code,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPEN = Invitation(
    "i" * 26, b"h" * 32, UserId(new_id(SeededEntropy(1))), InvitationPurpose.ENROL, NOW + timedelta(hours=1), "operator"
)


def test_code_is_26_letters_and_digits_in_groups() -> None:
    code = new_code(SystemEntropy())
    assert len(code.replace("-", "")) == 26
    assert set(code) <= set("abcdefghijklmnopqrstuvwxyz234567-")
    assert len(code) <= CODE_TEXT_MAX


def test_codes_differ() -> None:
    assert len({new_code(SystemEntropy()) for _ in range(200)}) == 200


@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_code_counts_however_it_is_typed(seed: int, upper: bool, spaced: bool) -> None:
    code = new_code(SeededEntropy(seed))
    typed = code.upper() if upper else code.replace("-", "")
    assert hash_code(f"  {typed}\n" if spaced else typed) == hash_code(code)


@given(st.integers(0, 2**32), st.integers(0, 25), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_another_letter_is_another_code(seed: int, place: int, letter: str) -> None:
    plain = new_code(SeededEntropy(seed)).replace("-", "")
    other = plain[:place] + letter + plain[place + 1 :]
    assert (hash_code(other) == hash_code(plain)) == (other == plain)


def test_hash_is_no_plain_hash_of_the_code() -> None:
    assert hash_code("abcd") != hashlib.sha256(b"abcd").digest()
    assert len(hash_code("")) == 32


def test_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(Invalid):
        hash_code("a" * (CODE_TEXT_MAX + 1))


def test_invitation_is_open_until_it_is_used_or_late() -> None:
    assert OPEN.is_open(NOW)
    assert OPEN.is_open(OPEN.expires - timedelta(microseconds=1))
    assert not OPEN.is_open(OPEN.expires)
    assert not replace(OPEN, used=NOW).is_open(NOW)

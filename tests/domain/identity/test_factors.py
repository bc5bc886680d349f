"""Passwords by length alone, and a wait after failures that grows and ends."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Invalid
from doorward.base.ids import UserId, new_id
from doorward.domain.identity.factors import (
    BACK_OFF_MAX,
    FAILURES_FREE,
    PASSWORD_BYTES_MAX,
    PASSWORD_CHARACTERS_MIN,
    FactorFailures,
    after_failure,
    checked_password,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
USER = UserId(new_id(SeededEntropy(1)))


def failed(times: int) -> FactorFailures | None:
    found: FactorFailures | None = None
    for _ in range(times):
        found = after_failure(found, USER, NOW)
    return found


def test_first_failures_block_nothing() -> None:
    for times in range(1, FAILURES_FREE + 1):
        found = failed(times)
        assert found is not None
        assert not found.is_blocked(NOW)


def test_wait_doubles_from_the_fourth_failure_on() -> None:
    waits = [failed(FAILURES_FREE + more) for more in range(1, 5)]
    assert [one.blocked_until - NOW for one in waits if one is not None and one.blocked_until is not None] == [
        timedelta(seconds=seconds) for seconds in (2, 4, 8, 16)
    ]


def test_block_ends_at_its_time() -> None:
    found = failed(FAILURES_FREE + 1)
    assert found is not None
    assert found.is_blocked(NOW + timedelta(seconds=2, microseconds=-1))
    assert not found.is_blocked(NOW + timedelta(seconds=2))


@given(st.integers(0, 10**9))
def test_wait_never_passes_a_quarter_of_an_hour(before: int) -> None:
    found = after_failure(FactorFailures(USER, before, None), USER, NOW)
    assert found.failures == before + 1
    assert found.blocked_until is None or found.blocked_until - NOW <= BACK_OFF_MAX


@given(st.integers(0, 200))
def test_one_more_failure_never_shortens_the_wait(before: int) -> None:
    one = after_failure(FactorFailures(USER, before, None), USER, NOW)
    two = after_failure(one, USER, NOW)
    assert (two.blocked_until or NOW) >= (one.blocked_until or NOW)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_password_is_taken_by_its_length_alone(text: str) -> None:
    fits = len(text) >= PASSWORD_CHARACTERS_MIN and len(text.encode()) <= PASSWORD_BYTES_MAX
    if fits:
        assert checked_password(text) == text
    else:
        with pytest.raises(Invalid) as caught:
            checked_password(text)
        assert text not in caught.value.message or len(text) < 2

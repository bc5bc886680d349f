"""What is still taken of a session that is over: from presumed ones, for some days, in some number."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.stored_values import session

from doorward.domain.sessions.late import LATE_NOTES_MAX, LATE_WITHIN, NotTaken, happened, why_not_taken
from doorward.domain.sessions.states import SessionState

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OPENED = NOW - timedelta(hours=2)
PRESUMED = session(opened=OPENED, state=SessionState.ENDED, ended=NOW, facts={"presumed": True})


def test_a_presumed_end_leaves_room_for_what_its_gateway_could_not_tell() -> None:
    assert why_not_taken(PRESUMED, 10, NOW) is None
    assert why_not_taken(PRESUMED, LATE_NOTES_MAX, NOW + LATE_WITHIN - timedelta(microseconds=1)) is None


@pytest.mark.parametrize(
    ("row", "notes", "later", "why"),
    [
        (replace(PRESUMED, facts={}), 0, timedelta(), NotTaken.ENDED),
        (replace(PRESUMED, facts={"presumed": "yes"}), 0, timedelta(), NotTaken.ENDED),
        (replace(PRESUMED, corrected=NOW), 0, timedelta(), NotTaken.ENDED),
        (PRESUMED, 0, LATE_WITHIN, NotTaken.TOO_LATE),
        (PRESUMED, LATE_NOTES_MAX + 1, timedelta(), NotTaken.TOO_MANY),
        (replace(PRESUMED, late_notes=LATE_NOTES_MAX), 1, timedelta(), NotTaken.TOO_MANY),
    ],
)
def test_whatever_is_beyond_that_is_not_taken(row: object, notes: int, later: timedelta, why: NotTaken) -> None:
    assert why_not_taken(row, notes, NOW + later) is why  # type: ignore[arg-type]


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=10**6), st.booleans())
def test_what_happened_happened_within_the_life_of_its_session(age: int, later: int, is_live: bool) -> None:
    row = replace(PRESUMED, state=SessionState.ACTIVE, ended=None) if is_live else PRESUMED
    now = NOW + timedelta(seconds=later)
    when = happened(row, now, age)
    assert OPENED <= when <= (now if is_live else NOW)
    said = now - timedelta(seconds=age)
    if OPENED <= said <= (now if is_live else NOW):
        assert when == said

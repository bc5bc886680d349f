"""A moment is written in one form, in UTC, that is read back."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from doorward.base.moment_text import moment_text


def test_a_moment_is_written_in_utc_to_the_second() -> None:
    east = datetime(2026, 1, 31, 14, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert moment_text(east) == "2026-01-31T12:00:00Z"


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC)))
def test_it_is_read_back_to_the_second(moment: datetime) -> None:
    assert datetime.fromisoformat(moment_text(moment)) == moment.replace(microsecond=0)

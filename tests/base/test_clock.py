"""Times are aware and in UTC, and survive being stored as integer microseconds."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.base.clock import EPOCH, ManualClock, SystemClock, from_micros, to_micros


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_round_trip(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment


@given(st.datetimes(timezones=st.just(UTC)), st.integers(min_value=-14, max_value=14))
def test_the_same_instant_in_another_zone_is_the_same_number(moment: datetime, hours: int) -> None:
    try:
        elsewhere = moment.astimezone(timezone(timedelta(hours=hours)))
    except OverflowError:  # the zone has no such day: year 1 or 9999
        return
    assert to_micros(elsewhere) == to_micros(moment)


def test_epoch_is_zero_and_a_second_a_million() -> None:
    assert to_micros(EPOCH) == 0
    assert to_micros(EPOCH + timedelta(seconds=1)) == 1_000_000
    assert to_micros(EPOCH - timedelta(microseconds=1)) == -1


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        to_micros(datetime(2026, 1, 1))


def test_elapsed_time_is_read_from_the_clock_that_counts_suspends(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def read(clock_id: int) -> float:
        asked.append(clock_id)
        return 7.5

    monkeypatch.setattr(time, "clock_gettime", read)
    monkeypatch.setattr(time, "monotonic", lambda: 1.0)
    assert SystemClock().elapsed_seconds() == 7.5
    assert asked == [time.CLOCK_BOOTTIME]


def test_system_clock_is_aware_and_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    readings = [clock.elapsed_seconds() for _ in range(100)]
    assert readings == sorted(readings)


def test_manual_clock_moves_only_when_told_to() -> None:
    clock = ManualClock()
    before = clock.now()
    assert clock.now() == before
    clock.advance(timedelta(seconds=90))
    assert clock.now() - before == timedelta(seconds=90)
    assert clock.elapsed_seconds() == 90.0


def test_setting_the_wall_clock_does_not_move_elapsed_time() -> None:
    clock = ManualClock()
    clock.set_wall(datetime(2020, 1, 1, tzinfo=UTC))
    assert clock.now() == datetime(2020, 1, 1, tzinfo=UTC)
    assert clock.elapsed_seconds() == 0.0

"""The only place that reads the machine's clocks.

Pure functions take `now`; things that wait or stamp take a `Clock`. Wall time is for what is signed, stored or
shown; elapsed time is for deadlines and counts suspends, so that a laptop's lid does not lengthen a session.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Clock(Protocol):
    """Wall time and elapsed time."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""
        ...

    def elapsed_seconds(self) -> float:
        """Seconds since some fixed instant; never goes back, counts suspends."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed_seconds(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)


class ManualClock:
    """A clock that moves only when told to; for tests and simulations."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def elapsed_seconds(self) -> float:
        return self._elapsed

    def advance(self, by: timedelta) -> None:
        """Move both clocks forward."""
        self._now += by
        self._elapsed += by.total_seconds()

    def set_wall(self, to: datetime) -> None:
        """Move the wall clock alone, as an administrator or NTP does."""
        self._now = to


def to_micros(moment: datetime) -> int:
    """Integer microseconds since 1970 UTC: how times are stored and hashed."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone has no place on the time line")
    return (moment - EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The inverse of `to_micros`."""
    return EPOCH + timedelta(microseconds=micros)

"""An authority whose wall clock fell behind its own log must not sign: certificates would begin in the past.

Small steps back (NTP) are tolerated; beyond them every opening and sign-in is refused until the clock has caught up.
"""

from typing import Final

from doorward.base.errors import Unavailable

BEHIND_MICROS_MAX: Final = 2_000_000


class ClockBehind(Unavailable):
    """The wall clock is behind the last entry of the log."""

    code = "clock_behind"


class ClockGuard:
    """Remembers the last look."""

    def __init__(self) -> None:
        self._behind_micros = 0

    def look(self, now_micros: int, last_entry_micros: int) -> None:
        """Note how far the clock is behind the log."""
        self._behind_micros = max(0, last_entry_micros - now_micros)

    def check(self) -> None:
        """`ClockBehind` unless the clock is fit to sign by."""
        if self._behind_micros > BEHIND_MICROS_MAX:
            seconds = self._behind_micros // 1_000_000
            raise ClockBehind(f"the authority's clock is {seconds} seconds behind its own log; nothing is signed")

"""Devices on which somebody has signed in before: a mark that is no factor, and opens nothing.

While an account is guessed at from everywhere, its owner's own device is still listened to: it shows a mark that only a
completed sign-in under that name was given. A mark is bound to the name and to one sign-in, and forgotten after half a
year; whoever steals it may guess as slowly as everybody else, in the count of that mark.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest, digest
from typing import Final

from doorward.base.ids import SignInId, is_id

KNOWN_FOR: Final = timedelta(days=180)
MARK_CHARACTERS_MAX: Final = 128
_PURPOSE: Final = b"doorward/known-device/v1\x00"


@dataclass(frozen=True, slots=True)
class KnownDevices:
    """Makes marks and reads them; without a master key there are none."""

    master: bytes = field(repr=False)

    def mark(self, user_name: str, sign_in_id: SignInId, now: datetime) -> str:
        """For the device of a sign-in that has just been completed; empty without a master key."""
        return self._mark(user_name, sign_in_id, f"{_day(now):x}") if self.master else ""

    def known(self, mark: str, user_name: str, now: datetime) -> str:
        """The sign-in of a mark that counts for this name now; empty when there is none."""
        sign_in_id, _, rest = mark[:MARK_CHARACTERS_MAX].partition(".")
        day, _, _ = rest.partition(".")
        if not self.master or not mark.isascii() or not is_id(sign_in_id):
            return ""
        if not compare_digest(self._mark(user_name, sign_in_id, day).encode(), mark.encode()):
            return ""
        return sign_in_id if _day(now) - int(day, 16) <= KNOWN_FOR.days else ""

    def _mark(self, user_name: str, sign_in_id: str, day: str) -> str:
        said = "\x00".join((user_name.lower(), sign_in_id, day)).encode()
        return f"{sign_in_id}.{day}.{digest(self.master, _PURPOSE + said, sha256).hex()}"


def _day(now: datetime) -> int:
    return int(now.timestamp() // timedelta(days=1).total_seconds())

"""What a local user proves: a password and a time-based code, with back-off after failures.

The TOTP secret is sealed by the signer and never opens outside it; what is stored here is the sealed text and the last
time step that was spent (the replay guard of RFC 6238 section 5.2).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from doorward.base.errors import Invalid
from doorward.base.ids import UserId

PASSWORD_CHARACTERS_MIN: Final = 12
PASSWORD_BYTES_MAX: Final = 256
FAILURES_FREE: Final = 3
BACK_OFF_FIRST: Final = timedelta(seconds=2)
BACK_OFF_MAX: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Password:
    """An argon2id hash in PHC string format."""

    user_id: UserId
    hash: str
    changed: datetime


@dataclass(frozen=True, slots=True)
class TotpFactor:
    """A second factor; `last_step` is the newest 30-second step that was accepted."""

    id: str
    user_id: UserId
    sealed: bytes
    last_step: int
    created: datetime
    enrolled_by: str
    confirmed: datetime | None = None


@dataclass(frozen=True, slots=True)
class FactorFailures:
    """Consecutive failures of one user's factors, counted at the authority."""

    user_id: UserId
    failures: int
    blocked_until: datetime | None

    def is_blocked(self, now: datetime) -> bool:
        """Whether tries are refused for now, right ones too."""
        return self.blocked_until is not None and now < self.blocked_until


@dataclass(frozen=True, slots=True)
class GivenFactor:
    """A second factor that a user gave at an address; `level` is the number of `access.levels.SecondFactor`."""

    user_id: UserId
    source: str
    level: int
    at: datetime


def after_failure(before: FactorFailures | None, user_id: UserId, now: datetime) -> FactorFailures:
    """One more failure: the wait doubles from the fourth on, up to a quarter of an hour."""
    count = (before.failures if before else 0) + 1
    if count <= FAILURES_FREE:
        return FactorFailures(user_id, count, None)
    exponent = min(count - FAILURES_FREE - 1, 20)
    return FactorFailures(user_id, count, now + min(BACK_OFF_FIRST * 2**exponent, BACK_OFF_MAX))


def checked_password(text: str) -> str:
    """`text` if it may become a password: length only (NIST SP 800-63B 5.1.1.2), `Invalid` otherwise."""
    if len(text) < PASSWORD_CHARACTERS_MIN:
        raise Invalid(f"choosing a password: at least {PASSWORD_CHARACTERS_MIN} characters")
    if len(text.encode()) > PASSWORD_BYTES_MAX:
        raise Invalid(f"choosing a password: at most {PASSWORD_BYTES_MAX} bytes")
    return text

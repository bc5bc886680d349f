"""How much one gateway may ask for, and one user through it: openings, faces, reports, recordings, failed proofs.

A gateway that keeps handing over proofs that do not hold is broken or taken over; after a handful in a minute it opens
nothing more for that minute, whoever stands in front of it, and the log says so once. Users are counted for each
gateway of their own: a bad gateway that shows a user's proof again and again shuts that user out at itself alone.

All of it is held in memory and bounded. What is over a limit is an `Unavailable`: honest callers wait and ask again.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Generic, TypeVar

from doorward.base.clock import Clock
from doorward.base.errors import Refused, Unavailable
from doorward.base.ids import GatewayId, UserId

FAILED_PROOFS_MAX: Final = 20
WINDOW_SECONDS: Final = 60.0
TOLD_EACH_SECONDS: Final = 60.0
"""Of what is refused, one event for each gateway, user and kind within this time."""
GATEWAYS_MAX: Final = 10_000
USERS_MAX: Final = 50_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` in the long run, `burst` at once."""

    per_second: float
    burst: float


class Work(Enum):
    """What a gateway asks for, as it is counted."""

    OPENINGS = "openings"
    FACES = "faces"
    NOTES = "notes"
    RECORDINGS = "recordings"


RATES: Final = {
    Work.OPENINGS: Rate(500, 1000),
    Work.FACES: Rate(200, 2000),  # names; a run over a thousand nodes by jump asks for as many faces
    Work.NOTES: Rate(4000, 20_000),  # events; below what one log takes in a second
    Work.RECORDINGS: Rate(1000, 4000),  # pieces of 256 KiB or less: 250 MiB a second
}
USER_CODES: Final = Rate(1, 30)
"""Codes of one user at one gateway: a person types fewer."""
GATEWAY_CODES: Final = Rate(20, 200)
"""The same of all its users. A wrong code costs the signer two checks of the hundred that it makes in a second."""
EXPIRED_TOLD: Final = Rate(20 / 60, 20)
USER_OPENINGS: Final = Rate(100, 500)
"""Sessions and jumps of one user at one gateway: more than any tool opens, and a fifth of what the gateway may."""
USER_NOTES: Final = Rate(1000, 8000)
"""Events of one user's sessions at one gateway: a quarter of what the gateway may, so that one user's flood leaves the
others their share. Beyond it the gateway holds that user's sessions back, and ends them when that does not help."""

GIB: Final = 1024**3
DAY_SECONDS: Final = 86_400
USER_RECORDED: Final = Rate(64 * GIB / DAY_SECONDS, 64 * GIB)
"""Bytes of recordings of one user at one gateway. What is beyond waits in that gateway's spool, where the quota of the
person ends sessions."""
GATEWAY_RECORDED: Final = Rate(1024 * GIB / DAY_SECONDS, 512 * GIB)
"""The same of all its users: a gateway that was taken over does not fill the disk in an hour."""


class RecordedTooMuch(Refused):
    """One user's recordings, or one gateway's, have had their share of the store; not `Unavailable`, since other
    recordings may be taken. `is_told` when the log has heard so within the last minute."""

    code = "recorded_too_much"

    def __init__(self, message: str, *, is_told: bool) -> None:
        super().__init__(message)
        self.is_told = is_told


class GatewayTooFast(Unavailable):
    """The gateway asks for more than one gateway may; `is_told` when the log has heard so within the last minute."""

    code = "gateway_too_fast"

    def __init__(self, message: str, *, is_told: bool = True) -> None:
        super().__init__(message)
        self.is_told = is_told


class UserTooFast(Unavailable):
    """One user asks for more than one user may; `is_told` when the log has heard so within the last minute."""

    code = "user_too_fast"

    def __init__(self, message: str, *, is_told: bool) -> None:
        super().__init__(message)
        self.is_told = is_told


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float
    told_at: float = float("-inf")

    def take(self, rate: Rate, now: float, count: int) -> bool:
        self.tokens = min(rate.burst, self.tokens + (now - self.filled_at) * rate.per_second)
        self.filled_at = now
        if self.tokens < min(count, rate.burst):
            return False
        self.tokens -= count
        return True

    def is_told(self, now: float) -> bool:
        """Whether it was told lately; it is from now on."""
        was_told = now - self.told_at < TOLD_EACH_SECONDS
        if not was_told:
            self.told_at = now
        return was_told


@dataclass(slots=True)
class _Failures:
    count: int = 0
    began: float = field(default=float("-inf"))


K = TypeVar("K", bound=Hashable)


class _Buckets(Generic[K]):
    """One for each key; the one that was used least lately is forgotten, and with it what its key had used up."""

    def __init__(self, keys_max: int) -> None:
        self._keys_max = keys_max
        self._held: OrderedDict[K, _Bucket] = OrderedDict()

    def of(self, key: K, rate: Rate, now: float) -> _Bucket:
        bucket = self._held.setdefault(key, _Bucket(rate.burst, now))
        self._held.move_to_end(key)
        if len(self._held) > self._keys_max:
            self._held.popitem(last=False)
        return bucket

    def __len__(self) -> int:
        return len(self._held)


class GatewayLimits:
    """One per authority process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._work: _Buckets[tuple[GatewayId, Work]] = _Buckets(GATEWAYS_MAX * len(Work))
        self._users: _Buckets[tuple[GatewayId, UserId]] = _Buckets(USERS_MAX)
        self._notes: _Buckets[tuple[GatewayId, UserId]] = _Buckets(USERS_MAX)
        self._recorded: _Buckets[tuple[GatewayId, UserId | None]] = _Buckets(USERS_MAX)
        self._codes: _Buckets[tuple[GatewayId, UserId | None]] = _Buckets(USERS_MAX)
        self._expired: _Buckets[GatewayId] = _Buckets(GATEWAYS_MAX)
        self._failures: dict[GatewayId, _Failures] = {}

    def check(self, gateway_id: GatewayId) -> None:
        """Take one opening, or `GatewayTooFast`."""
        now = self._clock.elapsed_seconds()
        failures = self._failures.get(gateway_id)
        if failures and failures.count >= FAILED_PROOFS_MAX and now - failures.began < WINDOW_SECONDS:
            raise GatewayTooFast("opening a session: this gateway handed over too many proofs that do not hold")
        self.take(gateway_id, Work.OPENINGS)

    def take(self, gateway_id: GatewayId, work: Work, count: int = 1) -> None:
        """Take `count` of what it may ask for, or `GatewayTooFast`."""
        now, rate = self._clock.elapsed_seconds(), RATES[work]
        bucket = self._work.of((gateway_id, work), rate, now)
        if not bucket.take(rate, now, count):
            message = f"serving a gateway: it asks for too many {work.value} at once"
            raise GatewayTooFast(message, is_told=bucket.is_told(now))

    def check_user(self, gateway_id: GatewayId, user_id: UserId) -> None:
        """Take one opening of a user who has proven who they are, or `UserTooFast`."""
        now = self._clock.elapsed_seconds()
        bucket = self._users.of((gateway_id, user_id), USER_OPENINGS, now)
        if not bucket.take(USER_OPENINGS, now, 1):
            message = "you open more at once than one user may; try again in a moment"
            raise UserTooFast(message, is_told=bucket.is_told(now))

    def take_notes(self, gateway_id: GatewayId, user_id: UserId, count: int) -> None:
        """Take `count` events of a user's sessions, or `UserTooFast`; then of the gateway's, or `GatewayTooFast`."""
        now = self._clock.elapsed_seconds()
        bucket = self._notes.of((gateway_id, user_id), USER_NOTES, now)
        if not bucket.take(USER_NOTES, now, count):
            message = "noting what happened in a session: its user's sessions tell of too much at once"
            raise UserTooFast(message, is_told=bucket.is_told(now))
        try:
            self.take(gateway_id, Work.NOTES, count)
        except GatewayTooFast:
            bucket.tokens += count  # the user has had nothing for it
            raise

    def take_recorded(self, gateway_id: GatewayId, user_id: UserId, size_bytes: int) -> None:
        """Take so many bytes of a user's share of the store and of the gateway's, or `RecordedTooMuch`."""
        now = self._clock.elapsed_seconds()
        own = self._recorded.of((gateway_id, user_id), USER_RECORDED, now)
        if not own.take(USER_RECORDED, now, size_bytes):
            message = "storing a recording: this user's recordings have had their share of the store for today"
            raise RecordedTooMuch(message, is_told=own.is_told(now))
        whole = self._recorded.of((gateway_id, None), GATEWAY_RECORDED, now)
        if not whole.take(GATEWAY_RECORDED, now, size_bytes):
            own.tokens += size_bytes
            message = "storing a recording: this gateway's recordings have had their share of the store for today"
            raise RecordedTooMuch(message, is_told=whole.is_told(now))

    def take_code(self, gateway_id: GatewayId, user_id: UserId) -> None:
        """Take one code that a user typed at a gateway, or `UserTooFast`: each costs the signer a check."""
        now = self._clock.elapsed_seconds()
        for key, rate in ((user_id, USER_CODES), (None, GATEWAY_CODES)):
            bucket = self._codes.of((gateway_id, key), rate, now)
            if not bucket.take(rate, now, 1):
                message = "too many codes at once; wait a moment and connect again"
                raise UserTooFast(message, is_told=bucket.is_told(now))

    def tells_of_expired(self, gateway_id: GatewayId) -> bool:
        """Whether the log still hears of a proof whose certificate ran out on its way: some a minute."""
        now = self._clock.elapsed_seconds()
        return self._expired.of(gateway_id, EXPIRED_TOLD, now).take(EXPIRED_TOLD, now, 1)

    def failed(self, gateway_id: GatewayId) -> bool:
        """A proof did not hold; True for the one that shuts the gateway out, so that it is told once."""
        now = self._clock.elapsed_seconds()
        if len(self._failures) >= GATEWAYS_MAX:
            self._failures.clear()
        failures = self._failures.setdefault(gateway_id, _Failures())
        if now - failures.began >= WINDOW_SECONDS:
            failures.began, failures.count = now, 0
        failures.count += 1
        return failures.count == FAILED_PROOFS_MAX

    @property
    def keys_held(self) -> int:
        """How many counts there are."""
        tables = (self._work, self._users, self._notes, self._recorded, self._codes, self._expired, self._failures)
        return sum(len(table) for table in tables)

"""How often the signer does each thing: token buckets with named limits.

They are generous for every real installation and tight for a thief: whoever takes over the authority can not harvest
certificates for every node at once without being held up and counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from doorward.api.signer import messages
from doorward.api.signer.refusals import RateExceeded
from doorward.base.clock import Clock


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` in the long run, `burst` at once."""

    per_second: float
    burst: int


USUAL_RATES: Final[Mapping[type[messages.Request], Rate]] = {
    messages.PublicKeys: Rate(200, 1_000),
    messages.Status: Rate(50, 200),
    messages.SignUserSsh: Rate(50, 2_000),  # Monday morning
    messages.IssueUserX509: Rate(50, 2_000),
    messages.SignSessionSsh: Rate(1_000, 5_000),  # three authority cores at 300 sessions a second
    messages.SignFaceHost: Rate(1_000, 5_000),
    messages.SignNodeHost: Rate(20, 500),
    messages.IssueGatewayX509: Rate(5, 100),
    messages.IssueAuthorityX509: Rate(1, 20),
    messages.SignCheckpoint: Rate(50, 200),
    messages.SignManifest: Rate(1_000, 5_000),  # every session that began also ends
    messages.EnrolTotp: Rate(20, 500),
    messages.CheckTotp: Rate(100, 1_000),
    messages.RotateKey: Rate(1 / 60, 12),  # all four authorities through their three steps
}


class RateLimits:
    """One bucket for each type of request."""

    def __init__(self, rates: Mapping[type[messages.Request], Rate], clock: Clock) -> None:
        self._clock = clock
        now = clock.elapsed_seconds()
        self._buckets = {kind: _Bucket(rate, now) for kind, rate in rates.items()}

    def spend(self, kind: type[messages.Request]) -> None:
        """Count one request of `kind`; `RateExceeded` when its bucket is empty. A type without a rate is refused."""
        bucket = self._buckets.get(kind)
        if bucket is None or not bucket.take(self._clock.elapsed_seconds()):
            raise RateExceeded("asking the signer: too many requests of this kind in too short a time")


class _Bucket:
    __slots__ = ("_filled", "_rate", "_tokens")

    def __init__(self, rate: Rate, now_seconds: float) -> None:
        self._rate = rate
        self._tokens = float(rate.burst)
        self._filled = now_seconds

    def take(self, now_seconds: float) -> bool:
        grown = max(0.0, now_seconds - self._filled) * self._rate.per_second
        self._tokens = min(float(self._rate.burst), self._tokens + grown)
        self._filled = now_seconds
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

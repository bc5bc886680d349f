"""How much one gateway may ask for: openings per second, and failed proofs per minute.

A gateway that keeps handing over proofs that do not hold is broken or taken over; after a handful in a minute it opens
nothing more for that minute, whoever stands in front of it, and the log says so once.
"""

from dataclasses import dataclass, field
from typing import Final

from doorward.base.clock import Clock
from doorward.base.errors import Unavailable
from doorward.base.ids import GatewayId

OPENINGS_PER_SECOND: Final = 500.0
OPENINGS_BURST: Final = 1000.0
FAILED_PROOFS_MAX: Final = 20
WINDOW_SECONDS: Final = 60.0
GATEWAYS_MAX: Final = 10_000


class GatewayTooFast(Unavailable):
    """The gateway asks for more than one gateway may."""

    code = "gateway_too_fast"


@dataclass(slots=True)
class _Count:
    tokens: float = OPENINGS_BURST
    filled_at: float = 0.0
    failed: int = 0
    window_began: float = field(default=float("-inf"))


class GatewayLimits:
    """One per authority process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: dict[GatewayId, _Count] = {}

    def check(self, gateway_id: GatewayId) -> None:
        """Take one opening, or `GatewayTooFast`."""
        now = self._clock.elapsed_seconds()
        count = self._of(gateway_id, now)
        if count.failed >= FAILED_PROOFS_MAX and now - count.window_began < WINDOW_SECONDS:
            raise GatewayTooFast("opening a session: this gateway handed over too many proofs that do not hold")
        count.tokens = min(OPENINGS_BURST, count.tokens + (now - count.filled_at) * OPENINGS_PER_SECOND)
        count.filled_at = now
        if count.tokens < 1:
            raise GatewayTooFast("opening a session: this gateway asks for too many at once")
        count.tokens -= 1

    def failed(self, gateway_id: GatewayId) -> bool:
        """A proof did not hold; True for the one that shuts the gateway out, so that it is told once."""
        now = self._clock.elapsed_seconds()
        count = self._of(gateway_id, now)
        if now - count.window_began >= WINDOW_SECONDS:
            count.window_began, count.failed = now, 0
        count.failed += 1
        return count.failed == FAILED_PROOFS_MAX

    def _of(self, gateway_id: GatewayId, now: float) -> _Count:
        if len(self._counts) >= GATEWAYS_MAX:
            self._counts.clear()
        return self._counts.setdefault(gateway_id, _Count(filled_at=now))

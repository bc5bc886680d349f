"""What the authority does by itself: each second leases and overdue sessions, each minute summaries, each day TLS.

A round may fail: the runner logs it and runs the next, which finds again what this one left undone.
"""

from typing import Final

from doorward.authority.checkpoints import sign_head
from doorward.authority.jobs.leases import Losses, end_overdue, look_at_leases
from doorward.authority.noting import note
from doorward.authority.ports import Transaction
from doorward.authority.services import Services
from doorward.authority.throttle import Summary
from doorward.base.clock import to_micros
from doorward.domain.audit.event import ANONYMOUS
from doorward.domain.audit.events_people import SIGN_IN_FAILED_SUMMARY

SECOND: Final = 1.0
MINUTE: Final = 60.0
DAY: Final = 86_400.0


class SessionRounds:
    """Leases that ran out, sessions that nobody will report on; writes only when there is something to write."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._noted: Losses = frozenset()

    async def round(self) -> None:
        """Once a second."""
        if not await self._services.store.read(lambda tx: bool(tx.sessions.live())):
            return
        noted = self._noted

        def work(tx: Transaction) -> tuple[int, Losses]:
            ended, lost = look_at_leases(tx, noted)
            return ended + end_overdue(tx), lost

        ended, self._noted = await self._services.store.write(work)
        if ended:
            self._services.bell.ring()


async def write_summaries(services: Services, *, everything: bool = False) -> None:
    """One event per source and minute for failed sign-ins."""
    summaries = services.throttle.take_summaries(everything=everything)
    if not summaries:
        return
    is_written = False
    try:
        await services.store.write(lambda tx: _summarise(tx, summaries))
        is_written = True
    finally:
        if not is_written:  # a store that is away must not cost what was counted; it is written at the next round
            services.throttle.put_back(summaries)


def _summarise(tx: Transaction, summaries: list[Summary]) -> None:
    for one in summaries:
        fields = {
            "attempts": one.attempts,
            "first_micros": to_micros(one.first),
            "last_micros": to_micros(one.last),
            "reasons": dict(one.reasons),
            "source": one.source,
            "names_sample": one.names,
        }
        note(tx, SIGN_IN_FAILED_SUMMARY, ANONYMOUS, fields)


async def sign_checkpoint(services: Services) -> None:
    """Once a minute, when the log has grown."""
    await sign_head(services)


async def watch_clock(services: Services) -> None:
    """Compare the wall clock with the log's last time: behind it, nothing is signed (see `ClockGuard`)."""
    head = await services.log.log_head()
    services.clock_guard.look(to_micros(services.clock.now()), head.last_at_micros)

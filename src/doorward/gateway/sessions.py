"""All live sessions of a gateway, its jump connections, and how far its sight of the authority reaches.

Cuts arrive on the watch stream and take effect at once; one for a session that is not known yet is remembered, and ends
it the moment it appears. Without a lease nothing new opens; what lives obeys its own obligations (security.md 7).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from enum import Enum
from typing import Final, Protocol

from doorward.api.bodies.gateway_calls import Cut, Lease, WatchMessage
from doorward.base.clock import Clock
from doorward.base.errors import Unavailable
from doorward.domain.sessions.states import EndReason
from doorward.gateway.jumps import JumpConnections

CUTS_REMEMBERED_MAX: Final = 65_536
WATCH_SILENCE_SECONDS: Final = 5.0
"""The watch stream speaks each second; silent for this long, it counts as lost."""
SESSIONS_MAX: Final = 10_000
UNTOLD_MAX: Final = 10_000
"""Ended sessions that wait to be told of, while the authority is away."""


class Sight(Enum):
    """The two ways in which a gateway sees the authority."""

    LEASE = "lease"
    WATCH = "watch"


class TooManySessions(Unavailable):
    """This gateway carries as many sessions as it may."""

    code = "too_many_sessions"


class Control:
    """Until when the authority is in sight; all times are elapsed seconds of the gateway's clock."""

    def __init__(self) -> None:
        self._until = {Sight.LEASE: float("-inf"), Sight.WATCH: float("-inf")}

    def seen(self, sight: Sight, until: float) -> None:
        """In sight until then, if nothing more is heard."""
        self._until[sight] = until

    def has(self, sight: Sight, now: float) -> bool:
        """Whether it is in sight."""
        return now < self._until[sight]

    def rest_seconds(self, sight: Sight, now: float) -> float:
        """How long it stays in sight, if nothing more is heard."""
        return max(0.0, self._until[sight] - now)

    def is_over(self, sight: Sight, now: float, rest_seconds: float) -> bool:
        """Whether it has been out of sight for longer than a session may go on."""
        return now >= self._until[sight] + rest_seconds


class Live(Protocol):
    """One live session."""

    @property
    def id(self) -> str: ...
    def tick(self, now: float, control: Control) -> None: ...
    def end(self, reason: EndReason, line: str) -> None: ...


class Sessions:
    """The registry; everything in it happens on the event loop's thread."""

    def __init__(self, clock: Clock, sessions_max: int = SESSIONS_MAX) -> None:
        self._clock = clock
        self._sessions_max = sessions_max
        self._live: dict[str, Live] = {}
        self._cuts: OrderedDict[str, Cut] = OrderedDict()
        self._untold: OrderedDict[str, None] = OrderedDict()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._sighted = asyncio.Event()
        self.control: Final = Control()
        self.jumps: Final = JumpConnections()
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._live)

    def ids(self) -> list[str]:
        """The ids of all live sessions."""
        return list(self._live)

    def ids_for_lease(self) -> list[str]:
        """Those, and the ones whose end the authority has not taken yet.

        Left out of a lease, these would be held lost, and what is still to be told of them would not be taken.
        """
        return [*self._live, *self._untold]

    def may_open(self) -> bool:
        """Whether the authority is in sight, both ways."""
        now = self._clock.elapsed_seconds()
        return self.control.has(Sight.LEASE, now) and self.control.has(Sight.WATCH, now)

    def lease_seconds(self) -> float:
        """How long the lease lasts unless it is renewed."""
        return self.control.rest_seconds(Sight.LEASE, self._clock.elapsed_seconds())

    async def sighted(self) -> None:
        """Wait until the authority has been in sight both ways, for the first time."""
        await self._sighted.wait()

    def room(self) -> None:
        """`TooManySessions` when there is no room for one more session, or jump connection."""
        if len(self._live) + len(self.jumps) >= self._sessions_max:
            raise TooManySessions("opening a session: this gateway is full; try again in a moment")

    def add(self, session: Live) -> None:
        """From now on cuts and deadlines reach it; one that was cut already ends here."""
        self._live[session.id] = session
        cut = self._cuts.get(session.id)
        if cut is not None:
            session.end(reason_of(cut), cut.message)

    def remove(self, session_id: str) -> None:
        """It is over; `told` follows when the authority knows."""
        self._live.pop(session_id, None)
        self._untold[session_id] = None
        while len(self._untold) > UNTOLD_MAX:
            self._untold.popitem(last=False)

    def told(self, session_id: str) -> None:
        """The authority has taken its end."""
        self._untold.pop(session_id, None)

    async def reached(self, epoch: int) -> None:
        """Wait until everything up to `epoch` has been heard."""
        if self.epoch >= epoch:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (epoch, waiter)
        self._waiting.append(entry)
        try:
            await waiter
        finally:
            self._waiting.remove(entry)

    def heard(self, message: WatchMessage) -> None:
        """One message of the watch stream: its cuts first, then its epoch."""
        for cut in message.cuts:
            self._cut(cut)
        for jump_cut in message.jump_cuts:
            self.jumps.cut(jump_cut)
        self.control.seen(Sight.WATCH, self._clock.elapsed_seconds() + WATCH_SILENCE_SECONDS)
        self._look()
        self.epoch = max(self.epoch, message.epoch)
        for epoch, waiter in self._waiting:
            if epoch <= self.epoch and not waiter.done():
                waiter.set_result(None)

    def leased(self, lease: Lease, asked_at: float) -> None:
        """The lease was renewed; it runs from when it was asked for."""
        self.control.seen(Sight.LEASE, asked_at + lease.remaining_seconds)
        self._look()
        for session_id in lease.unknown:
            if session := self._live.get(session_id):
                session.end(EndReason.GATEWAY_LOST, "doorward: the authority says that this session has ended")
        self.jumps.end(lease.unknown_jumps, "the authority holds this connection ended; connect again")

    def tick(self) -> None:
        """Look at every session's deadlines."""
        now = self._clock.elapsed_seconds()
        for session in tuple(self._live.values()):
            session.tick(now, self.control)
        self.jumps.tick(now)

    def end_all(self, reason: EndReason, line: str) -> None:
        """The gateway goes away."""
        for session in tuple(self._live.values()):
            session.end(reason, line)
        self.jumps.end(self.jumps.ids(), line)

    def live(self) -> Iterable[Live]:
        """The sessions."""
        return tuple(self._live.values())

    def _look(self) -> None:
        if self.may_open():
            self._sighted.set()

    def _cut(self, cut: Cut) -> None:
        self._cuts[cut.session_id] = cut
        self._cuts.move_to_end(cut.session_id)
        while len(self._cuts) > CUTS_REMEMBERED_MAX:
            self._cuts.popitem(last=False)
        if session := self._live.get(cut.session_id):
            session.end(reason_of(cut), cut.message)


def reason_of(cut: Cut) -> EndReason:
    """The closed reason of a cut; one that we do not know ends the session all the same."""
    try:
        return EndReason(cut.reason)
    except ValueError:
        return EndReason.REVOKED

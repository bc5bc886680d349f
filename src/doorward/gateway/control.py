"""Keeps a gateway in touch with its authority: lease, watch stream, trust, deadlines.

Each loop runs under `net.supervise`: an authority that is away makes it fail and come back, and meanwhile `Sessions`
sees its sight run out.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from doorward.api.bodies.gateway_calls import WatchMessage
from doorward.base.clock import Clock
from doorward.base.errors import Unavailable
from doorward.gateway.parts import GatewayParts
from doorward.gateway.ports import ControlPlane
from doorward.gateway.sessions import WATCH_SILENCE_SECONDS, Sessions

LEASE_EVERY_SECONDS: Final = 2.0
LEASE_ANSWER_SECONDS: Final = 5.0
TICK_SECONDS: Final = 0.2
TRUST_EVERY_SECONDS: Final = 30.0


async def keep_lease(control_plane: ControlPlane, sessions: Sessions, clock: Clock) -> None:
    """Renew the lease until an error."""
    while True:
        asked_at = clock.elapsed_seconds()
        async with asyncio.timeout(LEASE_ANSWER_SECONDS):
            lease = await control_plane.renew_lease(sessions.ids_for_lease(), sessions.jumps.ids())
        sessions.leased(lease, asked_at)
        await asyncio.sleep(LEASE_EVERY_SECONDS)


async def keep_watch(control_plane: ControlPlane, sessions: Sessions, hear_trust: Callable[[str], None]) -> None:
    """Listen to the watch stream until it ends or falls silent; then `Unavailable`.

    `hear_trust` is told with each message which trust holds at the authority.
    """
    stream = aiter(control_plane.watch(sessions.epoch))
    while True:
        async with asyncio.timeout(WATCH_SILENCE_SECONDS):
            message: WatchMessage | None = await anext(stream, None)
        if message is None:
            raise Unavailable("watching: the authority closed the stream")
        sessions.heard(message)
        hear_trust(message.trust)


class TrustKeeper:
    """Asks for the trust anew each `TRUST_EVERY_SECONDS`, and at once when the authority names another than ours."""

    def __init__(self, parts: GatewayParts) -> None:
        self._parts = parts
        self._is_other = asyncio.Event()

    def hear(self, trust: str) -> None:
        """What the watch stream says that holds."""
        if trust != self._parts.trust.trust:
            self._is_other.set()

    async def keep(self) -> None:
        """Until an error."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TRUST_EVERY_SECONDS):
                    await self._is_other.wait()
            self._is_other.clear()
            self._parts.trust = await self._parts.control_plane.trust()


async def keep_time(sessions: Sessions) -> None:
    """Look at all deadlines, for ever."""
    while True:
        sessions.tick()
        await asyncio.sleep(TICK_SECONDS)

"""Ships recordings from the spool to the authority: live ones a little each second, sealed ones as fast as it goes.

Only synced bytes leave, so that after a loss of power the authority never holds more than the spool. The sink is
idempotent by offset: after a restart an empty append asks where to go on. A recording leaves the spool when the
authority has acknowledged its seal.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from doorward.api.bodies.gateway_calls import CONTENT_BYTES_MAX
from doorward.api.problem import code_of
from doorward.base.clock import Clock
from doorward.base.errors import Conflict, DoorwardError, Unavailable
from doorward.domain.recording.manifest import Manifest
from doorward.gateway.recorder.spool import Spool

LIVE_CHUNK_BYTES: Final = 256 * 1024
SEALED_CHUNK_BYTES: Final = 1024 * 1024
LIVE_BYTES_PER_ROUND: Final = 8 * 1024 * 1024  # of all live recordings together, so that sessions keep the line
WHOLE_BYTES_MAX: Final = CONTENT_BYTES_MAX  # what goes together with its seal: most recordings are small
ROUND_SECONDS: Final = 1.0
BACKOFF_SECONDS_MAX: Final = 30.0
REFUSED_SECONDS: Final = 60.0  # until what the authority did not want is offered again
STORE_FULL: Final = "recording_store_full"
"""There is no room for this one; a shorter one, or one that needs only its seal, may still be taken."""


class RecordingSink(Protocol):
    """The authority's side. `Conflict`: the offset is beyond what it holds; `Unavailable`: try later."""

    async def append(self, session_id: str, offset: int, data: bytes) -> int:
        """Store bytes at `offset`; what is held from there on is skipped. The size afterwards; data may be empty."""
        ...

    async def seal(self, session_id: str, manifest: Manifest, content: bytes | None) -> None:
        """The recording is whole; returning means that it is verified and durable. Safe to repeat.

        `content` is all of a small one, of which any part may be held already; None when all was appended.
        """
        ...


class Shipper:
    """One for a spool; `run` is a task of the gateway's task group."""

    def __init__(
        self, spool: Spool, sink: RecordingSink, clock: Clock, on_problem: Callable[[str, DoorwardError], None]
    ) -> None:
        """`on_problem` gets the session id, or an empty text for the spool itself."""
        self._spool = spool
        self._sink = sink
        self._clock = clock
        self._on_problem = on_problem
        self._offsets: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        self._turn = 0

    async def run(self) -> None:
        """Ship until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rounds(self.ship_live), name="ship live recordings")
            tasks.create_task(self._rounds(self.ship_sealed), name="ship sealed recordings")

    async def ship_live(self) -> None:
        """One round over what is being recorded; `Unavailable` when the authority does not answer."""
        self._spool.look()
        left = LIVE_BYTES_PER_ROUND
        recorders = list(self._spool.live())
        self._turn += 1
        for index in range(len(recorders)):
            recorder = recorders[(index + self._turn) % len(recorders)]
            if left <= 0:
                return
            if self._is_due(recorder.session_id):
                try:
                    left -= await self._ship(recorder.session_id, recorder.synced_bytes, LIVE_CHUNK_BYTES, left)
                except DoorwardError as error:
                    if isinstance(error, Unavailable) and code_of(error) != STORE_FULL:
                        raise
                    self._put_off(recorder.session_id, error)

    async def ship_sealed(self) -> None:
        """Everything that is sealed, oldest name first; `Unavailable` when the authority does not answer."""
        for session_id in await self._spool.sealed():
            if self._is_due(session_id):
                try:
                    await self._ship_whole(session_id)
                except DoorwardError as error:
                    if isinstance(error, Unavailable) and code_of(error) != STORE_FULL:
                        raise
                    self._put_off(session_id, error)

    async def _ship_whole(self, session_id: str) -> None:
        manifest, content = await self._spool.sealed_with_content(session_id, WHOLE_BYTES_MAX)
        if content is None:
            await self._ship(session_id, manifest.size_bytes, SEALED_CHUNK_BYTES, manifest.size_bytes + 1)
        await self._sink.seal(session_id, manifest, content)
        await self._spool.forget(session_id)
        self._offsets.pop(session_id, None)
        self._not_before.pop(session_id, None)

    async def _ship(self, session_id: str, until: int, chunk_bytes: int, bytes_max: int) -> int:
        """Send from where the authority is up to `until`, about `bytes_max` at most; how many bytes were sent."""
        if session_id not in self._offsets:
            self._offsets[session_id] = await self._sink.append(session_id, 0, b"")
        sent = 0
        while (offset := self._offsets[session_id]) < until and sent < bytes_max:
            data = await self._spool.read(session_id, offset, min(chunk_bytes, until - offset))
            if not data:
                break
            try:
                self._offsets[session_id] = await self._sink.append(session_id, offset, data)
            except Conflict:  # the authority lost what it had not promised to keep
                self._offsets[session_id] = await self._sink.append(session_id, 0, b"")
            sent += len(data)
        return sent

    def _is_due(self, session_id: str) -> bool:
        return self._clock.elapsed_seconds() >= self._not_before.get(session_id, 0.0)

    def _put_off(self, session_id: str, error: DoorwardError) -> None:
        self._offsets.pop(session_id, None)
        self._not_before[session_id] = self._clock.elapsed_seconds() + REFUSED_SECONDS
        self._on_problem(session_id, error)

    async def _rounds(self, ship: Callable[[], Awaitable[None]]) -> None:
        backoff = ROUND_SECONDS
        while True:
            try:
                await ship()
                backoff = ROUND_SECONDS
            except DoorwardError as error:
                if not isinstance(error, Unavailable):
                    self._on_problem("", error)
                backoff = min(backoff * 2, BACKOFF_SECONDS_MAX)
            await asyncio.sleep(backoff)

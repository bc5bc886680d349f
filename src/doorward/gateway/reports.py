"""Tells the authority what became of a session: started, noted, ended; in that order, each until it was taken.

The end is reported exactly once on every path. While the authority is away, reports wait in memory and are tried again;
notes that would pile up beyond a limit end their session instead of going missing. Each says how long ago it happened
when it could not be told at once. A report waits a moment for what follows, since most sessions are short and a call
costs more than what it says.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from doorward.api.bodies.gateway_calls import (
    AGE_SECONDS_MAX,
    NOTES_MAX,
    Note,
    SessionEnded,
    SessionReport,
    SessionStarted,
)
from doorward.base.clock import Clock
from doorward.base.errors import DoorwardError, Invalid, Unavailable
from doorward.gateway.ports import ControlPlane
from doorward.net.supervise import Tasks

NOTES_PENDING_MAX: Final = 2048
NOTES_CLOSING_MAX: Final = 256
"""Kept beyond that, of a session that ends because of it: how its streams ended."""
NOTES_PRESSED: Final = 512
"""With so many notes pending, whoever can cause any number of them is made to wait."""
REPORT_BYTES_MAX: Final = 1024 * 1024
"""What one report carries of notes, as they are encoded; the authority takes bodies of eight times that."""
LINGER_SECONDS: Final = 0.1
"""How long a report waits for the next one; an end waits for nothing."""
RETRY_SECONDS_MIN: Final = 0.2
RETRY_SECONDS_MAX: Final = 15.0
REFUSED_NOTES_MAX: Final = 64
"""Refusals noted one by one; beyond this they are only counted, since a client can ask as fast as it likes."""


T = TypeVar("T", SessionStarted, Note, SessionEnded)


@dataclass(frozen=True, slots=True)
class _Told(Generic[T]):
    """What is to be told, and when it happened on the clock that counts suspends."""

    what: T
    at: float

    def now(self, clock: Clock) -> T:
        """As it is told now."""
        age_seconds = min(int(clock.elapsed_seconds() - self.at), AGE_SECONDS_MAX)
        return msgspec.structs.replace(self.what, age_seconds=age_seconds) if age_seconds > 0 else self.what


@dataclass(frozen=True, slots=True)
class _Batch:
    """One report to be; `first` is the number of the first note."""

    started: _Told[SessionStarted] | None = None
    notes: tuple[_Told[Note], ...] = ()
    ended: _Told[SessionEnded] | None = None
    first: int = 1

    def report(self, clock: Clock) -> SessionReport:
        """As it is told now."""
        return SessionReport(
            started=None if self.started is None else self.started.now(clock),
            notes=[one.now(clock) for one in self.notes],
            ended=None if self.ended is None else self.ended.now(clock),
            first_note=self.first,
        )


@dataclass(frozen=True, slots=True)
class Outlet:
    """What the reports of all sessions of a gateway share."""

    control_plane: ControlPlane
    tasks: Tasks
    clock: Clock


class SessionReports:
    """One session's outbox. `on_overflow` is called when notes can no longer be kept, or are not taken; the session
    must end. `on_told` is called once the end was taken.
    """

    def __init__(
        self,
        session_id: str,
        outlet: Outlet,
        on_overflow: Callable[[], None],
        on_told: Callable[[], None] = lambda: None,
    ) -> None:
        self._session_id = session_id
        self._control_plane = outlet.control_plane
        self._tasks = outlet.tasks
        self._clock = outlet.clock
        self._on_overflow = on_overflow
        self._on_told = on_told
        self._started: _Told[SessionStarted] | None = None
        self._notes: list[_Told[Note]] = []
        self._first = 1
        """The number of the first of these."""
        self._ended: _Told[SessionEnded] | None = None
        self._was_ended = False
        self._is_sending = False
        self._refusals = 0
        self._lost = 0
        self._has_room = asyncio.Event()
        self._is_due = asyncio.Event()

    @property
    def is_pressed(self) -> bool:
        """Whether notes come faster than the authority takes them."""
        return len(self._notes) >= NOTES_PRESSED

    async def room(self) -> None:
        """Wait until most notes were taken."""
        self._has_room.clear()
        if self.is_pressed:
            await self._has_room.wait()

    @property
    def refusals_unnoted(self) -> int:
        """How many refusals were counted and not noted."""
        return max(0, self._refusals - REFUSED_NOTES_MAX)

    @property
    def notes_lost(self) -> int:
        """How many could not be kept, though the session was told to end before."""
        return self._lost

    def started(self, started: SessionStarted) -> None:
        """The node let us in."""
        self._started = _Told(started, self._clock.elapsed_seconds())
        self._send()

    def note(self, note: Note) -> None:
        """One audit event of this session."""
        if self._was_ended:
            return
        is_full = len(self._notes) >= NOTES_PENDING_MAX
        if len(self._notes) < NOTES_PENDING_MAX + NOTES_CLOSING_MAX:
            self._notes.append(_Told(note, self._clock.elapsed_seconds()))
            self._send()
        else:
            self._lost += 1
        if is_full:
            self._on_overflow()

    def refusal(self, note: Note) -> None:
        """An audit event of which a client can cause any number."""
        self._refusals += 1
        if self._refusals <= REFUSED_NOTES_MAX:
            self.note(note)

    def ended(self, ended: SessionEnded) -> None:
        """It is over; the first call counts."""
        if not self._was_ended:
            self._was_ended = True
            self._ended = _Told(ended, self._clock.elapsed_seconds())
            self._send()

    def _send(self) -> None:
        if self._ended is not None or len(self._notes) >= NOTES_MAX:
            self._is_due.set()
        if not self._is_sending:
            self._is_sending = True
            self._tasks.spawn(self._run(), f"report session {self._session_id}")

    async def _run(self) -> None:
        try:
            while self._started is not None or self._notes or self._ended is not None:
                await self._linger()
                await self._next()
        finally:
            self._is_sending = False

    async def _linger(self) -> None:
        if self._ended is None and len(self._notes) < NOTES_MAX:
            self._is_due.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._is_due.wait()

    async def _next(self) -> None:
        started, self._started = self._started, None
        count = self._fitting()
        notes, self._notes = tuple(self._notes[:count]), self._notes[count:]
        first, self._first = self._first, self._first + count
        ended = None
        if not self._notes:  # the end comes with the last of what is noted
            ended, self._ended = self._ended, None
        refusal = await self._deliver(_Batch(started, notes, ended, first))
        if refusal is not None and notes:
            # Whatever is wrong with one note costs neither the others nor start and end.
            if started is not None:
                await self._deliver(_Batch(started))
            await self._notes_apart(notes, first)
            if ended is not None:
                refusal = await self._deliver(_Batch(ended=ended))
        if ended is not None:
            if refusal is not None:
                self._tasks.report(f"tell the end of session {self._session_id}", refusal)
            self._on_told()
        if not self.is_pressed:
            self._has_room.set()

    def _fitting(self) -> int:
        """How many notes go into the next report: a user chooses how long a path or a command is."""
        size = 0
        for count, note in enumerate(self._notes[:NOTES_MAX]):
            size += len(msgspec.json.encode(note.what))
            if size > REPORT_BYTES_MAX:
                return max(1, count)
        return min(len(self._notes), NOTES_MAX)

    async def _notes_apart(self, notes: tuple[_Told[Note], ...], first: int) -> None:
        refusal = await self._deliver(_Batch(notes=notes, first=first))
        if refusal is None:
            return
        if len(notes) == 1 or not isinstance(refusal, Invalid):
            # Not understood, or nothing of this session is taken any more: what can not be noted may not go on.
            self._tasks.report(f"note {len(notes)} events of session {self._session_id}", refusal)
            self._on_overflow()
            return
        middle = len(notes) // 2
        await self._notes_apart(notes[:middle], first)
        await self._notes_apart(notes[middle:], first + middle)

    async def _deliver(self, batch: _Batch) -> DoorwardError | None:
        """Until the authority has taken it, or has said why it never will."""
        wait_seconds = RETRY_SECONDS_MIN
        while True:
            try:
                await self._control_plane.report_session(self._session_id, batch.report(self._clock))
            except Unavailable:
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(wait_seconds * 2, RETRY_SECONDS_MAX)
            except DoorwardError as refusal:
                return refusal
            else:
                return None

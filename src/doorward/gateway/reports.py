"""Tells the authority what became of a session: started, noted, ended; in that order, each until it was taken.

The end is reported exactly once on every path. While the authority is away, reports wait in memory and are tried again;
notes that would pile up beyond a limit end their session instead of going missing. Each says how long ago it happened
when it could not be told at once. A report waits a moment for what follows, since most sessions are short and a call
costs more than what it says.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
from doorward.api.problem import code_of
from doorward.base.clock import Clock
from doorward.base.errors import DoorwardError, Invalid, Unavailable
from doorward.gateway.ports import ControlPlane
from doorward.gateway.refusals import Refusals
from doorward.gateway.turns import Turns
from doorward.net.supervise import Tasks

NOTES_PENDING_MAX: Final = 2048
NOTES_BYTES_MAX: Final = 16 * 1024 * 1024
"""The same in bytes, as they are encoded: a user chooses how long a path or a command is."""
NOTES_CLOSING_MAX: Final = 256
"""Kept beyond that, of a session that ends because of it: how its streams ended."""
NOTES_PRESSED: Final = 512
NOTES_PRESSED_BYTES: Final = 1024 * 1024
"""With so many notes pending, or so many bytes of them, whoever can cause any number of them is made to wait."""
REPORT_BYTES_MAX: Final = 1024 * 1024
"""What one report carries of notes, as they are encoded; the authority takes bodies of eight times that."""
LINGER_SECONDS: Final = 0.1
"""How long a report waits for the next one; an end waits for nothing."""
RETRY_SECONDS_MIN: Final = 0.2
RETRY_SECONDS_MAX: Final = 15.0
TOO_FAST_SECONDS: Final = 0.1
"""When the gateway as a whole tells of too much: who has the turn keeps it, and the others stay in their order."""
_GATEWAY_TOO_FAST: Final = "gateway_too_fast"


T = TypeVar("T", SessionStarted, Note, SessionEnded)


@dataclass(frozen=True, slots=True)
class _Told(Generic[T]):
    """What is to be told, and when it happened on the clock that counts suspends."""

    what: T
    at: float
    size_bytes: int = 0

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
    turns: Turns = field(default_factory=Turns)


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
        *,
        user_id: str = "",
    ) -> None:
        self._session_id = session_id
        self._control_plane = outlet.control_plane
        self._tasks = outlet.tasks
        self._clock = outlet.clock
        self._turns = outlet.turns
        self._user = user_id or session_id
        self._on_overflow = on_overflow
        self._on_told = on_told
        self._started: _Told[SessionStarted] | None = None
        self._notes: list[_Told[Note]] = []
        self._first = 1
        """The number of the first of these."""
        self._ended: _Told[SessionEnded] | None = None
        self._was_ended = False
        self._is_sending = False
        self._refusals = Refusals(outlet.clock.elapsed_seconds())
        self._bytes = 0
        self._beyond = 0
        self._lost = 0
        self._has_room = asyncio.Event()
        self._is_due = asyncio.Event()

    @property
    def is_pressed(self) -> bool:
        """Whether notes come faster than the authority takes them."""
        return len(self._notes) >= NOTES_PRESSED or self._bytes >= NOTES_PRESSED_BYTES

    async def room(self) -> None:
        """Wait until most notes were taken."""
        self._has_room.clear()
        if self.is_pressed:
            await self._has_room.wait()

    @property
    def refusals_unnoted(self) -> int:
        """How many refusals were counted and not noted."""
        return self._refusals.unnoted

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
        told = _Told(note, self._clock.elapsed_seconds(), len(msgspec.json.encode(note)))
        is_full = len(self._notes) >= NOTES_PENDING_MAX or self._bytes + told.size_bytes > NOTES_BYTES_MAX
        self._beyond += is_full
        if not is_full or self._beyond <= NOTES_CLOSING_MAX:
            self._notes.append(told)
            self._bytes += told.size_bytes
            self._send()
        else:
            self._lost += 1
        if is_full:
            self._on_overflow()

    def refusal(self, note: Note) -> None:
        """An audit event of which a client can cause any number; it may only be counted."""
        if self._refusals.is_noted(note, self._clock.elapsed_seconds()):
            self.note(note)

    def count_refusals(self, *, is_last: bool = False) -> None:
        """Tell how many were only counted, when it is time for it."""
        counted = self._refusals.count(self._clock.elapsed_seconds(), is_last=is_last)
        if counted is not None:
            self.note(counted)

    def ended(self, ended: SessionEnded) -> None:
        """It is over; the first call counts."""
        if not self._was_ended:
            self.count_refusals(is_last=True)
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
        self._bytes -= sum(one.size_bytes for one in notes)
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
            size += note.size_bytes
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
            refusal = await self._offer(batch)
            if not isinstance(refusal, Unavailable):
                return refusal
            if batch.started is not None and batch.notes:
                # That it has started waits for no event: whoever is slow to tell of one would count as never started.
                await self._deliver(_Batch(batch.started))
                batch = replace(batch, started=None)
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 2, RETRY_SECONDS_MAX)

    async def _offer(self, batch: _Batch) -> DoorwardError | None:
        """Once, when it is this user's turn."""
        async with self._turns.of(self._user):
            while True:
                try:
                    await self._control_plane.report_session(self._session_id, batch.report(self._clock))
                except DoorwardError as refusal:
                    if code_of(refusal) != _GATEWAY_TOO_FAST:
                        return refusal
                    await asyncio.sleep(TOO_FAST_SECONDS)
                else:
                    return None

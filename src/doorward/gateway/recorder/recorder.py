"""The recorder of one session: when a call returns, what it was given is stored.

That is promise 5: a caller forwards bytes only after the call that stored them has returned. "Stored" means that the
system took the write; each second it is synced to the disk by `syncer.py`. A recorder that failed once fails for ever,
and says so to every caller; after a quota was reached, closing frames still find room.
"""

import asyncio
import errno
from collections.abc import Callable, Sequence
from typing import Final

from doorward.base.clock import Clock
from doorward.base.errors import Invalid
from doorward.domain.recording.container import FRAME_OVERHEAD_BYTES, PREAMBLE, encode_body, frame_parts, pieces
from doorward.domain.recording.frames import (
    PAYLOAD_BYTES_MAX,
    SESSION_STREAM,
    TYPES,
    Body,
    Exited,
    FrameType,
    Header,
    Note,
    Resized,
    Signalled,
    StreamClosed,
    StreamOpened,
)
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.domain.recording.reader import OPEN_STREAMS_MAX
from doorward.domain.recording.tally import Tally
from doorward.gateway.recorder.budget import CLOSING_BYTES, Account, Budget
from doorward.gateway.recorder.failures import QuotaReached, RecorderFailed
from doorward.gateway.recorder.files import Buffer, SpoolFile
from doorward.gateway.recorder.sealing import end_frame

_MICROS: Final = 1_000_000
# Reading of channels is held when `unsynced_bytes_max` waits; requests come all the same, up to so many times that.
OVERRUN: Final = 2


class Recorder:
    """Made by `Spool.open`. Synchronous but for `room`; belongs to the event loop's thread.

    `on_failure` is called when the recorder fails outside a call: a sync that failed or stalled, or a quota of which
    this recording holds most.
    """

    __slots__ = (
        "_account", "_budget", "_clock", "_closing", "_covered_bytes", "_dirty_since_micros", "_kept", "_kick",
        "_next_stream", "_on_failure", "_open_streams", "_started_seconds", "_synced", "_syncing_since_micros",
        "failure", "file", "session_id", "size_bytes", "synced_bytes", "tally",
    )  # fmt: skip

    def __init__(
        self,
        header: Header,
        file: SpoolFile,
        *,
        account: Account,
        budget: Budget,
        clock: Clock,
        on_failure: Callable[[RecorderFailed], None],
        kick: Callable[[], None],
    ) -> None:
        self.session_id: Final = header.session_id
        self.file: Final = file
        self._account = account
        self._budget = budget
        self._clock = clock
        self._on_failure = on_failure
        self._kick = kick  # asks for a sync now
        self._started_seconds = clock.elapsed_seconds()
        self.tally: Final = Tally()
        self._next_stream = SESSION_STREAM + 1
        self._open_streams = 0
        self._kept: dict[int, int] = {}  # bytes that streams keep for closing notes
        self._synced: asyncio.Event | None = None  # set when a sync came back
        self._dirty_since_micros: int | None = None
        self._syncing_since_micros: int | None = None
        self._covered_bytes = 0
        self.size_bytes = 0
        self.synced_bytes = 0
        self.failure: RecorderFailed | None = None
        self._closing = False
        self._write([PREAMBLE], len(PREAMBLE), 0)
        self._body(SESSION_STREAM, header)

    def open_stream(
        self,
        kind: StreamKind,
        level: RecordingLevel,
        *,
        command: bytes = b"",
        destination: str = "",
        term: str = "",
        columns: int = 0,
        rows: int = 0,
    ) -> int:
        """Store that a stream begins; its number, for the other calls."""
        if self._open_streams >= OPEN_STREAMS_MAX:
            raise QuotaReached("recording a session: it has too many open streams")
        number = self._next_stream
        text = term.encode("utf-8", "backslashreplace").decode()
        opened = StreamOpened(kind, level.text, command, destination, text, columns, rows)
        self._body(number, opened, promised_bytes=CLOSING_BYTES)
        self._next_stream += 1
        self._open_streams += 1
        return number

    def output(self, stream: int, data: Buffer) -> None:
        """Store what the resource sent."""
        self._content(FrameType.OUTPUT, stream, data)

    def error_output(self, stream: int, data: Buffer) -> None:
        """Store what the resource sent as error output."""
        self._content(FrameType.ERROR_OUTPUT, stream, data)

    def input(self, stream: int, data: Buffer) -> None:
        """Store what the user sent."""
        self._content(FrameType.INPUT, stream, data)

    def resized(self, stream: int, columns: int, rows: int) -> None:
        """Store the terminal's new size."""
        self._event(stream, Resized(columns, rows))

    def signalled(self, stream: int, name: str) -> None:
        """Store a signal of the user, named without SIG."""
        self._event(stream, Signalled(name))

    def exited(self, stream: int, exited: Exited) -> None:
        """Store how the command ended."""
        self._event(stream, exited, is_closing=True)

    def keep_room(self, stream: int, size_bytes: int) -> None:
        """Keep so much for closing notes of an open stream, in place of what it kept; `QuotaReached` without room.

        Call it for more before what makes more due, and for less after the notes that used it.
        """
        more = size_bytes - self._kept.get(stream, 0)
        if more > 0:
            self._budget.take(self._account, 0, more)
        self._kept[stream] = size_bytes
        if more < 0:
            self._give_back()

    def note(self, stream: int, note: Note, *, is_closing: bool = False) -> None:
        """Store something that happened beside the bytes; stream 0 is the session."""
        if stream == SESSION_STREAM:
            self._body(stream, note)
        else:
            self._event(stream, note, is_closing=is_closing)

    def close_stream(self, stream: int, closed: StreamClosed) -> None:
        """Store that a stream ended; nothing of it can be stored afterwards."""
        self._event(stream, closed, is_closing=True)
        self._open_streams -= 1
        self._kept.pop(stream, None)
        self._give_back()

    @property
    def level_achieved(self) -> RecordingLevel:
        """What was achieved so far, as a fact."""
        return self.tally.achieved()

    @property
    def pressed(self) -> bool:
        """Whether so much waits for the disk that a pump should await `room`."""
        return self.size_bytes - self.synced_bytes > self._budget.limits.unsynced_bytes_max

    async def room(self) -> None:
        """Wait until the disk has caught up; raises what the recorder failed with."""
        while self.pressed and self.failure is None:
            self._kick()
            await self._next_sync()
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        """Nothing more is taken but the end, and no sync is begun; wait for the one under way. For who seals."""
        self._closing = True
        while self._syncing_since_micros is not None:
            await self._next_sync()

    def elapsed_micros(self) -> int:
        """Microseconds since the session began; never goes back."""
        now = int((self._clock.elapsed_seconds() - self._started_seconds) * _MICROS)
        last = self.tally.elapsed_micros
        return now if now > last else last

    def end(self, reason: str) -> None:
        """Store the last frame, after `close`. Finds room while the disk has any."""
        if self.failure is not None:
            raise self.failure
        frame = end_frame(self.tally, reason, self.elapsed_micros())
        self._write([frame], len(frame), self.tally.elapsed_micros)

    def fail(self, error: RecorderFailed) -> None:
        """Fail from outside a call; the session is told once."""
        if self.failure is None:
            self.failure = error
            self._on_failure(error)
        self._wake()

    def begin_sync(self) -> bool:
        """Whether a sync is due; if so it counts as under way. Fails the recorder when the one under way stalls."""
        now = self.elapsed_micros()
        if self._is_stalled(now):
            self.fail(RecorderFailed("recording a session: the disk does not answer"))
        if self.failure is not None or self._closing:
            return False
        if self._dirty_since_micros is None or self._syncing_since_micros is not None:
            return False
        self._syncing_since_micros = now
        self._covered_bytes = self.size_bytes
        return True

    def end_sync(self, error: OSError | None) -> None:
        """The sync came back; `error` fails the recorder for good."""
        began, self._syncing_since_micros = self._syncing_since_micros, None
        if error is not None:
            failure = RecorderFailed("recording a session: the recording can not be brought to the disk")
            failure.__cause__ = error
            self.fail(failure)
            return
        self.synced_bytes = self._covered_bytes
        self._dirty_since_micros = began if self.size_bytes > self._covered_bytes else None
        self._wake()

    async def _next_sync(self) -> None:
        if self._synced is None:
            self._synced = asyncio.Event()
        self._synced.clear()
        await self._synced.wait()

    def _wake(self) -> None:
        if self._synced is not None:
            self._synced.set()

    def _is_stalled(self, now_micros: int) -> bool:
        dirty = self._dirty_since_micros
        return dirty is not None and now_micros - dirty > self._budget.limits.stall_seconds * _MICROS

    def _give_back(self) -> None:
        self._budget.promise(self._account, self._open_streams, sum(self._kept.values()))

    def _content(self, frame_type: FrameType, stream: int, data: Buffer) -> None:
        if not self.tally.is_open(stream):
            raise ValueError("a recorder was given bytes of a stream that is not open")
        if 0 < len(data) <= PAYLOAD_BYTES_MAX:
            self._frame(frame_type, stream, data)
            return
        for piece in pieces(data):
            self._frame(frame_type, stream, piece)

    def _frame(self, frame_type: FrameType, stream: int, data: Buffer) -> None:
        if self._closing or self.failure is not None:
            raise self.failure or ValueError("a recorder was given something after its end")
        elapsed_micros = self.elapsed_micros()
        parts = frame_parts(frame_type, stream, elapsed_micros, data)
        size = FRAME_OVERHEAD_BYTES + len(data)
        self._budget.take(self._account, size)
        self._write(parts, size, elapsed_micros)
        self.tally.add_content(frame_type, stream, elapsed_micros, len(data))

    def _body(self, stream: int, body: Body, *, promised_bytes: int = 0, is_closing: bool = False) -> None:
        if self._closing or self.failure is not None:
            raise self.failure or ValueError("a recorder was given something after its end")
        if self.size_bytes - self.synced_bytes > OVERRUN * self._budget.limits.unsynced_bytes_max and not is_closing:
            raise QuotaReached("recording a session: more happens than the disk takes")
        elapsed_micros = self.elapsed_micros()
        try:
            parts = frame_parts(TYPES[type(body)], stream, elapsed_micros, encode_body(body))
        except Invalid as error:
            raise RecorderFailed("recording a session: an event is too large or no text") from error
        size = sum(map(len, parts))
        if is_closing:
            self._budget.take_promised(self._account, size, is_note=isinstance(body, Note))
        else:
            self._budget.take(self._account, size, promised_bytes)
        self._write(parts, size, elapsed_micros)
        self.tally.add_body(stream, elapsed_micros, body)

    def _event(self, stream: int, body: Body, *, is_closing: bool = False) -> None:
        if not self.tally.is_open(stream):
            raise ValueError("a recorder was given an event of a stream that is not open")
        self._body(stream, body, is_closing=is_closing)

    def _write(self, parts: Sequence[Buffer], size: int, elapsed_micros: int) -> None:
        if self._is_stalled(elapsed_micros):
            self.failure = RecorderFailed("recording a session: the disk does not answer")
            raise self.failure
        try:
            written = self.file.writev(parts)
            if written < size:
                self._write_rest(b"".join(parts)[written:])
        except OSError as error:
            self.failure = RecorderFailed("recording a session: the recording can not be written")
            raise self.failure from error
        self.size_bytes += size
        if self._dirty_since_micros is None:
            self._dirty_since_micros = elapsed_micros

    def _write_rest(self, rest: bytes) -> None:
        """After a short write, usually the last one before the disk is full; a frame is stored whole or not at all."""
        while rest:
            taken = self.file.writev([rest])
            if taken == 0:
                raise OSError(errno.EIO, "a write took nothing")
            rest = rest[taken:]

"""One session's recording, as its channels use it: what the level covers is stored, the rest is counted.

Below the level `events` there is nothing to store and no recording is opened. A recorder that runs ahead of the disk
makes `on_pressure` hold all channels until there is room again.
"""

from collections.abc import Callable

from doorward.domain.recording.frames import Body, Exited, FrameType, Note, Resized, Signalled, StreamClosed
from doorward.domain.recording.levels import RecordingLevel
from doorward.gateway.recorder.failures import RecorderFailed
from doorward.gateway.recorder.recorder import Recorder
from doorward.gateway.recorder.spool import Spool
from doorward.gateway.relays.verdicts import Open


class SessionRecording:
    """Raises `RecorderFailed` where something could not be stored: then nothing of it may be passed on."""

    def __init__(self, recorder: Recorder | None, on_pressure: Callable[[Recorder], None]) -> None:
        self._recorder = recorder
        self._on_pressure = on_pressure
        self._unrecorded = 0

    @property
    def level_achieved(self) -> str:
        """The fact, as text."""
        return (RecordingLevel.NONE if self._recorder is None else self._recorder.level_achieved).text

    def open_stream(self, opens: Open) -> int:
        """The number of the new stream; negative when nothing of it is stored."""
        if self._recorder is None or not opens.covered.events:
            self._unrecorded -= 1
            return self._unrecorded
        body = opens.body
        return self._recorder.open_stream(
            body.kind,
            RecordingLevel.parse(body.level),
            command=body.command,
            destination=body.destination,
            term=body.term,
            columns=body.columns,
            rows=body.rows,
        )

    def content(self, stream: int, kind: FrameType, data: bytes) -> None:
        """Bytes of a stream whose coverage says that they are stored."""
        recorder = self._recorder
        if recorder is None or stream < 0:
            raise RecorderFailed("recording a session: nothing was opened to store this in")
        if kind is FrameType.OUTPUT:
            recorder.output(stream, data)
        elif kind is FrameType.INPUT:
            recorder.input(stream, data)
        else:
            recorder.error_output(stream, data)
        if recorder.pressed:
            self._on_pressure(recorder)

    def keep_room(self, stream: int, size_bytes: int) -> None:
        """Keep so much for closing notes of this stream, in place of what was kept before."""
        if self._recorder is not None and stream > 0:
            self._recorder.keep_room(stream, size_bytes)

    def event(self, stream: int, body: Body, *, is_closing: bool = False) -> None:
        """Anything else that happens in a stream; room for a closing note was kept before."""
        recorder = self._recorder
        if recorder is None or stream < 0:
            return
        match body:
            case Resized(columns, rows):
                recorder.resized(stream, columns, rows)
            case Signalled(name):
                recorder.signalled(stream, name)
            case Exited():
                recorder.exited(stream, body)
            case Note():
                recorder.note(stream, body, is_closing=is_closing)
            case StreamClosed():
                recorder.close_stream(stream, body)
        if recorder.pressed:
            self._on_pressure(recorder)

    async def seal(self, spool: Spool, reason: str) -> None:
        """End it for good; `RecorderFailed` when the disk does not take even that."""
        if self._recorder is not None:
            await spool.seal(self._recorder, reason)

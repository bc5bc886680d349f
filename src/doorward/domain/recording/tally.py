"""Counts kept while a recording is written or read: what was stored of which kind of stream, and what was not.

The level achieved is a fact and not a claim: where a frame says that output went unstored, no more than `events` was
achieved; where input went unstored, no more than `output`.
"""

from dataclasses import dataclass

from doorward.domain.recording.frames import (
    Body,
    End,
    Frame,
    FrameType,
    Header,
    Note,
    Partial,
    StreamClosed,
    StreamOpened,
)
from doorward.domain.recording.levels import RecordingLevel, StreamKind


@dataclass(frozen=True, slots=True)
class KindCounts:
    """All streams of one kind. `asked` is the highest level asked of them, `achieved` the lowest achieved."""

    streams: int
    asked: RecordingLevel
    achieved: RecordingLevel
    output_bytes: int
    error_output_bytes: int
    input_bytes: int
    notes: int
    partial: bool


class _Kind:
    __slots__ = ("achieved", "asked", "bytes", "notes", "partial", "streams")

    def __init__(self, level: RecordingLevel) -> None:
        self.asked = level
        self.achieved = level
        self.streams = 0
        self.bytes = {FrameType.OUTPUT: 0, FrameType.ERROR_OUTPUT: 0, FrameType.INPUT: 0}
        self.notes = 0
        self.partial = False


class Tally:
    """Grows with each frame, in file order; memory grows with open streams only."""

    __slots__ = ("_kinds", "_streams", "content_bytes", "elapsed_micros", "end_reason", "frames", "header")

    def __init__(self) -> None:
        self.header: Header | None = None
        self.frames = 0
        self.content_bytes = 0
        self.elapsed_micros = 0
        self.end_reason: str | None = None
        self._kinds: dict[StreamKind, _Kind] = {}
        self._streams: dict[int, tuple[_Kind, RecordingLevel]] = {}

    def add(self, frame: Frame) -> None:
        """Count a frame that was read."""
        if isinstance(frame.content, bytes):
            self.add_content(frame.type, frame.stream, frame.elapsed_micros, len(frame.content))
        else:
            self.add_body(frame.stream, frame.elapsed_micros, frame.content)

    def add_content(self, frame_type: FrameType, stream: int, elapsed_micros: int, size_bytes: int) -> None:
        """Count a frame of raw bytes."""
        self.frames += 1
        self.content_bytes += size_bytes
        self.elapsed_micros = elapsed_micros
        self._streams[stream][0].bytes[frame_type] += size_bytes

    def add_body(self, stream: int, elapsed_micros: int, body: Body) -> None:
        """Count any other frame."""
        self.elapsed_micros = elapsed_micros
        if isinstance(body, End):
            self.end_reason = body.reason
            return
        self.frames += 1
        if isinstance(body, Header):
            self.header = body
        elif isinstance(body, StreamOpened):
            self._open(stream, body)
        elif stream in self._streams:
            self._add_to_stream(stream, body)

    def kinds(self) -> dict[StreamKind, KindCounts]:
        """The counts so far, for the kinds that occurred."""
        return {kind: _frozen(counts) for kind, counts in self._kinds.items()}

    def achieved(self) -> RecordingLevel:
        """The lowest level achieved by any stream; what was asked when there was none."""
        if self.header is None:
            return RecordingLevel.NONE
        asked = RecordingLevel.parse(self.header.level)
        return min((counts.achieved for counts in self._kinds.values()), default=asked)

    def is_open(self, stream: int) -> bool:
        """Whether frames may be stored for `stream`."""
        return stream in self._streams

    def _open(self, stream: int, body: StreamOpened) -> None:
        level = RecordingLevel.parse(body.level)
        counts = self._kinds.setdefault(body.kind, _Kind(level))
        counts.streams += 1
        counts.asked = max(counts.asked, level)
        counts.achieved = min(counts.achieved, level)
        self._streams[stream] = (counts, level)

    def _add_to_stream(self, stream: int, body: Body) -> None:
        counts, level = self._streams[stream]
        if isinstance(body, Partial):
            limit = RecordingLevel.EVENTS if body.direction == "output" else RecordingLevel.OUTPUT
            counts.partial = True
            counts.achieved = min(counts.achieved, level, limit)
        elif isinstance(body, Note):
            counts.notes += 1
        elif isinstance(body, StreamClosed):
            del self._streams[stream]


def _frozen(counts: _Kind) -> KindCounts:
    return KindCounts(
        streams=counts.streams,
        asked=counts.asked,
        achieved=counts.achieved,
        output_bytes=counts.bytes[FrameType.OUTPUT],
        error_output_bytes=counts.bytes[FrameType.ERROR_OUTPUT],
        input_bytes=counts.bytes[FrameType.INPUT],
        notes=counts.notes,
        partial=counts.partial,
    )

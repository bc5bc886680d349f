"""Bytes to frames: reads a recording in any chunks and believes nothing unchecked.

Whatever bytes arrive, they give frames, NEED_DATA or `CorruptRecording`, and what was given before an error stays
true. `valid_bytes` is the length of the longest prefix made of whole, checked frames: where a torn file is cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

import msgspec

from doorward.base.errors import Invalid
from doorward.domain.recording.container import CHECKSUM, FRAME_HEADER, MAGIC, PREAMBLE, VERSION, checksum_of
from doorward.domain.recording.frames import (
    BODIES,
    CONTENT_TYPES,
    ELAPSED_MICROS_MAX,
    PAYLOAD_BYTES_MAX,
    SESSION_STREAM,
    SESSION_TYPES,
    Body,
    Frame,
    FrameType,
)

OPEN_STREAMS_MAX: Final = 4096  # beyond any gateway's limit on channels
# One frame and one read of the caller, with room: whoever feeds more without draining has a bug.
BUFFER_BYTES_MAX: Final = 8 * PAYLOAD_BYTES_MAX


class NeedData(Enum):
    """Nothing whole is buffered; give more bytes."""

    NEED_DATA = "need_data"


NEED_DATA: Final = NeedData.NEED_DATA


class CorruptRecording(Invalid):
    """The bytes are no recording from here on."""

    code = "corrupt_recording"


class ContainerReader:
    """Reads one recording from its first byte."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        self._began = False
        self._elapsed_micros = 0
        self._highest_stream = SESSION_STREAM
        self._open_streams: set[int] = set()
        self._corrupt: CorruptRecording | None = None
        self.valid_bytes = 0
        self.frames = 0
        self.ended = False

    def receive(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes as they come; drain with `next_event` in between."""
        if len(self._buffer) - self._position + len(data) > BUFFER_BYTES_MAX:
            raise ValueError("a recording's reader was fed without being drained")
        if self._position:
            del self._buffer[: self._position]
            self._position = 0
        self._buffer += data

    def next_event(self) -> Frame | NeedData:
        """The next whole frame, NEED_DATA, or `CorruptRecording`, again and again once raised."""
        if self._corrupt is not None:
            raise self._corrupt
        try:
            if not self._began and not self._read_preamble():
                return NEED_DATA
            return self._read_frame()
        except CorruptRecording as error:
            self._corrupt = error
            raise

    @property
    def buffered_bytes(self) -> int:
        """Bytes received beyond the last whole frame: not zero at the end of a torn file."""
        return len(self._buffer) - self._position

    def _read_preamble(self) -> bool:
        start = bytes(self._buffer[: len(PREAMBLE)])
        if not MAGIC.startswith(start[: len(MAGIC)]):
            raise CorruptRecording("reading a recording: it does not begin like one")
        if len(start) < len(PREAMBLE):
            return False
        if start != PREAMBLE:
            raise CorruptRecording(f"reading a recording: version {VERSION} is the only one known")
        self._advance(len(PREAMBLE))
        self._began = True
        return True

    def _read_frame(self) -> Frame | NeedData:
        buffered = self.buffered_bytes
        if self.ended and buffered:
            raise CorruptRecording("reading a recording: bytes follow its end")
        if buffered < FRAME_HEADER.size:
            return NEED_DATA
        size, number, stream, elapsed_micros = FRAME_HEADER.unpack_from(self._buffer, self._position)
        if size > PAYLOAD_BYTES_MAX:
            raise CorruptRecording("reading a recording: a frame is too large")
        whole = FRAME_HEADER.size + size + CHECKSUM.size
        if buffered < whole:
            return NEED_DATA
        frame = self._checked_frame(size, number, stream, elapsed_micros)
        self._advance(whole)
        self.frames += 1
        return frame

    def _checked_frame(self, size: int, number: int, stream: int, elapsed_micros: int) -> Frame:
        middle = self._position + FRAME_HEADER.size
        with memoryview(self._buffer) as view:
            checksum = checksum_of(view[self._position : middle + size])
            payload = bytes(view[middle : middle + size])
        if checksum != CHECKSUM.unpack_from(self._buffer, middle + size)[0]:
            raise CorruptRecording("reading a recording: a checksum does not match")
        try:
            frame_type = FrameType(number)
        except ValueError as error:
            raise CorruptRecording("reading a recording: a frame has an unknown type") from error
        if not self._elapsed_micros <= elapsed_micros <= ELAPSED_MICROS_MAX:
            raise CorruptRecording("reading a recording: time goes back")
        self._check_order(frame_type, stream)
        frame = Frame(frame_type, stream, elapsed_micros, _content(frame_type, payload))
        self._elapsed_micros = elapsed_micros
        self._note_order(frame_type, stream)
        return frame

    def _check_order(self, frame_type: FrameType, stream: int) -> None:
        if (frame_type is FrameType.HEADER) != (self.frames == 0):
            raise CorruptRecording("reading a recording: the header is the first frame, once")
        if frame_type in SESSION_TYPES:
            known = stream == SESSION_STREAM
        elif frame_type is FrameType.STREAM_OPENED:
            known = stream > self._highest_stream and len(self._open_streams) < OPEN_STREAMS_MAX
        elif frame_type is FrameType.NOTE:
            known = stream == SESSION_STREAM or stream in self._open_streams
        else:
            known = stream in self._open_streams
        if not known:
            raise CorruptRecording("reading a recording: a frame belongs to no open stream")

    def _note_order(self, frame_type: FrameType, stream: int) -> None:
        if frame_type is FrameType.STREAM_OPENED:
            self._highest_stream = stream
            self._open_streams.add(stream)
        elif frame_type is FrameType.STREAM_CLOSED:
            self._open_streams.discard(stream)
        elif frame_type is FrameType.END:
            self.ended = True

    def _advance(self, size: int) -> None:
        self._position += size
        self.valid_bytes += size


def _content(frame_type: FrameType, payload: bytes) -> bytes | Body:
    if frame_type in CONTENT_TYPES:
        return payload
    try:
        return msgspec.json.decode(payload, type=BODIES[frame_type])
    except (msgspec.DecodeError, UnicodeDecodeError, Invalid) as error:  # ValidationError is a DecodeError
        raise CorruptRecording("reading a recording: a frame's fields can not be read") from error


def frames_in(chunks: Iterable[bytes]) -> Iterator[Frame]:
    """The frames in a recording that arrives in chunks, as far as it goes: a torn end is no error, damage is."""
    reader = ContainerReader()
    for chunk in chunks:
        for start in range(0, len(chunk), PAYLOAD_BYTES_MAX):
            reader.receive(chunk[start : start + PAYLOAD_BYTES_MAX])
            while not isinstance(event := reader.next_event(), NeedData):
                yield event


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a torn recording still says: `valid_bytes` of it, these frames; `ended` when its end frame is there."""

    valid_bytes: int
    frames: tuple[Frame, ...]
    ended: bool


def recover(prefix: bytes) -> Recovered:
    """The longest valid prefix of what a crash left; never raises, whatever the bytes."""
    reader = ContainerReader()
    frames: list[Frame] = []
    for start in range(0, len(prefix), PAYLOAD_BYTES_MAX):
        reader.receive(prefix[start : start + PAYLOAD_BYTES_MAX])
        try:
            while not isinstance(event := reader.next_event(), NeedData):
                frames.append(event)
        except CorruptRecording:
            break
    return Recovered(reader.valid_bytes, tuple(frames), reader.ended)

"""Frames to bytes: how a recording lies in its file.

Append-only: a preamble, then frames, each with its own checksum, so that what a crash leaves is readable to the last
whole frame. The header of a frame and its checksum are made apart from the payload, for a writer that hands all three
to the system without copying. The caller keeps the grammar (`reader.py` checks it) and the order of times.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from doorward.base.errors import Invalid
from doorward.domain.recording.frames import (
    ELAPSED_MICROS_MAX,
    PAYLOAD_BYTES_MAX,
    STREAM_NUMBER_MAX,
    TYPES,
    Body,
    Frame,
    FrameType,
)

# A first byte above 127 and both line ends show damage by programs that take the file for text, as in PNG.
MAGIC: Final = b"\x89DWR\r\n\x1a\n"
VERSION: Final = 1
PREAMBLE: Final = MAGIC + struct.pack(">HH", VERSION, 0)
# payload length, type, stream, elapsed microseconds
FRAME_HEADER: Final = struct.Struct(">IBIQ")
CHECKSUM: Final = struct.Struct(">I")
FRAME_OVERHEAD_BYTES: Final = FRAME_HEADER.size + CHECKSUM.size

_pack_header = FRAME_HEADER.pack
_pack_checksum = CHECKSUM.pack
checksum_of = zlib.crc32
_encoder: Final = msgspec.json.Encoder()


class OversizeFrame(Invalid):
    """A payload beyond `PAYLOAD_BYTES_MAX`."""

    code = "oversize_frame"


def frame_parts(
    frame_type: FrameType | int, stream: int, elapsed_micros: int, payload: bytes | bytearray | memoryview
) -> tuple[bytes, bytes | bytearray | memoryview, bytes]:
    """Header, payload as given, checksum: to be written in this order by one `writev`."""
    size = len(payload)
    if size > PAYLOAD_BYTES_MAX:
        raise OversizeFrame("writing a recording: a frame is too large")
    header = _pack_header(size, frame_type, stream, elapsed_micros)
    return header, payload, _pack_checksum(checksum_of(payload, checksum_of(header)))


def encode_body(body: Body) -> bytes:
    """The payload of a frame that is JSON; `Invalid` when a text or number in it can not be written."""
    try:
        return _encoder.encode(body)
    except (ValueError, OverflowError, TypeError) as error:  # lone surrogates, numbers beyond 64 bits
        raise Invalid("writing a recording: a field can not be written as JSON") from error


def encode_frame(frame: Frame) -> bytes:
    """One frame as bytes; `OversizeFrame` when it must be split first."""
    if not (0 <= frame.stream <= STREAM_NUMBER_MAX and 0 <= frame.elapsed_micros <= ELAPSED_MICROS_MAX):
        raise Invalid("writing a recording: a stream number or a time is out of range")
    payload = frame.content if isinstance(frame.content, bytes) else encode_body(frame.content)
    return b"".join(frame_parts(frame.type, frame.stream, frame.elapsed_micros, payload))


def frame_of(stream: int, elapsed_micros: int, body: Body) -> Frame:
    """The frame that carries `body`."""
    return Frame(TYPES[type(body)], stream, elapsed_micros, body)


def pieces(data: bytes | bytearray | memoryview) -> Iterator[memoryview]:
    """`data` cut into payloads that fit a frame, without copying."""
    view = memoryview(data)
    for start in range(0, len(view), PAYLOAD_BYTES_MAX):
        yield view[start : start + PAYLOAD_BYTES_MAX]

"""Frames on the signer's socket: four bytes of length, the highest first, then so many bytes."""

import struct
from typing import Final

from doorward.wire.errors import RemoteProtocolError

_LENGTH: Final = struct.Struct(">I")


def encode_frame(payload: bytes) -> bytes:
    """`payload` with its length."""
    return _LENGTH.pack(len(payload)) + payload


class FrameReader:
    """Cuts what arrives into frames of one to `bytes_max` bytes; holds at most one unfinished frame."""

    __slots__ = ("_buffer", "_bytes_max")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._buffer = b""

    @property
    def is_inside_frame(self) -> bool:
        """Whether the rest of a frame is awaited."""
        return bool(self._buffer)

    def receive(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes; `RemoteProtocolError` at a length that is zero or too long."""
        buffer = self._buffer + data if self._buffer else data
        frames: list[bytes] = []
        position = 0
        while len(buffer) - position >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, position)
            if not 0 < length <= self._bytes_max:
                raise RemoteProtocolError("reading a frame: its length is zero or beyond the limit")
            start = position + _LENGTH.size
            if len(buffer) - start < length:
                break
            frames.append(buffer[start : start + length])
            position = start + length
        self._buffer = buffer[position:]
        return frames

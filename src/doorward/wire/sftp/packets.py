"""Cuts one direction of an SFTP stream into packets, each kept as the very bytes that came.

Section 3 of the draft: four bytes of length, one of type, the rest. A packet of a length that no peer of ours may send
is a `RemoteProtocolError`, and so is anything after it. At most one packet and what came with it is held.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from doorward.wire.errors import LocalProtocolError, RemoteProtocolError
from doorward.wire.sftp.codes import PACKET_BYTES_MAX

LENGTH_BYTES: Final = 4


class NeedData(Enum):
    """No whole packet is there."""

    NEED_DATA = "need_data"


NEED_DATA: Final = NeedData.NEED_DATA


@dataclass(frozen=True, slots=True)
class Packet:
    """One whole packet: `raw` is all of it with its length, to be passed on as it is; `body` follows the type."""

    type: int
    raw: bytes

    @property
    def body(self) -> bytes:
        """What follows the type."""
        return self.raw[LENGTH_BYTES + 1 :]


class PacketReader:
    """One direction. After an error it takes nothing more."""

    __slots__ = ("_buffer", "_is_broken")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._is_broken = False

    @property
    def held_bytes(self) -> int:
        """Bytes of a packet that is not whole yet, and of what stands behind it."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Take what came; then ask for packets until NEED_DATA."""
        if self._is_broken:
            raise LocalProtocolError("an SFTP reader was given bytes after an error")
        self._buffer += data

    def next_packet(self) -> Packet | NeedData:
        """The next whole packet; `RemoteProtocolError` when the length is none that may be."""
        buffer = self._buffer
        if len(buffer) < LENGTH_BYTES:
            return NEED_DATA
        length = int.from_bytes(buffer[:LENGTH_BYTES], "big")
        if not 1 <= length <= PACKET_BYTES_MAX:
            self._is_broken = True
            raise RemoteProtocolError("reading SFTP: a packet of an impossible length")
        end = LENGTH_BYTES + length
        if len(buffer) < end:
            return NEED_DATA
        raw = bytes(buffer[:end])
        del buffer[:end]
        return Packet(raw[LENGTH_BYTES], raw)

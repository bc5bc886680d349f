"""The data types of RFC 4251 section 5, read within bounds and written.

`FieldReader` takes one whole message whose length its caller has bounded. Every odd thing is a `RemoteProtocolError`:
a field that reaches past the end, a boolean that is neither 0 nor 1, text that is not UTF-8 or holds NUL (OpenSSH reads
such text as a C string, so a NUL would make two readers see two names), a number with a needless leading byte.
"""

import struct
from typing import Final

from doorward.wire.errors import RemoteProtocolError

MPINT_BYTES_MAX: Final = 2050
"""16,384 bits (the longest RSA key that OpenSSH takes) and a leading zero, rounded up."""

_UINT32: Final = struct.Struct(">I")
_UINT64: Final = struct.Struct(">Q")


def encode_uint32(value: int) -> bytes:
    """Four bytes, the highest first."""
    return _UINT32.pack(value)


def encode_uint64(value: int) -> bytes:
    """Eight bytes, the highest first."""
    return _UINT64.pack(value)


def encode_string(value: bytes) -> bytes:
    """The length in four bytes, then the bytes."""
    return _UINT32.pack(len(value)) + value


def encode_text(value: str) -> bytes:
    """A string holding UTF-8."""
    return encode_string(value.encode())


def encode_mpint(value: int) -> bytes:
    """A non-negative number in the shortest two's complement form."""
    if value < 0:
        raise ValueError("an SSH key holds no negative numbers")
    return encode_string(value.to_bytes((value.bit_length() + 8) // 8, "big") if value else b"")


class FieldReader:
    """Reads fields one after another from one message."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def position(self) -> int:
        """How many bytes were read."""
        return self._position

    def at_end(self) -> bool:
        """Whether every byte was read."""
        return self._position == len(self._data)

    def expect_end(self) -> None:
        """Refuse bytes that no field accounts for."""
        if not self.at_end():
            raise RemoteProtocolError("reading an SSH message: bytes follow the last field")

    def byte(self) -> int:
        """One byte."""
        return self._take(1)[0]

    def boolean(self) -> bool:
        """True or false. RFC 4251 tells writers to send 0 or 1 and we hold them to it."""
        value = self.byte()
        if value > 1:
            raise RemoteProtocolError("reading an SSH boolean: neither 0 nor 1")
        return value == 1

    def uint32(self) -> int:
        """Four bytes."""
        return int(_UINT32.unpack(self._take(4))[0])

    def uint64(self) -> int:
        """Eight bytes."""
        return int(_UINT64.unpack(self._take(8))[0])

    def string(self, bytes_max: int) -> bytes:
        """Bytes, at most `bytes_max` of them."""
        length = self.uint32()
        if length > bytes_max:
            raise RemoteProtocolError("reading an SSH string: longer than this field may be")
        return self._take(length)

    def text(self, bytes_max: int) -> str:
        """UTF-8 without NUL."""
        raw = self.string(bytes_max)
        try:
            value = raw.decode()
        except UnicodeDecodeError as error:
            raise RemoteProtocolError("reading an SSH text: not UTF-8") from error
        if "\0" in value:
            raise RemoteProtocolError("reading an SSH text: a NUL inside")
        return value

    def mpint(self) -> int:
        """A non-negative number in its shortest form."""
        raw = self.string(MPINT_BYTES_MAX)
        if raw and (raw[0] & 0x80 or (raw[0] == 0 and (len(raw) == 1 or not raw[1] & 0x80))):
            raise RemoteProtocolError("reading an SSH number: negative, or not in its shortest form")
        return int.from_bytes(raw, "big")

    def _take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise RemoteProtocolError("reading an SSH message: it ends inside a field")
        taken = self._data[self._position : end]
        self._position = end
        return taken

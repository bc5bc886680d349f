"""Reads SNI and ALPN out of a ClientHello that was only peeked at (RFC 8446 section 4.1.2, RFC 6066, RFC 7301).

The first bytes choose the service and the TLS context before any handshake. Nothing is trusted and nothing answered:
either the bytes are a ClientHello, or more are needed, or they are not TLS. A hello may be cut into several records.
"""

from dataclasses import dataclass
from typing import Final

from doorward.wire.errors import RemoteProtocolError

HELLO_BYTES_MAX: Final = 16_384
"""With two post-quantum key shares a hello has about 3 KB; servers stop at one full record."""
RECORDS_MAX: Final = 16
NAMES_MAX: Final = 8
PROTOCOLS_MAX: Final = 32
RECORD_HEADER_BYTES: Final = 5
HANDSHAKE_RECORD: Final = 0x16
_CLIENT_HELLO: Final = 1
_RECORD_BYTES_MAX: Final = 16_384
_EXTENSION_SERVER_NAME: Final = 0
_EXTENSION_ALPN: Final = 16
_NAME_TYPE_HOST: Final = 0


@dataclass(frozen=True, slots=True)
class ClientHello:
    """`server_name` in lower case, None when the client named none; `protocols` as offered by ALPN."""

    server_name: str | None
    protocols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NeedBytes:
    """At least so many bytes from the start are needed."""

    count: int


def parse_client_hello(data: bytes) -> ClientHello | NeedBytes:
    """The hello at the start of `data`; `RemoteProtocolError` when it is none, or beyond `HELLO_BYTES_MAX`."""
    message = b""
    position = 0
    for _ in range(RECORDS_MAX):
        header = data[position : position + RECORD_HEADER_BYTES]
        _check_record_header(header)
        if len(header) < RECORD_HEADER_BYTES:
            return _need(position + RECORD_HEADER_BYTES)
        length = int.from_bytes(header[3:5], "big")
        position += RECORD_HEADER_BYTES
        message += data[position : position + length]
        if len(message) >= 1 and message[0] != _CLIENT_HELLO:
            raise RemoteProtocolError("reading a ClientHello: another handshake message")
        if len(message) >= 4:
            wanted = 4 + int.from_bytes(message[1:4], "big")
            if len(message) >= wanted:
                return _parse_body(_Bytes(message[4:wanted]))
            if wanted > HELLO_BYTES_MAX:
                raise RemoteProtocolError("reading a ClientHello: too long")
        if position + length > len(data):
            return _need(position + length)
        position += length
    raise RemoteProtocolError("reading a ClientHello: cut into too many records")


def _need(count: int) -> NeedBytes:
    if count > HELLO_BYTES_MAX + RECORDS_MAX * RECORD_HEADER_BYTES:
        raise RemoteProtocolError("reading a ClientHello: too long")
    return NeedBytes(count)


def _check_record_header(header: bytes) -> None:
    if header[:1] not in (b"", bytes((HANDSHAKE_RECORD,))) or header[1:2] not in (b"", b"\x03"):
        raise RemoteProtocolError("reading a ClientHello: not a TLS handshake")
    if len(header) == RECORD_HEADER_BYTES and not 0 < int.from_bytes(header[3:5], "big") <= _RECORD_BYTES_MAX:
        raise RemoteProtocolError("reading a ClientHello: a record of impossible length")


class _Bytes:
    """Reads length-prefixed vectors; everything that reaches past the end is a protocol error."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise RemoteProtocolError("reading a ClientHello: it ends inside a field")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def vector(self, length_bytes: int) -> "_Bytes":
        return _Bytes(self.take(int.from_bytes(self.take(length_bytes), "big")))

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._position)

    def number(self, length_bytes: int) -> int:
        return int.from_bytes(self.take(length_bytes), "big")

    def __bool__(self) -> bool:
        return self._position < len(self._data)


def _parse_body(body: _Bytes) -> ClientHello:
    body.take(2 + 32)  # legacy version, random
    body.vector(1)  # legacy session id
    body.vector(2)  # cipher suites
    body.vector(1)  # compression methods
    server_name: str | None = None
    protocols: tuple[str, ...] = ()
    seen: set[int] = set()
    extensions = body.vector(2) if body else _Bytes(b"")
    while extensions:
        kind = extensions.number(2)
        content = extensions.vector(2)
        if kind in seen:
            raise RemoteProtocolError("reading a ClientHello: an extension twice")
        seen.add(kind)
        if kind == _EXTENSION_SERVER_NAME:
            server_name = _server_name(content)
        elif kind == _EXTENSION_ALPN:
            protocols = _protocols(content)
    if body:
        raise RemoteProtocolError("reading a ClientHello: bytes follow its last field")
    return ClientHello(server_name, protocols)


def _server_name(content: _Bytes) -> str | None:
    names = content.vector(2)
    found: str | None = None
    for _ in range(NAMES_MAX):
        if not names:
            break
        kind = names.number(1)
        name = names.vector(2).rest()
        if kind == _NAME_TYPE_HOST:
            if found is not None:
                raise RemoteProtocolError("reading a ClientHello: two host names")
            found = _ascii(name).lower()
    if names or content:
        raise RemoteProtocolError("reading a ClientHello: too many names, or bytes after them")
    return found


def _protocols(content: _Bytes) -> tuple[str, ...]:
    offered = content.vector(2)
    found: list[str] = []
    while offered:
        if len(found) == PROTOCOLS_MAX:
            raise RemoteProtocolError("reading a ClientHello: too many protocols")
        found.append(offered.vector(1).rest().decode("latin-1"))
    return tuple(found)


def _ascii(raw: bytes) -> str:
    if not raw or not raw.isascii() or any(byte <= 0x20 or byte == 0x7F for byte in raw):
        raise RemoteProtocolError("reading a ClientHello: a host name that is no name")
    return raw.decode("ascii")

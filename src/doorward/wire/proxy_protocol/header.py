"""The binary header of the PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt, section 2.2).

TCP over IPv4 and IPv6, and LOCAL (the sender speaks for itself). Additional TLVs are skipped, but for one of our own at
the end: it says by which key, and proves that the header comes from a holder of that. Whoever only watches the network
can send the same header again, and so claim the same addresses; nobody can claim others.
"""

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from typing import Final

from doorward.wire.errors import RemoteProtocolError

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
FIXED_BYTES: Final = 16
HEADER_BYTES_MAX: Final = 2048
_LOCAL: Final = 0x20
_PROXY: Final = 0x21
_TCP4: Final = 0x11
_TCP6: Final = 0x21
_PROOF_BYTES: Final = hashlib.sha256().digest_size
_PROOF_TYPE: Final = 0xE0
"""A TLV of the range for own use (section 2.2.7): the key's name, then HMAC-SHA-256 over every byte before the HMAC."""
KEY_NAME_BYTES_MAX: Final = 64
_TLV_BYTES: Final = 3
"""Of a TLV's type and length."""
_ADDRESS_BYTES: Final = {_TCP4: 4, _TCP6: 16}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address in its usual form, and a port."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """`source` is the client, `destination` where it connected to; both None for LOCAL."""

    source: Endpoint | None
    destination: Endpoint | None


@dataclass(frozen=True, slots=True)
class NeedBytes:
    """At least so many bytes from the start are needed."""

    count: int


def encode_header(source: Endpoint, destination: Endpoint) -> bytes:
    """The header to send ahead; when the two are of different families, IPv4 is mapped into IPv6."""
    return _encode(source, destination, 0)


def encode_proven_header(source: Endpoint, destination: Endpoint, key: bytes, key_name: str = "") -> bytes:
    """The same with a proof that its sender holds `key`, which goes by `key_name`."""
    value_bytes = len(key_name) + _PROOF_BYTES
    start = bytes((_PROOF_TYPE,)) + value_bytes.to_bytes(2, "big") + key_name.encode("ascii")
    header = _encode(source, destination, len(start) + _PROOF_BYTES) + start
    return header + _proof(key, header)


def key_name_in(header: bytes) -> str | None:
    """By which key a whole header says that it is proven, when it ends with a proof; it may be none."""
    rest = header[FIXED_BYTES + 2 * _ADDRESS_BYTES.get(header[13], 0) + 4 :] if len(header) > FIXED_BYTES else b""
    while len(rest) >= _TLV_BYTES:
        kind, length = rest[0], int.from_bytes(rest[1:_TLV_BYTES], "big")
        value, rest = rest[_TLV_BYTES : _TLV_BYTES + length], rest[_TLV_BYTES + length :]
        name = value[:-_PROOF_BYTES]
        is_last = not rest and len(value) == length
        if kind == _PROOF_TYPE and is_last and length >= _PROOF_BYTES and len(name) <= KEY_NAME_BYTES_MAX:
            return name.decode("ascii") if name.isascii() else None
    return None


def is_proven(header: bytes, key: bytes) -> bool:
    """Whether a whole header ends with a proof by `key`; never by an empty one."""
    before, proof = header[:-_PROOF_BYTES], header[-_PROOF_BYTES:]
    return bool(key) and key_name_in(header) is not None and hmac.compare_digest(_proof(key, before), proof)


def _proof(key: bytes, before: bytes) -> bytes:
    return hmac.digest(key, before, "sha256")


def _encode(source: Endpoint, destination: Endpoint, more_bytes: int) -> bytes:
    addresses = [ipaddress.ip_address(end.address) for end in (source, destination)]
    if {address.version for address in addresses} == {4}:
        family = _TCP4
        packed = [address.packed for address in addresses]
    else:
        family = _TCP6
        packed = [
            address.packed if address.version == 6 else b"\0" * 10 + b"\xff\xff" + address.packed
            for address in addresses
        ]
    body = b"".join((*packed, source.port.to_bytes(2, "big"), destination.port.to_bytes(2, "big")))
    return SIGNATURE + bytes((_PROXY, family)) + (len(body) + more_bytes).to_bytes(2, "big") + body


def parse_header(data: bytes) -> tuple[ProxyHeader, int] | NeedBytes:
    """The header at the start of `data` and its length in bytes; `RemoteProtocolError` when it is none."""
    if not SIGNATURE.startswith(data[: len(SIGNATURE)]):
        raise RemoteProtocolError("reading a PROXY header: another signature")
    if len(data) < FIXED_BYTES:
        return NeedBytes(FIXED_BYTES)
    command, family = data[12], data[13]
    length = FIXED_BYTES + int.from_bytes(data[14:16], "big")
    if length > HEADER_BYTES_MAX:
        raise RemoteProtocolError("reading a PROXY header: too long")
    if len(data) < length:
        return NeedBytes(length)
    if command == _LOCAL:
        return ProxyHeader(None, None), length
    if command != _PROXY or family not in _ADDRESS_BYTES:
        raise RemoteProtocolError("reading a PROXY header: a command or family that is not accepted")
    size = _ADDRESS_BYTES[family]
    body = data[FIXED_BYTES:length]
    if len(body) < 2 * size + 4:
        raise RemoteProtocolError("reading a PROXY header: its addresses are cut")
    ports = body[2 * size : 2 * size + 4]
    source = Endpoint(_text(body[:size]), int.from_bytes(ports[:2], "big"))
    destination = Endpoint(_text(body[size : 2 * size]), int.from_bytes(ports[2:], "big"))
    return ProxyHeader(source, destination), length


def _text(packed: bytes) -> str:
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)

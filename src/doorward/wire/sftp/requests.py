"""What users' clients ask of an SFTP server (sections 4 to 6 of the draft, and OpenSSH's extensions).

Every byte of a request must be accounted for; anything else is a `RemoteProtocolError`. Paths are bytes as they came:
they name files on a machine whose encoding we do not know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.sftp.codes import EXTENSIONS, HANDLE_BYTES_MAX, PACKET_BYTES_MAX, Operation, PacketType
from doorward.wire.sftp.packets import Packet
from doorward.wire.ssh.fields import FieldReader

_HAS_SIZE: Final = 0x01
_HAS_OWNER: Final = 0x02
_HAS_PERMISSIONS: Final = 0x04
_HAS_TIMES: Final = 0x08
_HAS_EXTENDED: Final = 0x80000000
_ATTRIBUTES_KNOWN: Final = _HAS_SIZE | _HAS_OWNER | _HAS_PERMISSIONS | _HAS_TIMES | _HAS_EXTENDED
EXTENDED_ATTRIBUTES_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class Init:
    """The client's first packet: the highest version that it speaks."""

    version: int


@dataclass(frozen=True, slots=True)
class Attributes:
    """What of a file is to be set (section 5); None where it is left alone. Times in seconds since 1970 UTC."""

    size: int | None = None
    owner: tuple[int, int] | None = None
    permissions: int | None = None
    times: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request; the fields that its operation does not have stay empty.

    `path` and `new_path` stand in the order in which they came; a symbolic link's `path` is where it points to, as
    OpenSSH has it. Of `copy_data`, `handle` is read and `new_handle` written. `name` is an extension's.
    """

    id: int
    operation: Operation
    path: bytes = b""
    new_path: bytes = b""
    handle: bytes = b""
    new_handle: bytes = b""
    offset: int = 0
    length: int = 0
    data: bytes = b""
    flags: int = 0
    attributes: Attributes | None = None
    name: bytes = b""


def parse_request(packet: Packet) -> Init | Request:
    """What a packet of the client says; `RemoteProtocolError` when it is not a request or not a whole one."""
    reader = FieldReader(packet.body)
    if packet.type == PacketType.INIT:
        # Extension data may follow the version (section 4), and means nothing to us.
        return Init(reader.uint32())
    identity = reader.uint32()
    if packet.type == PacketType.EXTENDED:
        return _extended(identity, reader)
    parse = _REQUESTS.get(packet.type)
    if parse is None:
        raise RemoteProtocolError("reading SFTP: a packet that is no request")
    request = parse(identity, reader)
    reader.expect_end()
    return request


def _extended(identity: int, reader: FieldReader) -> Request:
    name = reader.string(PACKET_BYTES_MAX)
    operation = EXTENSIONS.get(name, Operation.UNKNOWN)
    if operation is Operation.UNKNOWN:
        return Request(identity, operation, name=name)
    request = _EXTENDED[operation](identity, operation, reader)
    reader.expect_end()
    return request


def _string(reader: FieldReader) -> bytes:
    return reader.string(PACKET_BYTES_MAX)


def _handle(reader: FieldReader) -> bytes:
    return reader.string(HANDLE_BYTES_MAX)


def _attributes(reader: FieldReader) -> Attributes:
    flags = reader.uint32()
    if flags & ~_ATTRIBUTES_KNOWN:
        raise RemoteProtocolError("reading SFTP: attributes that version 3 does not have")
    size = reader.uint64() if flags & _HAS_SIZE else None
    owner = (reader.uint32(), reader.uint32()) if flags & _HAS_OWNER else None
    permissions = reader.uint32() if flags & _HAS_PERMISSIONS else None
    times = (reader.uint32(), reader.uint32()) if flags & _HAS_TIMES else None
    count = reader.uint32() if flags & _HAS_EXTENDED else 0
    if count > EXTENDED_ATTRIBUTES_MAX:
        raise RemoteProtocolError("reading SFTP: too many extended attributes")
    for _ in range(2 * count):
        _string(reader)
    return Attributes(size, owner, permissions, times)


def _open(identity: int, reader: FieldReader) -> Request:
    return Request(
        identity,
        Operation.OPEN,
        path=_string(reader),
        flags=reader.uint32(),
        attributes=_attributes(reader),
    )


def _read(identity: int, reader: FieldReader) -> Request:
    return Request(
        identity,
        Operation.READ,
        handle=_handle(reader),
        offset=reader.uint64(),
        length=reader.uint32(),
    )


def _write(identity: int, reader: FieldReader) -> Request:
    handle, offset, data = _handle(reader), reader.uint64(), _string(reader)
    return Request(identity, Operation.WRITE, handle=handle, offset=offset, length=len(data), data=data)


_Plain = Callable[[int, FieldReader], Request]
_Named = Callable[[int, Operation, FieldReader], Request]


def _by_path(identity: int, operation: Operation, reader: FieldReader) -> Request:
    return Request(identity, operation, path=_string(reader))


def _by_handle(identity: int, operation: Operation, reader: FieldReader) -> Request:
    return Request(identity, operation, handle=_handle(reader))


def _by_paths(identity: int, operation: Operation, reader: FieldReader) -> Request:
    return Request(identity, operation, path=_string(reader), new_path=_string(reader))


def _set_by_path(identity: int, operation: Operation, reader: FieldReader) -> Request:
    return Request(identity, operation, path=_string(reader), attributes=_attributes(reader))


def _set_by_handle(identity: int, operation: Operation, reader: FieldReader) -> Request:
    return Request(identity, operation, handle=_handle(reader), attributes=_attributes(reader))


def _nothing(identity: int, operation: Operation, _reader: FieldReader) -> Request:
    return Request(identity, operation)


def _two_lists(identity: int, operation: Operation, reader: FieldReader) -> Request:
    _string(reader)
    _string(reader)
    return Request(identity, operation)


def _copy_data(identity: int, operation: Operation, reader: FieldReader) -> Request:
    source, offset, length = _handle(reader), reader.uint64(), reader.uint64()
    target = _handle(reader)
    reader.uint64()
    return Request(identity, operation, handle=source, new_handle=target, offset=offset, length=length)


def _as(operation: Operation, parse: _Named) -> _Plain:
    return lambda identity, reader: parse(identity, operation, reader)


_REQUESTS: Final[dict[int, _Plain]] = {
    PacketType.OPEN: _open,
    PacketType.CLOSE: _as(Operation.CLOSE, _by_handle),
    PacketType.READ: _read,
    PacketType.WRITE: _write,
    PacketType.LSTAT: _as(Operation.LSTAT, _by_path),
    PacketType.FSTAT: _as(Operation.FSTAT, _by_handle),
    PacketType.SETSTAT: _as(Operation.SETSTAT, _set_by_path),
    PacketType.FSETSTAT: _as(Operation.FSETSTAT, _set_by_handle),
    PacketType.OPENDIR: _as(Operation.OPENDIR, _by_path),
    PacketType.READDIR: _as(Operation.READDIR, _by_handle),
    PacketType.REMOVE: _as(Operation.REMOVE, _by_path),
    PacketType.MKDIR: _as(Operation.MKDIR, _set_by_path),
    PacketType.RMDIR: _as(Operation.RMDIR, _by_path),
    PacketType.REALPATH: _as(Operation.REALPATH, _by_path),
    PacketType.STAT: _as(Operation.STAT, _by_path),
    PacketType.RENAME: _as(Operation.RENAME, _by_paths),
    PacketType.READLINK: _as(Operation.READLINK, _by_path),
    PacketType.SYMLINK: _as(Operation.SYMLINK, _by_paths),
}
_EXTENDED: Final[dict[Operation, _Named]] = {
    Operation.POSIX_RENAME: _by_paths,
    Operation.HARDLINK: _by_paths,
    Operation.STATVFS: _by_path,
    Operation.FSTATVFS: _by_handle,
    Operation.FSYNC: _by_handle,
    Operation.LSETSTAT: _set_by_path,
    Operation.LIMITS: _nothing,
    Operation.EXPAND_PATH: _by_path,
    Operation.COPY_DATA: _copy_data,
    Operation.HOME_DIRECTORY: _by_path,
    Operation.USERS_GROUPS: _two_lists,
}

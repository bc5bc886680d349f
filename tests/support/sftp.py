"""Writes SFTP packets as clients and servers do, for tests of what only reads them."""

from doorward.wire.sftp.codes import Operation, PacketType, Status
from doorward.wire.ssh.fields import encode_string, encode_uint32, encode_uint64

HANDLE = b"\0\0\0\1"
NO_ATTRIBUTES = encode_uint32(0)


def packet(kind: int, *parts: bytes) -> bytes:
    return encode_string(bytes((kind,)) + b"".join(parts))


def init(version: int = 3) -> bytes:
    return packet(PacketType.INIT, encode_uint32(version))


def version(number: int = 3) -> bytes:
    extension = encode_string(b"posix-rename@openssh.com") + encode_string(b"1")
    return packet(PacketType.VERSION, encode_uint32(number), extension)


def request(kind: PacketType, identity: int, *strings: bytes, rest: bytes = b"") -> bytes:
    return packet(kind, encode_uint32(identity), *(encode_string(each) for each in strings), rest)


def extended(name: bytes, identity: int, *strings: bytes, rest: bytes = b"") -> bytes:
    return request(PacketType.EXTENDED, identity, name, *strings, rest=rest)


def opening(identity: int, path: bytes, flags: int) -> bytes:
    return request(PacketType.OPEN, identity, path, rest=encode_uint32(flags) + NO_ATTRIBUTES)


def reading(identity: int, offset: int, length: int, handle: bytes = HANDLE) -> bytes:
    return request(PacketType.READ, identity, handle, rest=encode_uint64(offset) + encode_uint32(length))


def writing(identity: int, offset: int, data: bytes, handle: bytes = HANDLE) -> bytes:
    return request(PacketType.WRITE, identity, handle, rest=encode_uint64(offset) + encode_string(data))


def closing(identity: int, handle: bytes = HANDLE) -> bytes:
    return request(PacketType.CLOSE, identity, handle)


def status(identity: int, code: int = Status.OK) -> bytes:
    return request_status(identity, code, b"said so")


def request_status(identity: int, code: int, line: bytes) -> bytes:
    return packet(
        PacketType.STATUS, encode_uint32(identity), encode_uint32(code), encode_string(line), encode_string(b"en")
    )


def handle(identity: int, value: bytes = HANDLE) -> bytes:
    return request(PacketType.HANDLE, identity, value)


def content(identity: int, data: bytes) -> bytes:
    return request(PacketType.DATA, identity, data)


def names(identity: int, *entries: bytes) -> bytes:
    listed = b"".join(encode_string(each) * 2 + NO_ATTRIBUTES for each in entries)
    return packet(PacketType.NAME, encode_uint32(identity), encode_uint32(len(entries)), listed)


def attributes(identity: int) -> bytes:
    return packet(PacketType.ATTRS, encode_uint32(identity), NO_ATTRIBUTES)


def copy_data(identity: int, source: bytes, target: bytes) -> bytes:
    rest = encode_uint64(0) + encode_uint64(0) + encode_string(target) + encode_uint64(0)
    return extended(b"copy-data", identity, source, rest=rest)


EVERY_REQUEST = {
    Operation.OPEN: opening(1, b"/a", 1),
    Operation.CLOSE: closing(1),
    Operation.READ: reading(1, 7, 9),
    Operation.WRITE: writing(1, 7, b"data"),
    Operation.LSTAT: request(PacketType.LSTAT, 1, b"/a"),
    Operation.FSTAT: request(PacketType.FSTAT, 1, HANDLE),
    Operation.SETSTAT: request(PacketType.SETSTAT, 1, b"/a", rest=NO_ATTRIBUTES),
    Operation.FSETSTAT: request(PacketType.FSETSTAT, 1, HANDLE, rest=NO_ATTRIBUTES),
    Operation.OPENDIR: request(PacketType.OPENDIR, 1, b"/a"),
    Operation.READDIR: request(PacketType.READDIR, 1, HANDLE),
    Operation.REMOVE: request(PacketType.REMOVE, 1, b"/a"),
    Operation.MKDIR: request(PacketType.MKDIR, 1, b"/a", rest=NO_ATTRIBUTES),
    Operation.RMDIR: request(PacketType.RMDIR, 1, b"/a"),
    Operation.REALPATH: request(PacketType.REALPATH, 1, b"/a"),
    Operation.STAT: request(PacketType.STAT, 1, b"/a"),
    Operation.RENAME: request(PacketType.RENAME, 1, b"/a", b"/b"),
    Operation.READLINK: request(PacketType.READLINK, 1, b"/a"),
    Operation.SYMLINK: request(PacketType.SYMLINK, 1, b"/a", b"/b"),
    Operation.POSIX_RENAME: extended(b"posix-rename@openssh.com", 1, b"/a", b"/b"),
    Operation.HARDLINK: extended(b"hardlink@openssh.com", 1, b"/a", b"/b"),
    Operation.STATVFS: extended(b"statvfs@openssh.com", 1, b"/a"),
    Operation.FSTATVFS: extended(b"fstatvfs@openssh.com", 1, HANDLE),
    Operation.FSYNC: extended(b"fsync@openssh.com", 1, HANDLE),
    Operation.LSETSTAT: extended(b"lsetstat@openssh.com", 1, b"/a", rest=NO_ATTRIBUTES),
    Operation.LIMITS: extended(b"limits@openssh.com", 1),
    Operation.EXPAND_PATH: extended(b"expand-path@openssh.com", 1, b"~"),
    Operation.COPY_DATA: copy_data(1, HANDLE, b"\0\0\0\2"),
    Operation.HOME_DIRECTORY: extended(b"home-directory", 1, b"alice"),
    Operation.USERS_GROUPS: extended(b"users-groups-by-id@openssh.com", 1, b"\0\0\0\0", b""),
    Operation.UNKNOWN: extended(b"check-file@example.org", 1, b"whatever"),
}
"""A whole packet for each operation."""

"""SFTP version 3's numbers (draft-ietf-secsh-filexfer-02 sections 3, 4, 6.3 and 7) and OpenSSH's extensions by name.

What is not in these tables is unknown to us, and whoever enforces something refuses it: an operation that is not
understood can not be recorded. OpenSSH's PROTOCOL file, section 4, describes the extensions.
"""

from enum import Enum, IntEnum
from typing import Final

VERSION: Final = 3
"""The only version that is read; OpenSSH's server speaks no other."""
PACKET_BYTES_MAX: Final = 256 * 1024
"""Of a packet without its length: OpenSSH's SFTP_MAX_MSG_LENGTH."""
HANDLE_BYTES_MAX: Final = 256
"""Section 6.3: a handle's length is at most 256 bytes."""


class PacketType(IntEnum):
    """The byte after a packet's length."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Status(IntEnum):
    """Section 7."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8


class OpenFlag(IntEnum):
    """Section 6.3."""

    READ = 0x01
    WRITE = 0x02
    APPEND = 0x04
    CREATE = 0x08
    TRUNCATE = 0x10
    EXCLUSIVE = 0x20


class Operation(Enum):
    """What a request asks for; the value stands in recordings and in the log and never changes."""

    OPEN = "open"
    CLOSE = "close"
    READ = "read"
    WRITE = "write"
    LSTAT = "lstat"
    FSTAT = "fstat"
    SETSTAT = "setstat"
    FSETSTAT = "fsetstat"
    OPENDIR = "opendir"
    READDIR = "readdir"
    REMOVE = "remove"
    MKDIR = "mkdir"
    RMDIR = "rmdir"
    REALPATH = "realpath"
    STAT = "stat"
    RENAME = "rename"
    READLINK = "readlink"
    SYMLINK = "symlink"
    POSIX_RENAME = "posix_rename"
    HARDLINK = "hardlink"
    STATVFS = "statvfs"
    FSTATVFS = "fstatvfs"
    FSYNC = "fsync"
    LSETSTAT = "lsetstat"
    LIMITS = "limits"
    EXPAND_PATH = "expand_path"
    COPY_DATA = "copy_data"
    HOME_DIRECTORY = "home_directory"
    USERS_GROUPS = "users_groups"
    UNKNOWN = "unknown"


EXTENSIONS: Final = {
    b"posix-rename@openssh.com": Operation.POSIX_RENAME,
    b"hardlink@openssh.com": Operation.HARDLINK,
    b"statvfs@openssh.com": Operation.STATVFS,
    b"fstatvfs@openssh.com": Operation.FSTATVFS,
    b"fsync@openssh.com": Operation.FSYNC,
    b"lsetstat@openssh.com": Operation.LSETSTAT,
    b"limits@openssh.com": Operation.LIMITS,
    b"expand-path@openssh.com": Operation.EXPAND_PATH,
    b"copy-data": Operation.COPY_DATA,
    b"home-directory": Operation.HOME_DIRECTORY,
    b"users-groups-by-id@openssh.com": Operation.USERS_GROUPS,
}

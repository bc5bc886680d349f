"""What SFTP servers answer (sections 4 and 7 of the draft), and the one answer that we write ourselves: a status.

Of answers only that is read which tells how an operation ended and what content passed. The type must be one that the
operation can have; which request an answer belongs to, by its id, is for the caller to know.
"""

from dataclasses import dataclass
from typing import Final

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.sftp.codes import HANDLE_BYTES_MAX, PACKET_BYTES_MAX, Operation, PacketType, Status
from doorward.wire.sftp.packets import Packet
from doorward.wire.ssh.fields import FieldReader, encode_string, encode_text, encode_uint32

_TYPES: Final = frozenset(
    {
        PacketType.STATUS,
        PacketType.HANDLE,
        PacketType.DATA,
        PacketType.NAME,
        PacketType.ATTRS,
        PacketType.EXTENDED_REPLY,
    }
)
_HANDLE_OPERATIONS: Final = frozenset({Operation.OPEN, Operation.OPENDIR})
_NAME_OPERATIONS: Final = frozenset(
    {Operation.READDIR, Operation.REALPATH, Operation.READLINK, Operation.EXPAND_PATH, Operation.HOME_DIRECTORY}
)
_ATTRIBUTE_OPERATIONS: Final = frozenset({Operation.STAT, Operation.LSTAT, Operation.FSTAT})
_EXTENDED_OPERATIONS: Final = frozenset(
    {Operation.STATVFS, Operation.FSTATVFS, Operation.LIMITS, Operation.USERS_GROUPS}
)


@dataclass(frozen=True, slots=True)
class Version:
    """The server's first packet: the version that is spoken from here on."""

    version: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. `code` of a STATUS; `handle` of a HANDLE; `data` of DATA; all that a NAME holds as `names`."""

    id: int
    type: PacketType
    code: int = Status.OK
    handle: bytes = b""
    data: bytes = b""
    names: bytes = b""

    def fits(self, operation: Operation) -> bool:
        """Whether `operation` can be answered so."""
        return self.type is PacketType.STATUS or self.type is _success(operation)


def parse_answer(packet: Packet) -> Version | Answer:
    """What a packet of the server says; `RemoteProtocolError` when it is not an answer or not a whole one."""
    reader = FieldReader(packet.body)
    if packet.type == PacketType.VERSION:
        return Version(reader.uint32())
    if packet.type not in _TYPES:
        raise RemoteProtocolError("reading SFTP: a packet that is no answer")
    identity, kind = reader.uint32(), PacketType(packet.type)
    if kind is PacketType.STATUS:
        # Old servers leave the text out; it is not ours to judge.
        return Answer(identity, kind, code=reader.uint32())
    if kind is PacketType.HANDLE:
        answer = Answer(identity, kind, handle=reader.string(HANDLE_BYTES_MAX))
    elif kind is PacketType.DATA:
        answer = Answer(identity, kind, data=reader.string(PACKET_BYTES_MAX))
    else:
        return Answer(identity, kind, names=packet.body[4:] if kind is PacketType.NAME else b"")
    reader.expect_end()
    return answer


def encode_status(identity: int, status: int, line: str) -> bytes:
    """A whole STATUS packet of our own."""
    body = bytes((PacketType.STATUS,)) + encode_uint32(identity) + encode_uint32(status)
    return encode_string(body + encode_text(line) + encode_text("en"))


def _success(operation: Operation) -> PacketType | None:
    if operation in _HANDLE_OPERATIONS:
        return PacketType.HANDLE
    if operation is Operation.READ:
        return PacketType.DATA
    if operation in _NAME_OPERATIONS:
        return PacketType.NAME
    if operation in _ATTRIBUTE_OPERATIONS:
        return PacketType.ATTRS
    return PacketType.EXTENDED_REPLY if operation in _EXTENDED_OPERATIONS else None

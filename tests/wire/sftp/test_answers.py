"""What SFTP servers answer, and the one answer of our own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import sftp

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.sftp.answers import Answer, Version, encode_status, parse_answer
from doorward.wire.sftp.codes import Operation, PacketType, Status
from doorward.wire.sftp.packets import Packet
from doorward.wire.ssh.fields import encode_uint32

FITTING = {
    Operation.OPEN: PacketType.HANDLE,
    Operation.OPENDIR: PacketType.HANDLE,
    Operation.READ: PacketType.DATA,
    Operation.READDIR: PacketType.NAME,
    Operation.REALPATH: PacketType.NAME,
    Operation.READLINK: PacketType.NAME,
    Operation.EXPAND_PATH: PacketType.NAME,
    Operation.HOME_DIRECTORY: PacketType.NAME,
    Operation.STAT: PacketType.ATTRS,
    Operation.LSTAT: PacketType.ATTRS,
    Operation.FSTAT: PacketType.ATTRS,
    Operation.STATVFS: PacketType.EXTENDED_REPLY,
    Operation.FSTATVFS: PacketType.EXTENDED_REPLY,
    Operation.LIMITS: PacketType.EXTENDED_REPLY,
    Operation.USERS_GROUPS: PacketType.EXTENDED_REPLY,
}


def parsed(raw: bytes) -> Version | Answer:
    return parse_answer(Packet(raw[4], raw))


def test_each_kind_of_answer_is_read() -> None:
    assert parsed(sftp.version()) == Version(3)
    assert parsed(sftp.status(5, Status.EOF)) == Answer(5, PacketType.STATUS, code=Status.EOF)
    assert parsed(sftp.handle(5, b"h")) == Answer(5, PacketType.HANDLE, handle=b"h")
    assert parsed(sftp.content(5, b"data")) == Answer(5, PacketType.DATA, data=b"data")
    assert parsed(sftp.attributes(5)) == Answer(5, PacketType.ATTRS)
    listed = parsed(sftp.names(5, b"a", b"b"))
    assert isinstance(listed, Answer)
    assert listed.names == sftp.names(5, b"a", b"b")[9:]


def test_a_status_without_its_text_is_read() -> None:
    short = sftp.packet(PacketType.STATUS, encode_uint32(5), encode_uint32(2))
    assert parsed(short) == Answer(5, PacketType.STATUS, code=2)


@pytest.mark.parametrize("operation", Operation)
def test_an_operation_is_answered_by_a_status_or_by_its_own_kind_only(operation: Operation) -> None:
    kinds = [kind for kind in PacketType if Answer(1, kind).fits(operation)]
    assert set(kinds) == {PacketType.STATUS, *([FITTING[operation]] if operation in FITTING else [])}


@given(identity=st.integers(min_value=0, max_value=2**32 - 1), code=st.sampled_from(Status), line=st.text())
def test_our_own_status_is_one_whole_packet(identity: int, code: Status, line: str) -> None:
    raw = encode_status(identity, code, line)
    assert raw == sftp.request_status(identity, code, line.encode())
    assert parsed(raw) == Answer(identity, PacketType.STATUS, code=code)


@pytest.mark.parametrize(
    "raw",
    [
        sftp.init(),
        sftp.opening(1, b"/a", 1),
        sftp.packet(99),
        sftp.packet(PacketType.STATUS, encode_uint32(5)),
        sftp.handle(5, b"h" * 257),
        sftp.handle(5) + b"\0",
        sftp.content(5, b"data")[:-1],
    ],
)
def test_what_is_no_answer_is_an_error(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parsed(raw)


@given(kind=st.integers(min_value=0, max_value=255), body=st.binary(max_size=80))
def test_noise_is_an_answer_or_an_error(kind: int, body: bytes) -> None:
    try:
        answer = parsed(sftp.packet(kind, body))
    except RemoteProtocolError:
        return
    assert isinstance(answer, Answer | Version)

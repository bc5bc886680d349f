"""What clients ask of an SFTP server: read whole, or not at all."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import sftp

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.sftp.codes import EXTENSIONS, OpenFlag, Operation, PacketType
from doorward.wire.sftp.packets import Packet
from doorward.wire.sftp.requests import EXTENDED_ATTRIBUTES_MAX, Attributes, Init, Request, parse_request
from doorward.wire.ssh.fields import encode_string, encode_uint32, encode_uint64

BYTES = st.binary(max_size=40)
IDS = st.integers(min_value=0, max_value=2**32 - 1)
OFFSETS = st.integers(min_value=0, max_value=2**64 - 1)


def parsed(raw: bytes) -> Init | Request:
    return parse_request(Packet(raw[4], raw))


@pytest.mark.parametrize("operation", Operation)
def test_every_operation_is_read(operation: Operation) -> None:
    request = parsed(sftp.EVERY_REQUEST[operation])
    assert isinstance(request, Request)
    assert (request.id, request.operation) == (1, operation)


@pytest.mark.parametrize("operation", [each for each in Operation if each is not Operation.UNKNOWN])
def test_a_request_with_a_byte_more_or_less_is_none(operation: Operation) -> None:
    raw = sftp.EVERY_REQUEST[operation]
    for other in (raw + b"\0", raw[:-1]):
        with pytest.raises(RemoteProtocolError):
            parsed(other)


def test_every_extension_that_is_known_has_a_packet_in_these_tests() -> None:
    assert set(EXTENSIONS.values()) < set(sftp.EVERY_REQUEST)


@given(identity=IDS, path=BYTES, flags=IDS)
def test_what_is_opened_comes_back(identity: int, path: bytes, flags: int) -> None:
    wanted = Request(identity, Operation.OPEN, path=path, flags=flags, attributes=Attributes())
    assert parsed(sftp.opening(identity, path, flags)) == wanted


@given(identity=IDS, offset=OFFSETS, data=BYTES, handle=BYTES)
def test_what_is_written_comes_back(identity: int, offset: int, data: bytes, handle: bytes) -> None:
    wanted = Request(identity, Operation.WRITE, handle=handle, offset=offset, length=len(data), data=data)
    assert parsed(sftp.writing(identity, offset, data, handle)) == wanted


@given(size=OFFSETS, owner=st.tuples(IDS, IDS), permissions=IDS, times=st.tuples(IDS, IDS))
def test_attributes_come_back(size: int, owner: tuple[int, int], permissions: int, times: tuple[int, int]) -> None:
    rest = encode_uint32(0x0F) + encode_uint64(size)
    rest += b"".join(encode_uint32(each) for each in (*owner, permissions, *times))
    request = parsed(sftp.request(PacketType.SETSTAT, 1, b"/a", rest=rest))
    assert isinstance(request, Request)
    assert request.attributes == Attributes(size, owner, permissions, times)


def test_two_paths_come_in_their_order() -> None:
    request = parsed(sftp.EVERY_REQUEST[Operation.RENAME])
    assert isinstance(request, Request)
    assert (request.path, request.new_path) == (b"/a", b"/b")


def test_an_extension_that_nobody_knows_is_named_and_not_read() -> None:
    assert parsed(sftp.extended(b"evil@example.org", 9, b"\xff")) == Request(
        9, Operation.UNKNOWN, name=b"evil@example.org"
    )


@pytest.mark.parametrize(
    "raw",
    [
        sftp.packet(21, encode_uint32(1)),
        sftp.packet(PacketType.STATUS, encode_uint32(1), encode_uint32(0)),
        sftp.packet(PacketType.VERSION, encode_uint32(3)),
        sftp.packet(0),
        sftp.packet(PacketType.INIT),
        sftp.request(PacketType.CLOSE, 1, b"h" * 257),
        sftp.request(PacketType.SETSTAT, 1, b"/a", rest=encode_uint32(0x10)),
        sftp.request(
            PacketType.SETSTAT,
            1,
            b"/a",
            rest=encode_uint32(0x80000000)
            + encode_uint32(EXTENDED_ATTRIBUTES_MAX + 1)
            + encode_string(b"x") * 2 * (EXTENDED_ATTRIBUTES_MAX + 1),
        ),
    ],
)
def test_what_is_no_request_is_an_error(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parsed(raw)


@given(kind=st.integers(min_value=0, max_value=255), body=st.binary(max_size=80))
def test_noise_is_a_request_or_an_error(kind: int, body: bytes) -> None:
    try:
        request = parsed(sftp.packet(kind, body))
    except RemoteProtocolError:
        return
    assert isinstance(request, Init | Request)


@given(operation=st.sampled_from(Operation), data=st.data())
def test_one_flipped_bit_never_raises_anything_else(operation: Operation, data: st.DataObject) -> None:
    raw = bytearray(sftp.EVERY_REQUEST[operation])
    raw[data.draw(st.integers(min_value=4, max_value=len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(RemoteProtocolError):
        parsed(bytes(raw))


def test_flags_are_those_of_the_draft() -> None:
    assert [flag.value for flag in OpenFlag] == [1, 2, 4, 8, 16, 32]

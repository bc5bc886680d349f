"""SFTP's packets: cut out of a stream however it came, whole and unchanged."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.errors import LocalProtocolError, RemoteProtocolError
from doorward.wire.sftp.codes import PACKET_BYTES_MAX
from doorward.wire.sftp.packets import NEED_DATA, NeedData, Packet, PacketReader
from doorward.wire.ssh.fields import encode_string, encode_uint32

PACKETS = st.lists(st.binary(min_size=1, max_size=64).map(encode_string), max_size=8)


def drained(reader: PacketReader) -> list[Packet]:
    found = []
    while not isinstance(packet := reader.next_packet(), NeedData):
        found.append(packet)
    return found


@given(packets=PACKETS, cuts=st.lists(st.integers(min_value=0, max_value=600), max_size=12))
def test_packets_do_not_depend_on_how_the_network_cut_the_bytes(packets: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(packets)
    reader, found = PacketReader(), []
    places = sorted({0, len(wire), *(min(cut, len(wire)) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        reader.receive(wire[start:end])
        found += drained(reader)
    assert [packet.raw for packet in found] == packets
    assert [bytes((packet.type,)) + packet.body for packet in found] == [packet[4:] for packet in packets]
    assert reader.held_bytes == 0


@pytest.mark.parametrize("length", [0, PACKET_BYTES_MAX + 1, 2**32 - 1])
def test_a_length_that_can_not_be_is_an_error_at_once_and_for_good(length: int) -> None:
    reader = PacketReader()
    reader.receive(encode_uint32(length))
    with pytest.raises(RemoteProtocolError):
        reader.next_packet()
    with pytest.raises(LocalProtocolError):
        reader.receive(b"x")


def test_the_longest_packet_passes() -> None:
    reader = PacketReader()
    whole = encode_string(b"\5" * PACKET_BYTES_MAX)
    reader.receive(whole[:-1])
    assert reader.next_packet() is NEED_DATA
    reader.receive(whole[-1:])
    assert drained(reader) == [Packet(5, whole)]


@given(noise=st.binary(max_size=200))
def test_noise_gives_packets_or_an_error_and_nothing_is_made_up(noise: bytes) -> None:
    reader = PacketReader()
    reader.receive(noise)
    try:
        found = drained(reader)
    except RemoteProtocolError:
        return
    assert b"".join(packet.raw for packet in found) == noise[: len(noise) - reader.held_bytes]

"""The PROXY header: there and back, in pieces, and what is none."""

import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.proxy_protocol.header import (
    FIXED_BYTES,
    KEY_NAME_BYTES_MAX,
    SIGNATURE,
    Endpoint,
    NeedBytes,
    ProxyHeader,
    encode_header,
    encode_proven_header,
    is_proven,
    key_name_in,
    parse_header,
)

ENDPOINTS = st.builds(Endpoint, st.ip_addresses().map(str), st.integers(min_value=0, max_value=65_535))
V4 = Endpoint("192.0.2.7", 51_000)
HEADER = encode_header(V4, Endpoint("198.51.100.1", 3443))
PROVEN = encode_proven_header(V4, Endpoint("198.51.100.1", 3443), b"key")


def usual(endpoint: Endpoint) -> Endpoint:
    address = ipaddress.ip_address(endpoint.address)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return Endpoint(str(mapped or address), endpoint.port)


@given(source=ENDPOINTS, destination=ENDPOINTS, rest=st.binary(max_size=40))
def test_a_header_is_read_back_whatever_follows(source: Endpoint, destination: Endpoint, rest: bytes) -> None:
    encoded = encode_header(source, destination)
    assert parse_header(encoded + rest) == (ProxyHeader(usual(source), usual(destination)), len(encoded))


def test_the_bytes_are_those_of_the_specification() -> None:
    assert HEADER.hex() == "0d0a0d0a000d0a515549540a" + "2111000c" + "c0000207" + "c6336401" + "c738" + "0d73"


@given(cut=st.integers(min_value=0, max_value=len(HEADER) - 1))
def test_a_prefix_asks_for_more(cut: int) -> None:
    parsed = parse_header(HEADER[:cut])
    assert isinstance(parsed, NeedBytes)
    assert cut < parsed.count <= len(HEADER)


def test_additional_values_are_skipped() -> None:
    longer = HEADER[:14] + (12 + 5).to_bytes(2, "big") + HEADER[16:] + b"\x04\0\x02ab"
    parsed = parse_header(longer)
    assert not isinstance(parsed, NeedBytes)
    assert (parsed[0].source, parsed[1]) == (V4, len(longer))


def test_a_sender_may_speak_for_itself() -> None:
    assert parse_header(SIGNATURE + b"\x20\x00\0\0") == (ProxyHeader(None, None), 16)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01",
        b"PROXY TCP4 192.0.2.1",
        SIGNATURE + b"\x11\x11\0\x0c" + bytes(12),
        SIGNATURE + b"\x22\x11\0\x0c" + bytes(12),
        SIGNATURE + b"\x21\x12\0\x0c" + bytes(12),
        SIGNATURE + b"\x21\x31\0\xd8" + bytes(216),
        SIGNATURE + b"\x21\x11\0\x0b" + bytes(11),
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_header(data)


@given(noise=st.binary(max_size=100))
def test_noise_is_refused_or_incomplete(noise: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        assert parse_header(SIGNATURE[:6] + noise) is not None


NAMES = st.text(st.characters(max_codepoint=127), max_size=KEY_NAME_BYTES_MAX)


@given(source=ENDPOINTS, destination=ENDPOINTS, key=st.binary(min_size=1, max_size=64), name=NAMES)
def test_a_proven_header_says_the_same_and_is_proven_by_its_key_alone(
    source: Endpoint, destination: Endpoint, key: bytes, name: str
) -> None:
    encoded = encode_proven_header(source, destination, key, name)
    assert key_name_in(encoded) == name
    assert parse_header(encoded) == (ProxyHeader(usual(source), usual(destination)), len(encoded))
    assert is_proven(encoded, key)
    assert not is_proven(encoded, key + b"x")
    assert not is_proven(encode_header(source, destination), key)


@given(at=st.integers(0, len(PROVEN) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_is_no_proof(at: int, bit: int) -> None:
    changed = bytearray(PROVEN)
    changed[at] ^= 1 << bit
    assert not is_proven(bytes(changed), b"key")


@pytest.mark.parametrize("header", [PROVEN, encode_proven_header(V4, V4, b""), b"", PROVEN[:-1], PROVEN[-32:]])
def test_an_empty_key_and_a_cut_header_prove_nothing(header: bytes) -> None:
    assert not is_proven(header, b"")
    assert not is_proven(header[:-1], b"key")


@given(data=st.binary(max_size=120))
def test_noise_names_a_key_only_where_a_proof_has_room(data: bytes) -> None:
    assert key_name_in(HEADER + data) is None or len(data) >= 3 + 32
    assert key_name_in(data) is None or len(data) >= FIXED_BYTES + 3 + 32


@pytest.mark.parametrize(
    "rest",
    [
        b"\xe0\x00\x1f" + bytes(31),
        b"\xe0\x00\x21" + bytes(32),
        b"\xe0\x00\x20" + bytes(33),
        b"\xe1\x00\x20" + bytes(32),
        b"\xe0\x00\x21\xff" + bytes(32),
        b"\xe0\x00\x61" + b"x" * 65 + bytes(32),
    ],
    ids=["short", "cut", "something after", "another type", "no text", "long name"],
)
def test_what_does_not_end_with_a_proof_names_no_key(rest: bytes) -> None:
    assert key_name_in(HEADER + rest) is None


def test_the_proof_may_stand_behind_other_values_and_must_be_the_last() -> None:
    other, proof = b"\x04\x00\x02ab", b"\xe0\x00\x21x" + bytes(32)
    assert key_name_in(HEADER + other + proof) == "x"
    assert key_name_in(HEADER + proof + other) is None

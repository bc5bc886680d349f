"""Reading SNI and ALPN from hellos that real TLS stacks wrote, from pieces of them, and from noise."""

import contextlib
import ssl

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.tls.client_hello import ClientHello, NeedBytes, parse_client_hello


def real_hello(name: str | None = None, protocols: list[str] | None = None) -> bytes:
    """What OpenSSL says first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    if protocols:
        context.set_alpn_protocols(protocols)
    outgoing = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


HELLO = real_hello("authority.example.org", ["h2", "http/1.1"])
EXPECTED = ClientHello("authority.example.org", ("h2", "http/1.1"))


def recut(hello: bytes, size: int) -> bytes:
    """The same handshake message in records of at most `size` bytes."""
    message = hello[5:]
    pieces = [message[start : start + size] for start in range(0, len(message), size)]
    return b"".join(hello[:3] + len(piece).to_bytes(2, "big") + piece for piece in pieces)


def test_a_real_hello_tells_its_name_and_protocols() -> None:
    assert parse_client_hello(HELLO) == EXPECTED
    assert parse_client_hello(HELLO + b"more") == EXPECTED


def test_a_hello_to_an_address_names_nobody() -> None:
    assert parse_client_hello(real_hello()) == ClientHello(None, ())


def test_a_name_is_in_lower_case() -> None:
    assert parse_client_hello(HELLO.replace(b"authority.example.org", b"AUTHORITY.example.ORG")) == EXPECTED


@given(size=st.integers(min_value=64, max_value=600))
def test_a_hello_may_be_cut_into_records(size: int) -> None:
    assert parse_client_hello(recut(HELLO, size)) == EXPECTED


def test_too_many_records_are_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_client_hello(recut(HELLO, 4))


@given(cut=st.integers(min_value=0, max_value=len(HELLO) - 1))
def test_a_prefix_asks_for_more_and_never_for_less_than_it_has(cut: int) -> None:
    parsed = parse_client_hello(HELLO[:cut])
    assert isinstance(parsed, NeedBytes)
    assert cut < parsed.count <= len(HELLO)


@given(position=st.integers(min_value=0, max_value=len(HELLO) - 1), byte=st.integers(min_value=0, max_value=255))
def test_an_altered_hello_is_read_refused_or_incomplete_but_nothing_else(position: int, byte: int) -> None:
    altered = bytearray(HELLO)
    altered[position] = byte
    try:
        assert isinstance(parse_client_hello(bytes(altered)), ClientHello | NeedBytes)
    except RemoteProtocolError:
        assume(altered != bytearray(HELLO))


@given(noise=st.binary(max_size=200))
def test_noise_is_refused_or_incomplete(noise: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        assert isinstance(parse_client_hello(b"\x16\x03\x01" + noise), ClientHello | NeedBytes)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\x15\x03\x01\0\x02\x01\0",
        b"\x16\x02\0\0\x05",
        b"\x16\x03\x01\0\0",
        b"\x16\x03\x01\x40\x01",
        b"\x16\x03\x01\0\x04\x02\0\0\0",
        b"\x16\x03\x01\0\x04\x01\xff\xff\xff",
    ],
)
def test_what_is_no_hello_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_client_hello(data)


@pytest.mark.parametrize("name", [b"authority example.org", b"authority\x00example.org", b"authority\xffexample.org"])
def test_a_name_that_is_no_name_is_refused(name: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_client_hello(HELLO.replace(b"authority.example.org", name))

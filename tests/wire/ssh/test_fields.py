"""RFC 4251's types: round trips, RFC examples, and refusal of everything that only looks like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.fields import (
    FieldReader,
    encode_mpint,
    encode_string,
    encode_text,
    encode_uint32,
    encode_uint64,
)

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)


@given(st.binary(max_size=50), TEXTS, st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**600))
def test_fields_read_back_as_written(raw: bytes, text: str, short: int, long: int, number: int) -> None:
    wire = encode_string(raw) + encode_text(text) + encode_uint32(short) + encode_uint64(long) + encode_mpint(number)
    reader = FieldReader(wire)
    assert reader.string(50) == raw
    assert reader.text(200) == text
    assert (reader.uint32(), reader.uint64(), reader.mpint()) == (short, long, number)
    reader.expect_end()


@pytest.mark.parametrize(
    ("number", "wire"),
    [  # RFC 4251 section 5
        (0, "00000000"),
        (0x9A378F9B2E332A7, "0000000809a378f9b2e332a7"),
        (0x80, "000000020080"),
    ],
)
def test_mpint_is_encoded_as_in_the_rfc(number: int, wire: str) -> None:
    assert encode_mpint(number).hex() == wire


@pytest.mark.parametrize("wire", ["0000000100", "00000002007f", "00000001ff", "0000000180"])
def test_mpint_that_is_negative_or_padded_is_refused(wire: str) -> None:
    with pytest.raises(RemoteProtocolError):
        FieldReader(bytes.fromhex(wire)).mpint()


def test_negative_number_is_never_written() -> None:
    with pytest.raises(ValueError, match="negative"):
        encode_mpint(-1)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_message_cut_anywhere_inside_a_field_is_refused(raw: bytes, data: st.DataObject) -> None:
    wire = encode_string(raw)
    cut = data.draw(st.integers(0, len(wire) - 1))
    with pytest.raises(RemoteProtocolError):
        FieldReader(wire[:cut]).string(100)


def test_string_longer_than_its_field_may_be_is_refused_before_it_is_read() -> None:
    with pytest.raises(RemoteProtocolError, match="longer"):
        FieldReader(encode_uint32(2**32 - 1)).string(10)


@pytest.mark.parametrize("raw", [b"\xff", b"a\0b", b"\xed\xa0\x80"])
def test_text_that_two_readers_would_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        FieldReader(encode_string(raw)).text(10)


def test_boolean_is_zero_or_one() -> None:
    assert FieldReader(b"\x01").boolean()
    assert not FieldReader(b"\x00").boolean()
    with pytest.raises(RemoteProtocolError):
        FieldReader(b"\x02").boolean()


def test_bytes_after_the_last_field_are_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="follow"):
        FieldReader(b"x").expect_end()

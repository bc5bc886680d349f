"""Key blobs and lines: our reading against ssh-keygen's and asyncssh's making, and refusals."""

import base64
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ssh_keys import make_key
from tests.support.ssh_values import BLOBS

from doorward.base.errors import Invalid
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.fields import encode_string, encode_text
from doorward.wire.ssh.public_key import (
    PUBLIC_KEY_BYTES_MAX,
    RsaKey,
    ed25519_blob,
    encode_public_key,
    parse_public_key,
    parse_public_key_line,
    public_key_line,
)


@given(BLOBS)
def test_every_accepted_kind_reads_back_as_written(blob: bytes) -> None:
    assert encode_public_key(*parse_public_key(blob)) == blob


@given(BLOBS, st.data())
def test_prefix_of_a_key_is_no_key(blob: bytes, data: st.DataObject) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_public_key(blob[: data.draw(st.integers(0, len(blob) - 1))])


@given(BLOBS, st.data())
def test_flipped_bit_is_refused_or_gives_exactly_what_it_says(blob: bytes, data: st.DataObject) -> None:
    bit = data.draw(st.integers(0, 8 * len(blob) - 1))
    flipped = bytearray(blob)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        name, key = parse_public_key(bytes(flipped))
    except RemoteProtocolError:
        return
    assert encode_public_key(name, key) == bytes(flipped)


@given(st.binary(max_size=100))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_public_key(noise)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_keys_of_ssh_keygen_are_read(kind: str, tmp_path: Path) -> None:
    line = make_key(tmp_path / "key", kind=kind).public_line
    blob = parse_public_key_line(line)
    assert encode_public_key(*parse_public_key(blob)) == blob
    assert public_key_line(blob, "test") == line


@pytest.mark.parametrize("algorithm", ["ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa", "ssh-ed25519"])
def test_keys_of_asyncssh_are_read(algorithm: str) -> None:
    key = asyncssh.generate_private_key(algorithm)
    name, parsed = parse_public_key(key.public_data)
    assert name == algorithm
    assert encode_public_key(name, parsed) == key.public_data


def test_rsa_numbers_are_those_of_the_key() -> None:
    key: Any = asyncssh.generate_private_key("ssh-rsa", key_size=2048)
    numbers = key.pyca_key.public_key().public_numbers()
    assert parse_public_key(key.public_data)[1] == RsaKey(numbers.e, numbers.n)


@pytest.mark.parametrize("name", ["ssh-dss", "ssh-ed448", "ssh-rsa-cert-v01@openssh.com", ""])
def test_other_kinds_are_refused(name: str) -> None:
    with pytest.raises(RemoteProtocolError, match="kind"):
        parse_public_key(encode_text(name) + encode_string(bytes(57)))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_ed25519_key_has_32_bytes(length: int) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_public_key(encode_text("ssh-ed25519") + encode_string(bytes(length)))


def test_curve_must_be_the_one_in_the_name() -> None:
    blob = encode_text("ecdsa-sha2-nistp256") + encode_text("nistp384") + encode_string(b"\x04" + bytes(64))
    with pytest.raises(RemoteProtocolError, match="curve"):
        parse_public_key(blob)


def test_compressed_point_is_refused() -> None:
    blob = encode_text("ecdsa-sha2-nistp256") + encode_text("nistp256") + encode_string(b"\x02" + bytes(32))
    with pytest.raises(RemoteProtocolError, match="uncompressed"):
        parse_public_key(blob)


def test_oversize_key_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="too long"):
        parse_public_key(bytes(PUBLIC_KEY_BYTES_MAX + 1))


BLOB = ed25519_blob(bytes(32))
BASE64 = base64.b64encode(BLOB).decode()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        f"ssh-rsa {BASE64}",
        f"ssh-ed25519 {BASE64}\nssh-ed25519 {BASE64}",
        f"ssh-ed25519 {BASE64[:-5]}*AAA=",
        f"no-pty ssh-ed25519 {BASE64}",
        "ssh-ed25519 AAAA",
        "x" * 30_000,
    ],
)
def test_line_that_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(Invalid):
        parse_public_key_line(line)


def test_line_may_have_a_comment_with_spaces() -> None:
    assert parse_public_key_line(f"ssh-ed25519 {BASE64} alice at home\n") == BLOB

"""Signature blobs: round trips and the closed list of algorithms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.fields import encode_mpint, encode_string, encode_text
from doorward.wire.ssh.signature import (
    RAW_SIGNATURE_BYTES_MAX,
    SIGNATURE_ALGORITHMS,
    Signature,
    encode_signature,
    parse_ecdsa_pair,
    parse_signature,
)

ALGORITHMS = st.sampled_from(sorted(SIGNATURE_ALGORITHMS))


@given(ALGORITHMS, st.binary(max_size=300), st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_signature_reads_back_as_written(algorithm: str, raw: bytes, flags: int, counter: int) -> None:
    from_token = algorithm.startswith("sk-")
    signature = Signature(algorithm, raw, flags if from_token else 0, counter if from_token else 0)
    assert parse_signature(encode_signature(signature)) == signature


@given(ALGORITHMS, st.binary(max_size=100), st.data())
def test_prefix_and_overhang_are_refused(algorithm: str, raw: bytes, data: st.DataObject) -> None:
    blob = encode_signature(Signature(algorithm, raw))
    with pytest.raises(RemoteProtocolError):
        parse_signature(blob[: data.draw(st.integers(0, len(blob) - 1))])
    with pytest.raises(RemoteProtocolError):
        parse_signature(blob + b"\0")


@pytest.mark.parametrize("algorithm", ["ssh-rsa", "ssh-dss", "", "rsa-sha2-512-cert-v01@openssh.com"])
def test_other_algorithms_are_refused_above_all_sha1(algorithm: str) -> None:
    with pytest.raises(RemoteProtocolError, match="algorithm"):
        parse_signature(encode_text(algorithm) + encode_string(bytes(64)))


def test_oversize_signature_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="longer"):
        parse_signature(encode_text("ssh-ed25519") + encode_string(bytes(RAW_SIGNATURE_BYTES_MAX + 1)))


@given(st.integers(0, 2**521), st.integers(0, 2**521))
def test_ecdsa_pair_reads_back(r: int, s: int) -> None:
    raw = encode_mpint(r) + encode_mpint(s)
    assert parse_ecdsa_pair(raw) == (r, s)
    with pytest.raises(RemoteProtocolError):
        parse_ecdsa_pair(raw + b"\0")

"""The bytes that a client signs: round trips, both methods, and nothing that only resembles them."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ssh_values import PROOFS

from doorward.wire.errors import RemoteProtocolError
from doorward.wire.ssh.userauth import (
    METHOD_HOSTBOUND,
    METHOD_PLAIN,
    SIGNED_BYTES_MAX,
    PublicKeyProof,
    encode_userauth_publickey,
    parse_userauth_publickey,
)

PLAIN = PublicKeyProof(
    session_id=bytes(32),
    user_name="root@prod-web-01",
    service="ssh-connection",
    method=METHOD_PLAIN,
    algorithm="ssh-ed25519-cert-v01@openssh.com",
    key_blob=b"certificate",
    server_host_key=None,
)
BOUND = dataclasses.replace(PLAIN, method=METHOD_HOSTBOUND, server_host_key=b"host certificate")


@given(PROOFS)
def test_proof_reads_back_as_signed(proof: PublicKeyProof) -> None:
    assert parse_userauth_publickey(encode_userauth_publickey(proof)) == proof


@given(PROOFS, st.data())
def test_prefix_of_a_proof_proves_nothing(proof: PublicKeyProof, data: st.DataObject) -> None:
    signed = encode_userauth_publickey(proof)
    with pytest.raises(RemoteProtocolError):
        parse_userauth_publickey(signed[: data.draw(st.integers(0, len(signed) - 1))])


@given(PROOFS, st.data())
def test_flipped_bit_is_refused_or_gives_exactly_what_it_says(proof: PublicKeyProof, data: st.DataObject) -> None:
    signed = bytearray(encode_userauth_publickey(proof))
    bit = data.draw(st.integers(0, 8 * len(signed) - 1))
    signed[bit // 8] ^= 1 << bit % 8
    try:
        read = parse_userauth_publickey(bytes(signed))
    except RemoteProtocolError:
        return
    assert encode_userauth_publickey(read) == bytes(signed)


@given(st.binary(max_size=200))
def test_noise_proves_nothing(noise: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_userauth_publickey(noise)


@pytest.mark.parametrize(
    "change",
    [
        {"service": "ssh-userauth"},
        {"method": "password"},
        {"method": "hostbased"},
        {"algorithm": "ssh-rsa"},
        {"algorithm": "ssh-rsa-cert-v01@openssh.com"},
        {"algorithm": "ssh-dss"},
        {"session_id": b""},
        {"session_id": bytes(19)},
        {"session_id": bytes(65)},
        {"user_name": "root\0@prod-web-01"},
        {"user_name": "x" * 513},
    ],
)
def test_anything_else_signed_by_the_same_key_is_no_proof(change: dict[str, object]) -> None:
    proof = dataclasses.replace(PLAIN, **change)  # type: ignore[arg-type]
    with pytest.raises(RemoteProtocolError):
        parse_userauth_publickey(encode_userauth_publickey(proof))


def test_offer_without_signature_is_no_proof() -> None:
    signed = encode_userauth_publickey(PLAIN)
    at = signed.index(b"publickey") + len("publickey")
    assert signed[at] == 1
    with pytest.raises(RemoteProtocolError, match="offer"):
        parse_userauth_publickey(signed[:at] + b"\0" + signed[at + 1 :])


def test_another_message_is_no_proof() -> None:
    signed = bytearray(encode_userauth_publickey(PLAIN))
    signed[36] = 80
    with pytest.raises(RemoteProtocolError, match="not an authentication"):
        parse_userauth_publickey(bytes(signed))


def test_plain_method_with_a_host_key_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="follow"):
        parse_userauth_publickey(encode_userauth_publickey(dataclasses.replace(PLAIN, server_host_key=b"host")))


def test_hostbound_method_without_a_host_key_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_userauth_publickey(encode_userauth_publickey(dataclasses.replace(BOUND, server_host_key=None)))


def test_oversize_proof_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="too long"):
        parse_userauth_publickey(bytes(SIGNED_BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"),
        ("rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512"),
        ("sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com"),
        ("rsa-sha2-256", "rsa-sha2-256"),
    ],
)
def test_request_names_the_algorithm_of_its_signature(name: str, algorithm: str) -> None:
    assert dataclasses.replace(PLAIN, algorithm=name).signature_algorithm == algorithm

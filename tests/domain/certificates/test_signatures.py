"""Signatures by every accepted algorithm, with asyncssh as the other hand, and everything that must not verify."""

import hashlib
from typing import Any

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authorities import ed25519_key

from doorward.domain.certificates.signatures import verify_signature
from doorward.wire.ssh.fields import encode_mpint, encode_string, encode_text
from doorward.wire.ssh.public_key import SK_ECDSA, SK_ED25519, EcdsaKey, Ed25519Key, encode_public_key, public_key_line
from doorward.wire.ssh.signature import Signature, encode_signature

DATA = b"what was signed"
ALGORITHMS = [
    ("ssh-ed25519", "ssh-ed25519"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    ("ssh-rsa", "rsa-sha2-256"),
    ("ssh-rsa", "rsa-sha2-512"),
]
KEYS: dict[str, Any] = {name: asyncssh.generate_private_key(name) for name in dict(ALGORITHMS)}
ED25519, ED25519_BLOB = ed25519_key(5)
P256 = ec.derive_private_key(12345, ec.SECP256R1())


def sk_signed(flags: int, counter: int = 9, application: str = "ssh:") -> bytes:
    return (
        hashlib.sha256(application.encode()).digest()
        + bytes((flags,))
        + counter.to_bytes(4, "big")
        + hashlib.sha256(DATA).digest()
    )


def sk_ed25519(flags: int = 1) -> tuple[bytes, bytes]:
    blob = encode_public_key(SK_ED25519, Ed25519Key(ED25519.public_key().public_bytes_raw(), "ssh:"))
    return blob, encode_signature(Signature(SK_ED25519, ED25519.sign(sk_signed(flags)), flags, 9))


def sk_ecdsa(flags: int = 1) -> tuple[bytes, bytes]:
    point = P256.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    blob = encode_public_key(SK_ECDSA, EcdsaKey("nistp256", point, "ssh:"))
    r, s = decode_dss_signature(P256.sign(sk_signed(flags), ec.ECDSA(SHA256())))
    raw = encode_mpint(r) + encode_mpint(s)
    return blob, encode_signature(Signature(SK_ECDSA, raw, flags, 9))


@pytest.mark.parametrize(("kind", "algorithm"), ALGORITHMS)
def test_signatures_of_asyncssh_verify(kind: str, algorithm: str) -> None:
    key = KEYS[kind]
    signature = key.sign(DATA, algorithm.encode())
    assert verify_signature(key.public_data, algorithm, signature, DATA)
    assert not verify_signature(key.public_data, algorithm, signature, DATA + b"!")


@pytest.mark.parametrize(("kind", "algorithm"), ALGORITHMS)
def test_signature_of_another_key_does_not_verify(kind: str, algorithm: str) -> None:
    other = asyncssh.generate_private_key(kind)
    assert not verify_signature(other.public_data, algorithm, KEYS[kind].sign(DATA, algorithm.encode()), DATA)


@pytest.mark.parametrize(("kind", "algorithm"), ALGORITHMS)
def test_signature_under_another_algorithm_than_announced_does_not_verify(kind: str, algorithm: str) -> None:
    signature = KEYS[kind].sign(DATA, algorithm.encode())
    for _, announced in ALGORITHMS:
        if announced != algorithm:
            assert not verify_signature(KEYS[kind].public_data, announced, signature, DATA)


def test_sha1_never_verifies() -> None:
    signature = KEYS["ssh-rsa"].sign(DATA, b"ssh-rsa")
    assert not verify_signature(KEYS["ssh-rsa"].public_data, "ssh-rsa", signature, DATA)


def test_short_rsa_key_never_verifies() -> None:
    key: Any = asyncssh.generate_private_key("ssh-rsa", key_size=1024)
    assert not verify_signature(key.public_data, "rsa-sha2-256", key.sign(DATA, b"rsa-sha2-256"), DATA)


@pytest.mark.parametrize("make", [sk_ed25519, sk_ecdsa])
def test_touched_token_verifies_here_and_in_asyncssh(make: Any) -> None:
    blob, signature = make()
    algorithm = SK_ED25519 if make is sk_ed25519 else SK_ECDSA
    assert verify_signature(blob, algorithm, signature, DATA)
    oracle: Any = asyncssh.import_public_key(public_key_line(blob))
    assert oracle.verify(DATA, signature)


@pytest.mark.parametrize("make", [sk_ed25519, sk_ecdsa])
@pytest.mark.parametrize("flags", [0, 4, 0xFE])
def test_token_that_nobody_touched_does_not_verify(make: Any, flags: int) -> None:
    blob, signature = make(flags)
    assert not verify_signature(blob, SK_ED25519 if make is sk_ed25519 else SK_ECDSA, signature, DATA)


def test_token_for_another_application_does_not_verify() -> None:
    _, signature = sk_ed25519()
    other = encode_public_key(SK_ED25519, Ed25519Key(ED25519.public_key().public_bytes_raw(), "ssh:other"))
    assert not verify_signature(other, SK_ED25519, signature, DATA)


def test_token_signature_is_no_plain_signature() -> None:
    _, signature = sk_ed25519()
    assert not verify_signature(ED25519_BLOB, SK_ED25519, signature, DATA)
    assert not verify_signature(ED25519_BLOB, "ssh-ed25519", signature, DATA)


def test_rsa_signature_with_dropped_leading_zeros_verifies() -> None:
    key = KEYS["ssh-rsa"]
    for number in range(4_000):
        data = number.to_bytes(2, "big")
        signature = key.sign(data, b"rsa-sha2-256")
        raw = signature[-256:]
        if raw[0] == 0:
            short = encode_text("rsa-sha2-256") + encode_string(raw.lstrip(b"\0"))
            assert verify_signature(key.public_data, "rsa-sha2-256", short, data)
            return
    raise AssertionError("no signature began with a zero")


def test_point_off_the_curve_is_false_and_no_exception() -> None:
    blob = encode_public_key("ecdsa-sha2-nistp256", EcdsaKey("nistp256", b"\x04" + bytes(63) + b"\x05"))
    signature = KEYS["ecdsa-sha2-nistp256"].sign(DATA, b"ecdsa-sha2-nistp256")
    assert not verify_signature(blob, "ecdsa-sha2-nistp256", signature, DATA)


def test_small_order_ed25519_key_is_false_and_no_exception() -> None:
    blob = encode_public_key("ssh-ed25519", Ed25519Key(bytes(32)))
    assert not verify_signature(blob, "ssh-ed25519", encode_signature(Signature("ssh-ed25519", bytes(63))), DATA)


@given(st.binary(max_size=120), st.binary(max_size=120), st.sampled_from([name for _, name in ALGORITHMS]))
def test_noise_is_false_and_no_exception(key: bytes, signature: bytes, algorithm: str) -> None:
    assert not verify_signature(key, algorithm, signature, DATA)
    assert not verify_signature(ED25519_BLOB, algorithm, signature, DATA)


@given(st.data())
def test_flipped_bit_in_a_signature_does_not_verify(data: st.DataObject) -> None:
    signature = bytearray(encode_signature(Signature("ssh-ed25519", ED25519.sign(DATA))))
    bit = data.draw(st.integers(0, 8 * len(signature) - 1))
    signature[bit // 8] ^= 1 << bit % 8
    assert not verify_signature(ED25519_BLOB, "ssh-ed25519", bytes(signature), DATA)


def test_generated_key_is_not_the_fixed_one() -> None:
    assert not verify_signature(
        ED25519_BLOB,
        "ssh-ed25519",
        encode_signature(Signature("ssh-ed25519", Ed25519PrivateKey.generate().sign(DATA))),
        DATA,
    )

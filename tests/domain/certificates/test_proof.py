"""A user's signed sign-in as proof: accepted once whole, refused with any part exchanged."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.authorities import ed25519_key, ssh_authority

from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Refused
from doorward.base.ids import GatewayId, SignInId, UserId, new_id
from doorward.domain.certificates import refusals
from doorward.domain.certificates.proof import ProvenSignIn, check_sign_in_proof
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.ssh_profiles import face_fields, user_fields
from doorward.wire.ssh.signature import Signature, encode_signature
from doorward.wire.ssh.userauth import METHOD_HOSTBOUND, METHOD_PLAIN, PublicKeyProof, encode_userauth_publickey

ENTROPY = SeededEntropy(8)
USER, SIGN_IN, GATEWAY = (new_id(ENTROPY) for _ in range(3))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
USER_CA, FACE_CA = ssh_authority(Purpose.USER_SSH), ssh_authority(Purpose.FACE_HOST)
PRIVATE, PUBLIC = ed25519_key(20)
_, FACE_KEY = ed25519_key(21)
CERTIFICATE = USER_CA.sign(
    user_fields(user_id=UserId(USER), sign_in_id=SignInId(SIGN_IN), public_key=PUBLIC, serial=9, now=NOW), bytes(32)
)
FACE = FACE_CA.sign(
    face_fields(gateway_id=GatewayId(GATEWAY), name="prod-web-01.dw", public_key=FACE_KEY, serial=4, now=NOW), bytes(32)
)
BOUND = PublicKeyProof(
    bytes(range(32)),
    "root",
    "ssh-connection",
    METHOD_HOSTBOUND,
    "ssh-ed25519-cert-v01@openssh.com",
    CERTIFICATE,
    FACE,
)
UNBOUND = dataclasses.replace(BOUND, method=METHOD_PLAIN, server_host_key=None, user_name="root@prod-web-01")


def sign(data: bytes) -> bytes:
    return encode_signature(Signature("ssh-ed25519", PRIVATE.sign(data)))


def check(signed: bytes, signature: bytes, now: datetime = NOW) -> ProvenSignIn:
    return check_sign_in_proof(
        signed, signature, user_ca_keys={USER_CA.public_blob}, face_ca_keys={FACE_CA.public_blob}, now=now
    )


def proven(proof: PublicKeyProof, now: datetime = NOW) -> ProvenSignIn:
    signed = encode_userauth_publickey(proof)
    return check(signed, sign(signed), now)


def test_bound_proof_says_who_where_and_through_which_gateway() -> None:
    sign_in = proven(BOUND)
    assert (sign_in.identity.user_id, sign_in.identity.serial) == (USER, 9)
    assert (sign_in.session_id, sign_in.user_name) == (bytes(range(32)), "root")
    assert sign_in.is_bound
    assert sign_in.face is not None
    assert (sign_in.face.name, sign_in.face.gateway_id) == ("prod-web-01.dw", GATEWAY)


def test_older_method_proves_who_and_binds_no_host() -> None:
    sign_in = proven(UNBOUND)
    assert sign_in.identity.user_id == USER
    assert not sign_in.is_bound


def test_signature_over_other_bytes_proves_nothing() -> None:
    signed = encode_userauth_publickey(BOUND)
    other = encode_userauth_publickey(dataclasses.replace(BOUND, session_id=bytes(32)))
    with pytest.raises(refusals.ProofRefused):
        check(signed, sign(other))


def test_signature_of_another_key_proves_nothing() -> None:
    signed = encode_userauth_publickey(BOUND)
    thief, _ = ed25519_key(99)
    with pytest.raises(refusals.ProofRefused):
        check(signed, encode_signature(Signature("ssh-ed25519", thief.sign(signed))))


def test_bare_key_proves_nothing() -> None:
    with pytest.raises(refusals.ProofRefused, match="certificate"):
        proven(dataclasses.replace(BOUND, algorithm="ssh-ed25519", key_blob=PUBLIC))


def test_bare_host_key_binds_nothing() -> None:
    with pytest.raises(refusals.ProofRefused):
        proven(dataclasses.replace(BOUND, server_host_key=FACE_KEY))


def test_certificate_name_that_is_not_the_keys_proves_nothing() -> None:
    with pytest.raises(Refused):
        proven(dataclasses.replace(BOUND, algorithm="rsa-sha2-512-cert-v01@openssh.com"))


def test_old_name_of_the_gateway_proves_nothing_though_the_user_is_live() -> None:
    with pytest.raises(refusals.CertificateExpired):
        proven(BOUND, NOW + timedelta(minutes=10))
    assert proven(UNBOUND, NOW + timedelta(minutes=10)).identity.user_id == USER


def test_face_signed_by_the_users_authority_proves_nothing() -> None:
    fields = face_fields(gateway_id=GatewayId(GATEWAY), name="prod-web-01.dw", public_key=FACE_KEY, serial=4, now=NOW)
    with pytest.raises(refusals.UntrustedAuthority):
        proven(dataclasses.replace(BOUND, server_host_key=USER_CA.sign(fields, bytes(32))))


def test_user_certificate_as_host_and_host_certificate_as_user_prove_nothing() -> None:
    with pytest.raises(Refused):
        proven(dataclasses.replace(BOUND, server_host_key=CERTIFICATE))
    with pytest.raises(Refused):
        proven(dataclasses.replace(BOUND, key_blob=FACE))


def test_expired_sign_in_proves_nothing() -> None:
    with pytest.raises(refusals.CertificateExpired):
        proven(UNBOUND, NOW + timedelta(hours=9))


@given(st.data())
def test_flipped_bit_in_what_was_signed_proves_nothing(data: st.DataObject) -> None:
    signed = encode_userauth_publickey(BOUND)
    flipped = bytearray(signed)
    bit = data.draw(st.integers(0, 8 * len(signed) - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Refused):
        check(bytes(flipped), sign(signed))


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_noise_proves_nothing(signed: bytes, signature: bytes) -> None:
    with pytest.raises(refusals.ProofRefused):
        check(signed, signature)

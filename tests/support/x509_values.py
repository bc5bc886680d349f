"""X.509 certificates for tests, issued by the test ring's intermediates at any time."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.support.authorities import INSTALLATION, key_ring

from doorward.base.ids import GatewayId, InstallationId, SignInId, UserId
from doorward.domain.certificates.purposes import KeyState, Purpose
from doorward.domain.certificates.x509_check import load_x509
from doorward.domain.certificates.x509_issue import X509Authority, issue_authority, issue_gateway, issue_user
from doorward.domain.certificates.x509_names import INTERMEDIATE_PURPOSES, X509Kind


def spki(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """The DER SubjectPublicKeyInfo of a private key."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def authority(purpose: Purpose, seed: int = 0) -> X509Authority:
    """The current X.509 authority of `purpose`."""
    held = next(k for k in key_ring(seed).signing_keys if k.purpose is purpose and k.state is KeyState.CURRENT)
    return X509Authority(load_x509(held.certificate), held.private_key)


def intermediate(kind: X509Kind, seed: int = 0) -> X509Authority:
    """The intermediate that issues `kind`."""
    return authority(INTERMEDIATE_PURPOSES[kind], seed)


def user_leaf(
    public_key: bytes,
    user_id: UserId,
    sign_in_id: SignInId,
    now: datetime,
    *,
    lifetime: timedelta | None = None,
    seed: int = 0,
    installation_id: InstallationId = INSTALLATION,
) -> x509.Certificate:
    """A user's certificate."""
    return issue_user(
        intermediate(X509Kind.USER, seed),
        installation_id=installation_id,
        user_id=user_id,
        sign_in_id=sign_in_id,
        public_key=public_key,
        serial=1234,
        now=now,
        lifetime=lifetime,
    )


def gateway_leaf(public_key: bytes, gateway_id: GatewayId, now: datetime) -> x509.Certificate:
    """A gateway's certificate."""
    return issue_gateway(
        intermediate(X509Kind.GATEWAY),
        installation_id=INSTALLATION,
        gateway_id=gateway_id,
        public_key=public_key,
        serial=1235,
        now=now,
    )


def server_leaf(public_key: bytes, names: list[str], now: datetime) -> x509.Certificate:
    """A server certificate of the authority."""
    return issue_authority(
        intermediate(X509Kind.AUTHORITY),
        installation_id=INSTALLATION,
        names=names,
        public_key=public_key,
        serial=1236,
        now=now,
    )


def der(certificate: x509.Certificate) -> bytes:
    """Its DER bytes."""
    return certificate.public_bytes(Encoding.DER)

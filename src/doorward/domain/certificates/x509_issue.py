"""X.509 certificates of one installation: a root, an intermediate per kind, and what these issue.

The root and the authority's chain are ECDSA P-256, since browsers take no Ed25519; users' and gateways' intermediates
are Ed25519. Users are TLS clients and nothing else, the authority is a TLS server and nothing else. Gateways are the
authority's clients and users' servers (ADR 0024); their certificates hold no DNS name, so that none passes for a host.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from doorward.base.ids import GatewayId, InstallationId, SignInId, UserId
from doorward.domain.certificates.principals import checked_host_name
from doorward.domain.certificates.refusals import BadPublicKey, BadSubject
from doorward.domain.certificates.ssh_profiles import BEFORE, Lifetime
from doorward.domain.certificates.x509_names import X509Kind, authority_uri, gateway_uri, user_uri

SUBJECT_KEY_BYTES_MAX: Final = 512
CSR_BYTES_MAX: Final = 8_192
NAMES_MAX: Final = 32
ROOT_LIFETIME: Final = timedelta(days=3650)
INTERMEDIATE_LIFETIME: Final = timedelta(days=1825)
X509_LIFETIMES: Final = {
    X509Kind.USER: Lifetime(timedelta(hours=8), timedelta(hours=24)),
    X509Kind.GATEWAY: Lifetime(timedelta(days=7), timedelta(days=30)),
    X509Kind.AUTHORITY: Lifetime(timedelta(days=30), timedelta(days=90)),
}
_USAGE: Final = {
    X509Kind.USER: (ExtendedKeyUsageOID.CLIENT_AUTH,),
    X509Kind.GATEWAY: (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH),
    X509Kind.AUTHORITY: (ExtendedKeyUsageOID.SERVER_AUTH,),
}

AuthorityPrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
SubjectPublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class X509Authority:
    """An intermediate: its certificate, and a key that signs (in memory, or a subclass that asks a token)."""

    certificate: x509.Certificate
    key: AuthorityPrivateKey


def issue_root(
    key: AuthorityPrivateKey, installation_id: InstallationId, serial: int, now: datetime
) -> x509.Certificate:
    """The self-signed root of an installation."""
    name = _ca_name(installation_id, "root")
    return (
        _ca_builder(name, name, key.public_key(), path_length=1)
        .serial_number(serial)
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + ROOT_LIFETIME)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, _digest_of(key))
    )


def issue_intermediate(
    root: X509Authority,
    kind: X509Kind,
    public_key: SubjectPublicKey,
    *,
    installation_id: InstallationId,
    serial: int,
    now: datetime,
) -> x509.Certificate:
    """The intermediate that issues one kind, and whose extended key usage allows no other."""
    return (
        _ca_builder(_ca_name(installation_id, kind), root.certificate.subject, public_key, path_length=0)
        .serial_number(serial)
        .not_valid_before(now - BEFORE)
        .not_valid_after(min(now + INTERMEDIATE_LIFETIME, root.certificate.not_valid_after_utc))
        .add_extension(x509.ExtendedKeyUsage(_USAGE[kind]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
        .sign(root.key, _digest_of(root.key))
    )


def issue_user(
    issuer: X509Authority,
    *,
    installation_id: InstallationId,
    user_id: UserId,
    sign_in_id: SignInId,
    public_key: bytes,
    serial: int,
    now: datetime,
    lifetime: timedelta | None = None,
    typed_code: bool = False,
) -> x509.Certificate:
    """Who a user is, for one sign-in, marked when that stands on a typed code.

    `public_key` as DER SubjectPublicKeyInfo, Ed25519 or P-256.
    """
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier(user_uri(installation_id, user_id, sign_in_id, typed_code=typed_code)),
    ]
    return _issue_leaf(
        issuer,
        X509Kind.USER,
        common_name=user_id,
        names=names,
        public_key=public_key,
        serial=serial,
        now=now,
        lifetime=lifetime,
    )


def issue_gateway(
    issuer: X509Authority,
    *,
    installation_id: InstallationId,
    gateway_id: GatewayId,
    public_key: bytes,
    serial: int,
    now: datetime,
    lifetime: timedelta | None = None,
) -> x509.Certificate:
    """Which gateway speaks; `public_key` as DER SubjectPublicKeyInfo, Ed25519 or P-256."""
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(gateway_uri(installation_id, gateway_id))]
    return _issue_leaf(
        issuer,
        X509Kind.GATEWAY,
        common_name=gateway_id,
        names=names,
        public_key=public_key,
        serial=serial,
        now=now,
        lifetime=lifetime,
    )


def issue_authority(
    issuer: X509Authority,
    *,
    installation_id: InstallationId,
    names: Sequence[str],
    public_key: bytes,
    serial: int,
    now: datetime,
    lifetime: timedelta | None = None,
) -> x509.Certificate:
    """A server of the authority under DNS names and IP addresses; `public_key` must be P-256."""
    if not 0 < len(names) <= NAMES_MAX:
        raise BadSubject("issuing a server certificate: it needs a name, and not too many")
    if not isinstance(_subject_key(public_key), ec.EllipticCurvePublicKey):
        raise BadPublicKey("issuing a server certificate: a P-256 key is expected, for browsers")
    alternatives: list[x509.GeneralName] = [x509.UniformResourceIdentifier(authority_uri(installation_id))]
    alternatives.extend(_general_name(checked_host_name(name)) for name in dict.fromkeys(names))
    return _issue_leaf(
        issuer,
        X509Kind.AUTHORITY,
        common_name="doorward authority",
        names=alternatives,
        public_key=public_key,
        serial=serial,
        now=now,
        lifetime=lifetime,
    )


def public_key_of_csr(csr: bytes) -> bytes:
    """The DER public key in a DER signing request that was signed with it; its subject and wishes are not read."""
    if len(csr) > CSR_BYTES_MAX:
        raise BadPublicKey("reading a signing request: too long")
    try:
        request = x509.load_der_x509_csr(csr)
        public_key = request.public_key()
        is_signed = request.is_signature_valid
    except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise BadPublicKey("reading a signing request: it can not be read") from error
    if not is_signed:
        raise BadPublicKey("reading a signing request: it was not signed with its own key")
    encoded = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    _subject_key(encoded)
    return encoded


def _issue_leaf(
    issuer: X509Authority,
    kind: X509Kind,
    *,
    common_name: str,
    names: list[x509.GeneralName],
    public_key: bytes,
    serial: int,
    now: datetime,
    lifetime: timedelta | None,
) -> x509.Certificate:
    key = _subject_key(public_key)
    ends = now + X509_LIFETIMES[kind].checked(lifetime)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer.certificate.subject)
        .subject_name(subject)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(now - BEFORE)
        .not_valid_after(min(ends, issuer.certificate.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_USAGE[kind]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
        .sign(issuer.key, _digest_of(issuer.key))
    )


def _ca_builder(
    subject: x509.Name, issuer: x509.Name, public_key: SubjectPublicKey, *, path_length: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(public_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _ca_name(installation_id: InstallationId, part: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Doorward {installation_id}"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Doorward {part}"),
        ]
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _subject_key(encoded: bytes) -> SubjectPublicKey:
    if len(encoded) > SUBJECT_KEY_BYTES_MAX:
        raise BadPublicKey("issuing a certificate: the public key is too long")
    try:
        key = serialization.load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadPublicKey("issuing a certificate: the public key can not be read") from error
    if isinstance(key, Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise BadPublicKey("issuing a certificate: an Ed25519 or P-256 key is expected")


def _digest_of(key: AuthorityPrivateKey) -> hashes.SHA256 | None:
    return hashes.SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None

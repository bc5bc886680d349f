"""Whether a shown SSH certificate counts, and whom it speaks for.

Everything is refused that the profiles would not have issued: a certificate without principals (which passes as anyone
through permissive hooks), with two, of the other type, with any critical option, or living longer than its kind may.
The caller still owes two checks: that whoever shows it holds the key, and that the serial is known and live.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from doorward.base.clock import EPOCH, from_micros
from doorward.base.ids import GatewayId, SignInId, UserId
from doorward.domain.certificates import refusals
from doorward.domain.certificates.principals import gateway_of, sign_in_of, user_of
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.signatures import verify_signature
from doorward.domain.certificates.ssh_profiles import BEFORE, LIFETIMES
from doorward.wire.ssh.certificate import CertificateFields, CertificateType, SshCertificate, parse_certificate
from doorward.wire.ssh.public_key import ED25519, fingerprint

CERTIFICATES_REMEMBERED_MAX: Final = 1024
_SECONDS_MAX: Final = 1 << 40
"""Far beyond every calendar; larger times (OpenSSH's "forever") fail the lifetime check before they become dates."""


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """Who a user certificate speaks for. `public_key` is the blob that the signature must verify with."""

    user_id: UserId
    sign_in_id: SignInId
    serial: int
    key_id: str
    valid_before: datetime
    public_key: bytes


@dataclass(frozen=True, slots=True)
class FaceIdentity:
    """Which name which gateway may show, until when."""

    name: str
    gateway_id: GatewayId
    serial: int
    valid_before: datetime


def check_user_certificate(
    certificate: SshCertificate, trusted_ca_keys: Collection[bytes], now: datetime
) -> UserIdentity:
    """The user; else a `CertificateRefused` with its reason. `trusted_ca_keys`: blobs of the user-SSH authority."""
    _check(certificate, trusted_ca_keys, now, Purpose.USER_SSH)
    fields = certificate.fields
    user_id = user_of(fields.principals[0])
    if user_id is None:
        raise refusals.WrongPrincipals("checking a user certificate: its principal is not a user's")
    sign_in_id = sign_in_of(fields.key_id)
    if sign_in_id is None:
        raise refusals.WrongKeyId("checking a user certificate: it belongs to no sign-in")
    return UserIdentity(user_id, sign_in_id, fields.serial, fields.key_id, _end(fields), fields.public_key)


def check_host_certificate(
    certificate: SshCertificate, trusted_ca_keys: Collection[bytes], expected_principal: str, now: datetime
) -> None:
    """Pass if it is a host's for exactly `expected_principal` (`dwn:<node id>`); a `CertificateRefused` otherwise.

    `trusted_ca_keys`: blobs of the node-host authority.
    """
    _check(certificate, trusted_ca_keys, now, Purpose.NODE_HOST)
    if certificate.fields.principals[0] != expected_principal:
        raise refusals.WrongPrincipals("checking a host certificate: it is another host's")


def check_face_certificate(
    certificate: SshCertificate, trusted_ca_keys: Collection[bytes], now: datetime
) -> FaceIdentity:
    """The name and the gateway of a certificate that a gateway showed; a `CertificateRefused` otherwise.

    `trusted_ca_keys`: blobs of the face-host authority.
    """
    _check(certificate, trusted_ca_keys, now, Purpose.FACE_HOST)
    fields = certificate.fields
    gateway_id = gateway_of(fields.key_id)
    if gateway_id is None:
        raise refusals.WrongKeyId("checking a shown name: it belongs to no gateway")
    return FaceIdentity(fields.principals[0], gateway_id, fields.serial, _end(fields))


def _check(certificate: SshCertificate, trusted_ca_keys: Collection[bytes], now: datetime, purpose: Purpose) -> None:
    if certificate.signature_key not in trusted_ca_keys:
        raise refusals.UntrustedAuthority("checking a certificate: its authority is not trusted for this")
    if not _is_signed(certificate.signature_key, certificate.signature, certificate.signed_part):
        raise refusals.BadCertificateSignature("checking a certificate: the authority's signature does not match")
    fields = certificate.fields
    expected = CertificateType.USER if purpose is Purpose.USER_SSH else CertificateType.HOST
    if fields.type is not expected:
        raise refusals.WrongCertificateType("checking a certificate: it speaks for the other side")
    if len(fields.principals) != 1 or not fields.principals[0]:
        raise refusals.WrongPrincipals("checking a certificate: exactly one principal is expected")
    if fields.critical_options:
        raise refusals.UnknownCriticalOption("checking a certificate: a critical option that is not understood")
    _check_times(fields, now, purpose)


@lru_cache(CERTIFICATES_REMEMBERED_MAX)
def _is_signed(authority: bytes, signature: bytes, signed_part: bytes) -> bool:
    # The same certificate is shown for each session of a sign-in, twice by most clients, and a signature that held
    # once holds for ever: what changes (time, revocation) is asked each time.
    return verify_signature(authority, ED25519, signature, signed_part)


def _check_times(fields: CertificateFields, now: datetime, purpose: Purpose) -> None:
    lives_seconds = fields.valid_before - fields.valid_after
    ceiling = BEFORE + LIFETIMES[purpose].ceiling
    if fields.valid_before > _SECONDS_MAX or lives_seconds > ceiling.total_seconds():
        raise refusals.LifetimeTooLong("checking a certificate: it lives longer than its kind may")
    seconds = (now - EPOCH).total_seconds()
    if seconds < fields.valid_after:
        raise refusals.NotYetValid("checking a certificate: it is not valid yet, so one of the clocks is wrong")
    if seconds >= fields.valid_before:
        raise refusals.CertificateExpired("checking a certificate: it has expired")


def _end(fields: CertificateFields) -> datetime:
    return from_micros(fields.valid_before * 1_000_000)


def authority_of(certificate: bytes) -> str:
    """The fingerprint of the key that signed a certificate of our own; nothing is checked."""
    return fingerprint(parse_certificate(certificate).signature_key)

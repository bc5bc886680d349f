"""Whether a shown X.509 certificate counts, and the pin by which a client knows an installation's root.

TLS has verified a chain before anyone looks here; this looks again, at exactly one intermediate and one kind, so that
a mistake in a TLS context does not turn a user into a gateway.
"""

import hashlib
import hmac
import re
from collections.abc import Collection
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from doorward.base.errors import Invalid
from doorward.base.ids import InstallationId
from doorward.domain.certificates import refusals
from doorward.domain.certificates.x509_names import X509Identity, X509Kind, identity_of

X509_BYTES_MAX: Final = 8_192
_PIN: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_UNREADABLE: Final = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def check_x509(
    certificate: bytes,
    *,
    kind: X509Kind,
    intermediates: Collection[bytes],
    installation_id: InstallationId,
    now: datetime,
) -> X509Identity:
    """Who shows this DER certificate; a `CertificateRefused` otherwise.

    `intermediates`: the DER certificates of this installation's intermediates of `kind`; one of them must have issued
    it. That the peer holds the key is what TLS has proven.
    """
    leaf = load_x509(certificate)
    issuers = [load_x509(der) for der in intermediates]
    issuer = next((each for each in issuers if each.subject == leaf.issuer and _issued(each, leaf)), None)
    if issuer is None:
        raise refusals.UntrustedAuthority("checking a certificate: its authority is not trusted for this")
    if now < leaf.not_valid_before_utc:
        raise refusals.NotYetValid("checking a certificate: it is not valid yet, so one of the clocks is wrong")
    if now >= min(leaf.not_valid_after_utc, issuer.not_valid_after_utc):
        raise refusals.CertificateExpired("checking a certificate: it has expired")
    identity = identity_of(leaf)
    if identity.kind is not kind or identity.installation_id != installation_id:
        raise refusals.WrongCertificateType("checking a certificate: it is another kind's or another installation's")
    return identity


def load_x509(certificate: bytes) -> x509.Certificate:
    """The DER certificate with every part read once, or `CertificateRefused`.

    The library reads parts when they are first asked for; reading them here means that none can fail later.
    """
    if len(certificate) > X509_BYTES_MAX:
        raise refusals.CertificateRefused("reading a certificate: too long")
    try:
        loaded = x509.load_der_x509_certificate(certificate)
        _ = (loaded.subject, loaded.issuer, loaded.extensions, loaded.public_key(), loaded.serial_number)
        _ = (loaded.not_valid_before_utc, loaded.not_valid_after_utc)
    except _UNREADABLE as error:
        raise refusals.CertificateRefused("reading a certificate: it can not be read") from error
    if loaded.serial_number <= 0:
        raise refusals.CertificateRefused("reading a certificate: its serial is not positive")
    return loaded


def spki_pin(certificate: bytes) -> str:
    """`sha256:` and the hash of the DER certificate's public key in lower-case hex: it survives a reissued root."""
    key = load_x509(certificate).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256:" + hashlib.sha256(spki).hexdigest()


def pin_matches(pin: str, certificate: bytes) -> bool:
    """Whether `pin`, as somebody typed or pasted it, is this certificate's; `Invalid` if it is no pin at all."""
    if _PIN.fullmatch(pin) is None:
        raise Invalid("reading a pin: `sha256:` and 64 hexadecimal digits are expected")
    return hmac.compare_digest(pin, spki_pin(certificate))


def to_pem(certificate: bytes) -> str:
    """The DER certificate as PEM text."""
    return load_x509(certificate).public_bytes(serialization.Encoding.PEM).decode("ascii")


def _issued(issuer: x509.Certificate, leaf: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True

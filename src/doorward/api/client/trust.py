"""Whom a client believes to be the authority: public TLS, or the root certificate behind a pin; nothing else.

The root is fetched over a connection that proves nothing, so nothing but the public question is sent on it, and its
answer counts only when it has the pin that was handed over; from then on that root is the only anchor.
"""

import base64
import binascii
import re
import ssl
import warnings
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.utils import CryptographyDeprecationWarning

from doorward.api.bodies.sign_ins import Trust
from doorward.api.calls import TRUST
from doorward.api.client.user import UserClient
from doorward.base.errors import Invalid, Refused
from doorward.domain.certificates.x509_check import load_x509, pin_matches, to_pem

PINNED_SERVER_NAME: Final = "authority.doorward.internal"
"""What whoever holds a pin asks for. Under its other names the authority may show a public certificate (`tls:`), which
the pinned root knows nothing of; under this one it always shows the installation's own (ADR 0035)."""
ROOT_PEM_CHARACTERS_MAX: Final = 16_384
_PIN: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_PEM: Final = re.compile(r"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*", re.ASCII)


class WrongPin(Refused):
    """Who answered is not the installation that the pin is of."""

    code = "wrong_pin"


def checked_pin(text: str) -> str:
    """`text` in its one form, `sha256:` and 64 lower-case hexadecimal digits; `Invalid` otherwise."""
    normal = text.strip().lower()
    if _PIN.fullmatch(normal) is None:
        raise Invalid("reading a pin: it is sha256: and 64 hexadecimal digits")
    return normal


def fetch_pinned_root(url: str, pin: str) -> str:
    """The PEM root of the installation at `url`, when its pin is `pin`; else `WrongPin`. Sends nothing secret."""
    wanted = checked_pin(pin)
    with UserClient(url, _unverified_context()) as client:
        answer: Trust = client.call(TRUST)
    return check_root(answer.x509_root_pem, wanted)


def check_root(root_pem: str, pin: str) -> str:
    """The root, written anew from what was parsed, when it signs itself and its pin is `pin`; else `WrongPin`."""
    try:
        der = _der_of(root_pem)
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)  # encodings that no root of ours has
            certificate = load_x509(der)
        # A certificate that merely holds the pinned key could carry another name, or no limits.
        certificate.verify_directly_issued_by(certificate)
    except (Invalid, Refused, InvalidSignature, CryptographyDeprecationWarning, TypeError, ValueError) as error:
        raise WrongPin("checking who answers: its root is no certificate that signs itself") from error
    if not pin_matches(checked_pin(pin), der):
        raise WrongPin("checking who answers: this is not the installation that the pin is of; nothing secret was sent")
    return to_pem(der)


def public_context() -> ssl.SSLContext:
    """Believes the certificate authorities that this machine trusts for the web."""
    return _modern(ssl.create_default_context())


def pinned_context(root_pem: str) -> ssl.SSLContext:
    """Believes this root and no other, for the one name that the authority has under it."""
    context = _PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=root_pem)
    except (ssl.SSLError, ValueError) as error:
        raise Invalid("reading the root certificate that we keep") from error
    return _modern(context)


class _PinnedContext(ssl.SSLContext):
    """Asks for the authority's own name, whatever host the connection goes to."""

    def wrap_socket(self, *args: Any, **named: Any) -> ssl.SSLSocket:
        """For clients that block."""
        return super().wrap_socket(*args, **{**named, "server_hostname": PINNED_SERVER_NAME})

    def wrap_bio(self, *args: Any, **named: Any) -> ssl.SSLObject:
        """For those that do not."""
        return super().wrap_bio(*args, **{**named, "server_hostname": PINNED_SERVER_NAME})


def _unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _modern(context)


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _der_of(pem: str) -> bytes:
    match = _PEM.fullmatch(pem) if len(pem) <= ROOT_PEM_CHARACTERS_MAX else None
    if match is None:
        raise Invalid("reading a root certificate: exactly one in PEM is expected")
    try:
        return base64.b64decode("".join(match[1].split()), validate=True)
    except binascii.Error as error:
        raise Invalid("reading a root certificate: it is no PEM") from error

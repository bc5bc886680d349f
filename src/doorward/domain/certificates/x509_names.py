"""Whom an X.509 certificate speaks for: one SAN URI under the installation's id.

`doorward://<installation>/user/<user id>/sign-in/<sign-in id>` (followed by `/typed-code` when the sign-in stands on
one), `doorward://<installation>/gateway/<gateway id>`, and `doorward://<installation>/authority` for the authority's
own servers. Reading a name proves nothing: `x509_check` verifies who issued it first.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography import x509

from doorward.base.ids import GatewayId, InstallationId, SignInId, UserId, checked_id, is_id
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.refusals import CertificateRefused, WrongPrincipals

_SCHEME: Final = "doorward://"
_TYPED: Final = "typed-code"


class X509Kind(StrEnum):
    """Each has an intermediate of its own, and each listener accepts one."""

    USER = "user"
    GATEWAY = "gateway"
    AUTHORITY = "authority"


INTERMEDIATE_PURPOSES: Final = {
    X509Kind.USER: Purpose.X509_USER,
    X509Kind.GATEWAY: Purpose.X509_GATEWAY,
    X509Kind.AUTHORITY: Purpose.X509_AUTHORITY,
}


@dataclass(frozen=True, slots=True)
class X509Identity:
    """`id`: the user's or gateway's, the installation's for the authority; `sign_in_id` for users only."""

    kind: X509Kind
    installation_id: InstallationId
    id: str
    sign_in_id: SignInId | None = None
    typed_code: bool = False


def user_uri(
    installation_id: InstallationId, user_id: UserId, sign_in_id: SignInId, *, typed_code: bool = False
) -> str:
    """A user within one sign-in; marked when that stands on a code typed on another machine."""
    uri = f"{_SCHEME}{checked_id(installation_id)}/user/{checked_id(user_id)}/sign-in/{checked_id(sign_in_id)}"
    return f"{uri}/{_TYPED}" if typed_code else uri


def gateway_uri(installation_id: InstallationId, gateway_id: GatewayId) -> str:
    """A gateway."""
    return f"{_SCHEME}{checked_id(installation_id)}/gateway/{checked_id(gateway_id)}"


def authority_uri(installation_id: InstallationId) -> str:
    """The authority's servers."""
    return f"{_SCHEME}{checked_id(installation_id)}/authority"


def parse_identity_uri(uri: str) -> X509Identity:
    """The identity in `uri`; `WrongPrincipals` for any other text."""
    words = uri.removeprefix(_SCHEME).split("/")
    if uri.startswith(_SCHEME) and is_id(words[0]):
        installation_id = InstallationId(words[0])
        match words[1:]:
            case ["user", user_id, "sign-in", sign_in_id] if is_id(user_id) and is_id(sign_in_id):
                return X509Identity(X509Kind.USER, installation_id, user_id, SignInId(sign_in_id))
            case ["user", user_id, "sign-in", sign_in_id, mark] if (
                is_id(user_id) and is_id(sign_in_id) and mark == _TYPED
            ):
                return X509Identity(X509Kind.USER, installation_id, user_id, SignInId(sign_in_id), typed_code=True)
            case ["gateway", gateway_id] if is_id(gateway_id):
                return X509Identity(X509Kind.GATEWAY, installation_id, gateway_id)
            case ["authority"]:
                return X509Identity(X509Kind.AUTHORITY, installation_id, installation_id)
    raise WrongPrincipals("reading an identity: not a name that this product gives")


def identity_of(certificate: x509.Certificate) -> X509Identity:
    """The one identity in an already verified certificate; a `CertificateRefused` when there is none, or several."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise WrongPrincipals("reading an identity: the certificate names nobody") from error
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:  # only if not yet read
        raise CertificateRefused("reading an identity: the certificate's extensions can not be read") from error
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise WrongPrincipals("reading an identity: exactly one name is expected")
    return parse_identity_uri(uris[0])

"""Signing in: enrolment by a code, sign-ins by password and time-based code, and what a client keeps afterwards."""

from typing import Annotated

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(max_length=64)]
Code = Annotated[str, Meta(max_length=64)]
PasswordText = Annotated[str, Meta(max_length=256)]
KeyText = Annotated[str, Meta(max_length=8192)]
DeviceMark = Annotated[str, Meta(max_length=128)]
Client = Annotated[str, Meta(max_length=255)]


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Public halves of two keys made on the client: an OpenSSH public key line and a PEM certificate request."""

    ssh_public_key: KeyText
    x509_request_pem: KeyText


class BeginEnrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Show a code to learn whom it is for, and get a time-based secret to keep. Spends nothing yet."""

    code: Code


class EnrolmentBegun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`totp_secret` is base32, `totp_uri` the otpauth form for a QR code; shown once, stored sealed."""

    user_name: str
    purpose: str
    factor_id: str
    totp_secret: str
    totp_uri: str


class CompleteEnrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Spend the code: set the password, confirm the time-based factor, and sign in at once."""

    code: Code
    factor_id: Annotated[str, Meta(max_length=64)]
    password: PasswordText
    totp_code: Annotated[str, Meta(max_length=16)]
    keys: Keys
    client: Client = ""


class SignInWithPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both factors in one call, so that a wrong password and a wrong code look alike.

    `device` is what an earlier sign-in under this name left on the device, if there was one.
    """

    user_name: Name
    password: PasswordText
    totp_code: Annotated[str, Meta(max_length=16)]
    keys: Keys
    client: Client = ""
    device: DeviceMark = ""


class GatewayNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Under which names one gateway can be reached. It proves the first, whichever of them one comes by."""

    names: list[str]


class SignedIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the client keeps: certificates, whom to trust, and where the door is.

    `ssh_certificate` is an OpenSSH certificate line, `x509_chain_pem` leaf and intermediate. `face_authorities` are
    OpenSSH public key lines for `@cert-authority` in known_hosts. `expires` is RFC 3339. `device` is shown
    at the next sign-in, and gives nothing but an ear while others guess at the account.
    """

    user_id: str
    user_name: str
    sign_in_id: str
    expires: str
    ssh_certificate: str
    x509_chain_pem: str
    x509_root_pem: str
    face_authorities: list[str]
    gateways: list[GatewayNames]
    node_suffix: str
    installation_id: str
    device: str = ""


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Public: the root to check against a pin, and the version that answers."""

    installation_id: str
    x509_root_pem: str
    pin: str
    version: str


class SignInEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One live sign-in of one's own."""

    id: str
    created: str
    expires: str
    method: str
    source: str
    client: str
    current: bool


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who the caller is."""

    user_id: str
    user_name: str
    roles: list[str]
    sign_in_id: str
    expires: str
    live_sessions: int
    sign_ins: list[SignInEntry]


class VerifyAhead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time-based code, given before a session asks for one."""

    totp_code: Annotated[str, Meta(max_length=16)]


class FactorVerified(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When and from which address it counts; for how long, roles say (`mfa_verification_interval`)."""

    at: str
    source: str

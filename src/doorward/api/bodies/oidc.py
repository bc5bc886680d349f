"""Signing in through an identity provider: the client is where the browser comes back to, or polls a device flow."""

from typing import Annotated

import msgspec
from msgspec import Meta

from doorward.api.bodies.sign_ins import Client, Keys, SignedIn

ConnectorName = Annotated[str, Meta(max_length=64)]
FlowId = Annotated[str, Meta(max_length=64)]
FlowSecret = Annotated[str, Meta(max_length=128)]


class OidcConnectors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Public: the names of the connectors through which people can sign in."""

    names: list[str]


class BeginOidc(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Begin in a browser: where the client listens on loopback, its PKCE S256 challenge, and its public keys."""

    connector: ConnectorName
    redirect_port: Annotated[int, Meta(ge=1, le=65535)]
    code_challenge: Annotated[str, Meta(max_length=64)]
    keys: Keys
    client: Client = ""


class OidcBegun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to send the browser; `state` is what it must bring back. `expires` is RFC 3339."""

    flow: str
    state: str
    authorization_url: str
    expires: str


class CompleteOidc(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the browser brought, and the verifier behind the challenge. `iss` is RFC 9207's, empty without one."""

    flow: FlowId
    state: FlowSecret
    code: Annotated[str, Meta(max_length=4096)]
    code_verifier: Annotated[str, Meta(max_length=128)]
    iss: Annotated[str, Meta(max_length=2048)] = ""


class BeginOidcDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Begin where there is no browser: the user types a code at the provider, on another machine."""

    connector: ConnectorName
    keys: Keys
    client: Client = ""


class OidcDeviceBegun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to show: the code, where to type it, and from where it was started. `secret` opens the answer."""

    flow: str
    secret: str
    user_code: str
    verification_uri: str
    source: str
    interval_seconds: int
    expires: str


class PollOidcDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask whether the code was typed."""

    flow: FlowId
    secret: FlowSecret


class OidcDevicePolled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`signed_in` once it was; until then wait `interval_seconds` before asking again."""

    interval_seconds: int
    signed_in: SignedIn | None = None

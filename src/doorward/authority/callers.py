"""Who is calling: known from the client certificate of the connection, never from what the call says."""

from dataclasses import dataclass

from doorward.base.ids import GatewayId, SignInId, UserId


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a TLS connection. `certificate` is the DER form of what it proved, None when it showed none."""

    source: str
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class UserCaller:
    """A user with a live sign-in."""

    user_id: UserId
    user_name: str
    sign_in_id: SignInId
    source: str


@dataclass(frozen=True, slots=True)
class GatewayCaller:
    """A joined gateway that is not disabled, the serial of the certificate that it showed, and its public names."""

    gateway_id: GatewayId
    name: str
    source: str
    serial: str = ""
    names: frozenset[str] = frozenset()

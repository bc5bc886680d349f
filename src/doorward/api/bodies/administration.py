"""Users' codes, join tokens, nodes' keys and the authorities."""

from typing import Annotated

import msgspec
from msgspec import Meta

Short = Annotated[str, Meta(max_length=255)]


class AddUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Create a user with roles, and an invitation for them."""

    name: Annotated[str, Meta(max_length=64)]
    roles: Annotated[list[Short], Meta(max_length=64)]


class IssuedCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A one-time code, shown once; `expires` is RFC 3339. `pin` is the CA pin that goes with it."""

    user_name: str
    code: str
    expires: str
    pin: str


class IssueToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Let one machine of one kind and name join, once, within ten minutes.

    `names` are all host names and addresses under which users may come to it; no other gateway has one of them.
    `scope` says on which nodes it may open sessions: labels and their values; without one, on all but critical nodes.
    """

    kind: Annotated[str, Meta(max_length=16)]
    name: Annotated[str, Meta(max_length=64)]
    names: Annotated[list[Short], Meta(min_length=1, max_length=16)]
    scope: Annotated[dict[Short, Annotated[list[Short], Meta(max_length=64)]], Meta(max_length=32)] = {}


class IssuedToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shown once."""

    token: str
    expires: str
    pin: str


class NodeSetup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for the set-up script of a node, for these accounts. `url` is where the node reaches the authority.

    `replace` forgets the host key that is known: the node opens for nobody until the script has run.
    `gateway_addresses`: addresses and networks from which gateways reach the node; when none is given, those from which
    the authority sees them, and that of `url`.
    """

    logins: Annotated[list[Short], Meta(min_length=1, max_length=64)]
    url: Annotated[str, Meta(max_length=1024)]
    exclusive: bool = False
    replace: bool = False
    gateway_addresses: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=64)] = []


class NodeSetupScript(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A POSIX shell script that holds a one-time token; run it as root on the node before `expires`."""

    script: str
    expires: str


class PinHostKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An administrator typed the fingerprint of the node's host key: `SHA256:...`.

    `authorities_installed` says that the node's sshd trusts every session-SSH key that there is now.
    """

    fingerprint: Annotated[str, Meta(max_length=64)]
    authorities_installed: bool = False


class EnrolNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The set-up script shows its token and the node's host key (an OpenSSH public key line).

    `check_public_key` asks for certificates with which the script logs in to see that everything works; they open from
    `check_address` alone, which is where the node's sshd listens, and from loopback when it is empty.
    """

    token: Annotated[str, Meta(max_length=128)]
    host_public_key: Annotated[str, Meta(max_length=8192)]
    check_public_key: Annotated[str, Meta(max_length=1024)] = ""
    check_address: Annotated[str, Meta(max_length=64)] = ""


class EnrolledNode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the node's sshd needs: its host certificate and the session authorities, as OpenSSH lines.

    `check_certificates`: one for each account of the token, in its order, valid for a minute.
    """

    node_id: str
    host_certificate: str
    session_authorities: list[str]
    check_certificates: list[str] = []


class JoinGateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway shows its token, the names of the token that it uses, and a PEM certificate request."""

    token: Annotated[str, Meta(max_length=128)]
    names: Annotated[list[Short], Meta(min_length=1, max_length=16)]
    x509_request_pem: Annotated[str, Meta(max_length=8192)]


class JoinedGateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The gateway's identity."""

    gateway_id: str
    installation_id: str
    x509_chain_pem: str
    x509_root_pem: str


class GatewayView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway. `state` is `in contact`, `lost` (without a lease) or `disabled`; `sessions` are not over yet."""

    id: str
    name: str
    names: list[str]
    joined: str
    state: str
    lease_until: str | None
    sessions: int


class GatewayList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All gateways, by name."""

    items: list[GatewayView]


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One signing key: its direction of trust, its id, its state and its public half (OpenSSH line or PEM).

    `since` says when it came into its state (RFC 3339), empty for keys from before that was kept.
    """

    purpose: str
    key_id: str
    state: str
    public: str
    fingerprint: str
    since: str = ""


class Authorities(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All keys, by purpose."""

    items: list[Authority]
    pin: str


class RotateAuthority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Take this step of a rotation: `prepare`, `switch` or `retire`; only the next one is taken."""

    step: Annotated[str, Meta(max_length=16)]


class RotationWait(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a step waits for: a `node`, a `gateway`, so many `sign_in`s, or `time`; and what to do about it."""

    kind: str
    name: str
    reason: str


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an authority stands and what comes next. `leftovers` are nodes that still trust a key which is gone."""

    purpose: str
    state: str
    since: str
    next_step: str
    waits: list[RotationWait]
    leftovers: list[str]


class Rotations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of every authority whose key can be replaced."""

    items: list[Rotation]

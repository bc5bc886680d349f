"""One table: which call needs which right, whoever asks for it.

The guard asks for what every caller of a route must have; what depends on the thing that is asked about (its kind,
whose it is) the operation asks for itself. A route that is not here, or says otherwise, is refused at start, and a test
holds each operation to its line: nobody without the right gets through, and who has it does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from doorward.authority.http.access import Access
from doorward.domain.access.rights import Right

KIND: Final = "{kind}"
"""Stands for the kind that the call names, in its path or its documents."""


class When(Enum):
    """When an operation asks for its rights."""

    ALWAYS = "always"
    OF_OTHERS = "for what is not the caller's own"
    MORE = "for more than the caller's own"  # never refused: without the right the answer holds one's own


@dataclass(frozen=True, slots=True)
class Needs:
    """What the guard asks for, and what the operation asks for besides."""

    guard: Access | Right
    rights: tuple[Right, ...] = ()
    when: When = When.ALWAYS


_OPEN: Final = Needs(Access.OPEN)
_SELF: Final = Needs(Access.SIGNED_IN)
_GATEWAY: Final = Needs(Access.GATEWAY)


def _right(resource: str, verb: str) -> Needs:
    return Needs(Right(resource, verb))


def _asked(resource: str, *verbs: str, when: When = When.ALWAYS) -> Needs:
    return Needs(Access.SIGNED_IN, tuple(Right(resource, verb) for verb in verbs), when)


NEEDS: Final[Mapping[tuple[str, str], Needs]] = {
    ("GET", "/v1/trust"): _OPEN,
    ("POST", "/v1/enrolments/begin"): _OPEN,
    ("POST", "/v1/enrolments/complete"): _OPEN,
    ("POST", "/v1/sign-ins"): _OPEN,
    ("DELETE", "/v1/sign-ins/{sign_in_id}"): _asked("sign_in", "end", when=When.OF_OTHERS),
    ("GET", "/v1/status"): _SELF,
    ("POST", "/v1/mfa"): _SELF,
    ("GET", "/v1/oidc/connectors"): _OPEN,
    ("POST", "/v1/oidc/begin"): _OPEN,
    ("POST", "/v1/oidc/complete"): _OPEN,
    ("POST", "/v1/oidc/device/begin"): _OPEN,
    ("POST", "/v1/oidc/device/poll"): _OPEN,
    ("POST", "/v1/oidc/{connector}/backchannel-logout"): _OPEN,
    ("POST", "/v1/resources"): _asked(KIND, "create"),  # and update, for what is there
    ("GET", "/v1/resources/{kind}"): _asked(KIND, "list"),
    ("GET", "/v1/resources/{kind}/{name}"): _asked(KIND, "read"),
    ("DELETE", "/v1/resources/{kind}/{name}"): _asked(KIND, "delete"),
    ("GET", "/v1/nodes"): _SELF,
    ("POST", "/v1/explain"): Needs(
        Access.SIGNED_IN, (Right("user", "read"), Right("role", "read")), When.OF_OTHERS
    ),  # and to know of the node
    ("GET", "/v1/sessions"): _asked("session", "list", when=When.MORE),
    ("GET", "/v1/sessions/{session_id}"): _asked("session", "read", when=When.OF_OTHERS),
    ("POST", "/v1/sessions/{session_id}/end"): _asked("session", "end", when=When.OF_OTHERS),
    ("GET", "/v1/recordings"): _asked("recording", "list", when=When.MORE),
    ("GET", "/v1/recordings/{session_id}"): _asked("recording", "read", when=When.OF_OTHERS),
    ("GET", "/v1/recordings/{session_id}/proof"): _asked("recording", "play"),
    ("GET", "/v1/recordings/{session_id}/content"): _asked("recording", "play"),
    ("GET", "/v1/audit"): _asked("audit", "list"),
    ("POST", "/v1/audit/erasures"): _right("audit", "delete"),
    ("GET", "/v1/audit/verification"): _asked("audit", "read"),
    ("POST", "/v1/users"): _right("user", "create"),
    ("POST", "/v1/users/{name}/invitation"): _right("user", "update"),
    ("POST", "/v1/users/{name}/reset"): _right("user", "update"),
    ("POST", "/v1/tokens"): _right("node", "create"),
    ("POST", "/v1/nodes/{name}/setup"): _right("node", "update"),
    ("POST", "/v1/nodes/{name}/host-key"): _right("node", "update"),
    ("POST", "/v1/enrol-node"): _OPEN,
    ("POST", "/v1/join-gateway"): _OPEN,
    ("GET", "/v1/authorities"): _SELF,
    ("GET", "/v1/rotations"): _right("node", "list"),  # and the role admin, as for gateways
    ("POST", "/v1/rotations/{purpose}"): _right("node", "update"),
    ("GET", "/v1/gateways"): _right("node", "list"),
    ("POST", "/v1/gateways/{name}/disable"): _right("node", "update"),  # and the role admin, as for tokens
    ("DELETE", "/v1/gateways/{name}"): _right("node", "delete"),
    ("POST", "/v1/gateway/identity"): _GATEWAY,
    ("GET", "/v1/gateway/trust"): _GATEWAY,
    ("POST", "/v1/gateway/faces"): _GATEWAY,
    ("POST", "/v1/gateway/sessions"): _GATEWAY,
    ("POST", "/v1/gateway/jumps"): _GATEWAY,
    ("POST", "/v1/gateway/sessions/{session_id}/report"): _GATEWAY,
    ("POST", "/v1/gateway/lease"): _GATEWAY,
    ("GET", "/v1/gateway/watch"): _GATEWAY,
    ("PUT", "/v1/gateway/recordings/{session_id}"): _GATEWAY,
    ("POST", "/v1/gateway/recordings/{session_id}/seal"): _GATEWAY,
}

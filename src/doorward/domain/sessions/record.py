"""What the authority keeps of a session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from doorward.base.ids import GatewayId, NodeId, SessionId, SignInId, UserId
from doorward.domain.sessions.states import EndReason, SessionState

PLAIN: Final = "plain"
"""The node stands in the signed user name; the client signed no face, as before OpenSSH 8.9."""
HOSTBOUND: Final = "hostbound"
UNBOUND: Final = "unbound"
"""The client signed neither node nor face: the face, and with it the node, is the gateway's word."""
FACTOR_GIVEN: Final = "factor_given"
"""The fact that says when the second factor was given by which a session opened, in microseconds (UTC), where its age
matters."""

PRESUMED: Final = "presumed"
"""The fact that says that the authority ended a session without its gateway."""
LEVEL_UNKNOWN: Final = "unknown"
"""The level that such a session has achieved, until its gateway is back."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One session; `proof_digest` (SHA-256 of the SSH session id) opens one session, once.

    `obligations` is the JSON-able form of what the allow demanded; `levels_achieved` is a fact reported at the end.
    `notes_taken` is the number of the last note of its gateway that is in the log; `late_notes` counts those that came
    when it was presumed over, `corrected` says when its gateway told how it really ended.
    """

    id: SessionId
    state: SessionState
    proof_digest: bytes
    proof_kind: str
    user_id: UserId
    user_name: str
    sign_in_id: SignInId
    node_id: NodeId
    node_name: str
    login: str
    gateway_id: GatewayId
    source: str
    basis: str
    obligations: Mapping[str, Any]
    epoch: int
    opened: datetime
    deadline: datetime
    level_asked: str
    started: datetime | None = None
    ended: datetime | None = None
    end_reason: EndReason | None = None
    end_message: str = ""
    level_achieved: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes_taken: int = 0
    late_notes: int = 0
    corrected: datetime | None = None

    @property
    def is_presumed(self) -> bool:
        """Whether it was ended without its gateway, which has not told since how it ended."""
        return self.state is SessionState.ENDED and self.facts.get(PRESUMED) is True and self.corrected is None


@dataclass(frozen=True, slots=True)
class SessionCut:
    """An order to one gateway to end one session; `epoch` orders them."""

    epoch: int
    session_id: SessionId
    gateway_id: GatewayId
    reason: EndReason
    message: str


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """What to list; every part narrows. `limit` is bounded by the store."""

    user_id: UserId | None = None
    node_id: NodeId | None = None
    live_only: bool = False
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100

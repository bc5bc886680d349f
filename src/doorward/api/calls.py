"""Every call of the user API as data. Clients use it; a test holds the server's routes against it."""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import msgspec

from doorward.api.bodies.access import Explain, Explanation, ReachableNodes
from doorward.api.bodies.administration import (
    AddUser,
    Authorities,
    EnrolledNode,
    EnrolNode,
    GatewayList,
    GatewayView,
    IssuedCode,
    IssuedToken,
    IssueToken,
    JoinedGateway,
    JoinGateway,
    NodeSetup,
    NodeSetupScript,
    PinHostKey,
    RotateAuthority,
    Rotation,
    Rotations,
)
from doorward.api.bodies.audit import AuditPage, AuditVerification, ErasedUser, EraseUser
from doorward.api.bodies.oidc import (
    BeginOidc,
    BeginOidcDevice,
    CompleteOidc,
    OidcBegun,
    OidcConnectors,
    OidcDeviceBegun,
    OidcDevicePolled,
    PollOidcDevice,
)
from doorward.api.bodies.resources import Applied, Apply, Change, ResourceList, ResourceView
from doorward.api.bodies.sessions import (
    EndSession,
    RecordingList,
    RecordingProof,
    RecordingView,
    SessionList,
    SessionView,
)
from doorward.api.bodies.sign_ins import (
    BeginEnrolment,
    CompleteEnrolment,
    EnrolmentBegun,
    FactorVerified,
    SignedIn,
    SignInWithPassword,
    Status,
    Trust,
    VerifyAhead,
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One call; `path` has `{name}` places. `body` is None for calls without one."""

    method: str
    path: str
    body: type[msgspec.Struct] | None
    answer: type[Answer]


TRUST: Final = Call("GET", "/v1/trust", None, Trust)
BEGIN_ENROLMENT: Final = Call("POST", "/v1/enrolments/begin", BeginEnrolment, EnrolmentBegun)
COMPLETE_ENROLMENT: Final = Call("POST", "/v1/enrolments/complete", CompleteEnrolment, SignedIn)
SIGN_IN: Final = Call("POST", "/v1/sign-ins", SignInWithPassword, SignedIn)
OIDC_CONNECTORS: Final = Call("GET", "/v1/oidc/connectors", None, OidcConnectors)
BEGIN_OIDC: Final = Call("POST", "/v1/oidc/begin", BeginOidc, OidcBegun)
COMPLETE_OIDC: Final = Call("POST", "/v1/oidc/complete", CompleteOidc, SignedIn)
BEGIN_OIDC_DEVICE: Final = Call("POST", "/v1/oidc/device/begin", BeginOidcDevice, OidcDeviceBegun)
POLL_OIDC_DEVICE: Final = Call("POST", "/v1/oidc/device/poll", PollOidcDevice, OidcDevicePolled)
SIGN_OUT: Final = Call("DELETE", "/v1/sign-ins/{sign_in_id}", None, Status)
STATUS: Final = Call("GET", "/v1/status", None, Status)
VERIFY_AHEAD: Final = Call("POST", "/v1/mfa", VerifyAhead, FactorVerified)
APPLY: Final = Call("POST", "/v1/resources", Apply, Applied)
LIST_RESOURCES: Final = Call("GET", "/v1/resources/{kind}", None, ResourceList)
GET_RESOURCE: Final = Call("GET", "/v1/resources/{kind}/{name}", None, ResourceView)
DELETE_RESOURCE: Final = Call("DELETE", "/v1/resources/{kind}/{name}", None, Change)  # ?revision=N
LIST_NODES: Final = Call("GET", "/v1/nodes", None, ReachableNodes)
EXPLAIN: Final = Call("POST", "/v1/explain", Explain, Explanation)
ADD_USER: Final = Call("POST", "/v1/users", AddUser, IssuedCode)
INVITE_USER: Final = Call("POST", "/v1/users/{name}/invitation", None, IssuedCode)
RESET_USER: Final = Call("POST", "/v1/users/{name}/reset", None, IssuedCode)
ISSUE_TOKEN: Final = Call("POST", "/v1/tokens", IssueToken, IssuedToken)
NODE_SETUP: Final = Call("POST", "/v1/nodes/{name}/setup", NodeSetup, NodeSetupScript)
PIN_HOST_KEY: Final = Call("POST", "/v1/nodes/{name}/host-key", PinHostKey, ResourceView)
ENROL_NODE: Final = Call("POST", "/v1/enrol-node", EnrolNode, EnrolledNode)
JOIN_GATEWAY: Final = Call("POST", "/v1/join-gateway", JoinGateway, JoinedGateway)
LIST_GATEWAYS: Final = Call("GET", "/v1/gateways", None, GatewayList)
DISABLE_GATEWAY: Final = Call("POST", "/v1/gateways/{name}/disable", None, GatewayView)
REMOVE_GATEWAY: Final = Call("DELETE", "/v1/gateways/{name}", None, GatewayView)
LIST_SESSIONS: Final = Call("GET", "/v1/sessions", None, SessionList)  # ?user=&node=&live=true&limit=N
GET_SESSION: Final = Call("GET", "/v1/sessions/{session_id}", None, SessionView)
END_SESSION: Final = Call("POST", "/v1/sessions/{session_id}/end", EndSession, SessionView)
LIST_RECORDINGS: Final = Call("GET", "/v1/recordings", None, RecordingList)  # ?limit=N
GET_RECORDING: Final = Call("GET", "/v1/recordings/{session_id}", None, RecordingView)
RECORDING_PROOF: Final = Call("GET", "/v1/recordings/{session_id}/proof", None, RecordingProof)
RECORDING_CONTENT: Final = Call("GET", "/v1/recordings/{session_id}/content", None, bytes)  # ?purpose=play|export
SEARCH_AUDIT: Final = Call("GET", "/v1/audit", None, AuditPage)  # ?since=&until=&user=&resource=&session=&type=
ERASE_USER: Final = Call("POST", "/v1/audit/erasures", EraseUser, ErasedUser)
VERIFY_AUDIT: Final = Call("GET", "/v1/audit/verification", None, AuditVerification)
AUTHORITIES: Final = Call("GET", "/v1/authorities", None, Authorities)
ROTATIONS: Final = Call("GET", "/v1/rotations", None, Rotations)
ROTATE_AUTHORITY: Final = Call("POST", "/v1/rotations/{purpose}", RotateAuthority, Rotation)

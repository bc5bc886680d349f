"""The closed list of calls that a gateway may make. None of them acts for a user on the gateway's word.

Times on this boundary are remaining seconds, never wall times: the two clocks need not agree (a deadline is held by the
gateway on its own clock). Public keys and certificates are RFC 4253 blobs.
"""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

SIGNED_BYTES_MAX: Final = 65_536
NOTES_MAX: Final = 256
NAMES_MAX: Final = 64
CONTENT_BYTES_MAX: Final = 65_536
"""The largest recording that comes together with its seal."""
COUNT_MAX: Final = 2**53 - 1  # what JSON numbers carry exactly, and the log

AGE_SECONDS_MAX: Final = 10**9

Text = Annotated[str, Meta(max_length=255)]
Line = Annotated[str, Meta(max_length=4096)]
Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
Age = Annotated[int, Meta(ge=0, le=AGE_SECONDS_MAX)]
"""How many whole seconds ago something happened that could not be told at once."""
Blob = Annotated[bytes, Meta(max_length=SIGNED_BYTES_MAX)]


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The user's own signed authentication request (RFC 4252 section 7), as it came off the wire.

    `signed` starts with the SSH session id and holds the user name, the algorithm, the certificate and, for
    publickey-hostbound-v00@openssh.com, the host key that the gateway showed. `signature` is the signature blob.
    """

    signed: Blob
    signature: Annotated[bytes, Meta(max_length=4096)]


class OpenSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for one session. Who, which node and which account are derived from the proof, never taken from here.

    `session_public_key` is the blob of the Ed25519 key that the gateway made for this session in memory. `source` is
    the address of the outer socket. `factor_code` is a time-based code typed for this very session, when one was owed.
    `face` is the certificate that was shown; it is believed only where the proof binds none and names no node.
    """

    proof: Proof
    session_public_key: Annotated[bytes, Meta(max_length=128)]
    source: Text
    client_version: Text = ""
    factor_code: Annotated[str, Meta(max_length=16)] | None = None
    face: Blob | None = None


class OpenJump(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask whether a jump connection may stay: the proof of a sign-in under a bare name, which opens no session."""

    proof: Proof
    source: Text


class Jump(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose connection it is; sessions inside must be the same user's. It may stay for `remaining_seconds`.

    `jump_id` is its name in leases and cuts: the SHA-256 of its SSH session id, in hexadecimal.
    """

    user_id: Text
    remaining_seconds: float
    jump_id: Text


class SessionPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the authority allows, and with what: one account on one node, for this connection only.

    `certificate` is an SSH certificate for `session_public_key`. The node must show a host certificate of one of
    `node_host_authorities` with the one principal `host_principal`, or a plain key of `host_key_fingerprint`
    (`SHA256:...`; `host_key` is its blob where that is known).
    `obligations` is the dump of `domain.access.obligations.Obligations`. Nothing is forwarded before the gateway's
    watch has reached `epoch`. `factor_remaining_seconds`: how long the second factor counts for what is newly opened in
    the session; None without a limit.
    """

    session_id: Text
    node_id: Text
    node_name: Text
    address: Text
    login: Text
    user_id: Text
    user_name: Text
    basis: Text
    certificate: Blob
    node_host_authorities: list[Blob]
    host_principal: Text
    host_key: Annotated[bytes, Meta(max_length=8192)]
    obligations: dict[str, Any]
    remaining_seconds: float
    epoch: int
    recording_level: Text
    installation_id: Text
    host_key_fingerprint: Text = ""
    notices: list[Line] = []
    factor_remaining_seconds: float | None = None


class SessionStarted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The node let us in; `host_key_fingerprint` is what it showed."""

    host_key_fingerprint: Text
    host_verified_by: Text
    upstream_version: Text = ""
    age_seconds: Age = 0


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One audit event that a gateway may report of a session: type and fields as in the catalogue of events."""

    type: Text
    fields: dict[str, Any]
    age_seconds: Age = 0


class SessionEnded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It is over. `reason` is one of the closed end reasons; `level_achieved` is a fact about the recording."""

    reason: Text
    level_achieved: Text
    bytes_in: Count
    bytes_out: Count
    facts: dict[str, Any] = {}
    age_seconds: Age = 0


class SessionReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of a session since the last report, in this order: it started, what happened inside, it ended.

    One call for all three, since most sessions are short: a call costs both sides more than what it says. The notes of
    a session are numbered from 1; `first_note` is the number of the first of `notes`, so that what is said again after
    a lost answer is known.
    """

    started: SessionStarted | None = None
    notes: Annotated[list[Note], Meta(max_length=NOTES_MAX)] = []
    ended: SessionEnded | None = None
    first_note: Annotated[int, Meta(ge=1, le=COUNT_MAX)] = 1


class MintFaces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask for host certificates, one per exact name, for the gateway's host key, ten minutes long."""

    public_key: Annotated[bytes, Meta(max_length=128)]
    names: Annotated[list[Text], Meta(min_length=1, max_length=NAMES_MAX)]


class Faces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One certificate blob per name asked for, in that order."""

    certificates: list[Blob]
    remaining_seconds: float


class RenewLease(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """I am here, and these sessions and jump connections live here."""

    live: list[Text]
    jumps: list[Text] = []


class Lease(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Until when new channels may open; `unknown` names sessions that the authority holds ended, `unknown_jumps` jump
    connections: cut them."""

    remaining_seconds: float
    epoch: int
    unknown: list[Text] = []
    unknown_jumps: list[Text] = []


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """End this session now; `message` is the line that its user sees."""

    session_id: Text
    reason: Text
    message: Line
    epoch: int


class JumpCut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Close this jump connection now; `message` is the line that its user sees."""

    jump_id: Text
    message: Line


class WatchMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the watch stream: everything up to `epoch` has been said. Sent at once and at least each second.

    What is much to say takes several lines, of which only the last says the new epoch.
    `trust` is that of `GatewayTrust` now: a gateway that holds another asks anew.
    """

    epoch: int
    cuts: list[Cut] = []
    trust: Text = ""
    jump_cuts: list[JumpCut] = []


class GatewayTrust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a gateway needs to check users: the user-SSH authorities' public key blobs, and its own names.

    `user_x509_authorities` are the DER certificates of the users' intermediates, for those who come by TLS.
    `splice_key`, called `splice_key_name` there, proves the PROXY header ahead of TLS that is passed on to the
    authority; it is this gateway's alone, and another each hour. `trust` names the set of authorities.
    """

    installation_id: Text
    gateway_id: Text
    user_authorities: list[Blob]
    names: list[Text]
    authority_names: list[Text]
    node_suffix: Text
    splice_key: Blob
    user_x509_authorities: list[Blob] = []
    trust: Text = ""
    splice_key_name: Text = ""


class RecordingSize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many bytes of a recording the authority holds."""

    size_bytes: int


class SealRecording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The recording is whole: its manifest (canonical JSON), size and SHA-256.

    `content` is the whole of a small recording, so that one call suffices; absent when its bytes were sent before.
    """

    manifest: dict[str, Any]
    size_bytes: Count
    digest: Annotated[bytes, Meta(max_length=32, min_length=32)]
    content: Annotated[bytes, Meta(max_length=CONTENT_BYTES_MAX)] | None = None


class RenewIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway asks for a fresh certificate before its own runs out; a PEM certificate request for a fresh key."""

    x509_request_pem: Annotated[str, Meta(max_length=8192)]


class RenewedIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Leaf and intermediate as PEM."""

    x509_chain_pem: Annotated[str, Meta(max_length=32_768)]

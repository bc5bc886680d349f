"""What operations need from outside, as protocols.

A unit of work is a plain function of a `Transaction`, run as one transaction: `await store.write(work)`. State and
audit events live or die together; the call returns when the events are numbered and durable. Nothing inside waits on a
network.
Every `get` answers None for what is not there; every compare-and-set answers whether it took effect.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from doorward.authority.ports_machines import Gateways, JoinTokens, Jumps, NodeHosts, NotedKeys
from doorward.base.ids import GatewayId, PersonId, SessionId, SignInId, UserId
from doorward.domain.audit.event import Event
from doorward.domain.audit.log import LogEntry, LogHead, LogQuery, VerifyReport
from doorward.domain.identity.factors import FactorFailures, GivenFactor, Password, TotpFactor
from doorward.domain.identity.invitation import Invitation
from doorward.domain.identity.oidc_flow import OidcFlow
from doorward.domain.identity.oidc_sign_in import OidcSignIn
from doorward.domain.identity.sign_in import SignIn, SignInEnd
from doorward.domain.sessions.record import SessionCut, SessionQuery, SessionRecord
from doorward.domain.sessions.states import EndReason

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredResource:
    """A declared thing as it lies in the table; `body` is what `domain.kinds` dumps and loads. Revisions start at 1."""

    kind: str
    name: str
    id: str
    revision: int
    body: Mapping[str, Any]
    updated: datetime


class ResourceHead(NamedTuple):
    """Which revision of a declared thing there is."""

    id: str
    name: str
    revision: int


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """What is known of a recording; `digest` and `manifest` stand when it is sealed."""

    session_id: SessionId
    started: datetime
    size_bytes: int = 0
    sealed: datetime | None = None
    digest: bytes = b""
    manifest: Mapping[str, Any] | None = None
    signature: bytes = b""


class Resources(Protocol):
    """The one table of declared things."""

    def get(self, kind: str, name: str) -> StoredResource | None: ...
    def by_id(self, kind: str, resource_id: str) -> StoredResource | None: ...
    def list(self, kind: str) -> Sequence[StoredResource]: ...
    def heads(self, kind: str) -> Sequence[ResourceHead]:
        """What `list` finds, without bodies: how caches see what changed."""
        ...

    def insert(self, resource: StoredResource) -> bool:
        """False when the name is taken."""
        ...

    def update(self, resource: StoredResource, *, expected_revision: int) -> bool:
        """Store body and revision; False when the revision moved on."""
        ...

    def delete(self, kind: str, resource_id: str, *, expected_revision: int) -> bool:
        """The id stays as a tombstone and is never given again."""
        ...

    def change_counter(self) -> int:
        """Grows with every insert, update and delete: caches compare it."""
        ...


class Events(Protocol):
    """The audit log, as seen by operations."""

    def append(self, event: Event) -> None: ...


class Passwords(Protocol):
    def get(self, user_id: UserId) -> Password | None: ...
    def put(self, password: Password) -> None: ...
    def delete(self, user_id: UserId) -> None: ...


class TotpFactors(Protocol):
    def list(self, user_id: UserId) -> Sequence[TotpFactor]: ...
    def add(self, factor: TotpFactor) -> None: ...
    def confirm(self, factor_id: str, now: datetime) -> None: ...
    def advance(self, factor_id: str, step: int) -> bool:
        """Spend a step: True only when it is greater than the last one."""
        ...

    def delete_all(self, user_id: UserId) -> int: ...


class Failures(Protocol):
    def get(self, user_id: UserId) -> FactorFailures | None: ...
    def put(self, failures: FactorFailures) -> None: ...
    def clear(self, user_id: UserId) -> None: ...


class RecentFactors(Protocol):
    def get(self, user_id: UserId, source: str) -> GivenFactor | None: ...
    def put(self, given: GivenFactor) -> None: ...
    def forget(self, user_id: UserId) -> None: ...
    def forget_before(self, moment: datetime) -> None: ...


class Invitations(Protocol):
    def add(self, invitation: Invitation) -> None: ...
    def by_code_hash(self, code_hash: bytes) -> Invitation | None: ...
    def spend(self, invitation_id: str, now: datetime) -> bool:
        """True once."""
        ...

    def revoke_all(self, user_id: UserId, now: datetime) -> int:
        """Spend every open invitation of a user without effect."""
        ...


class SignIns(Protocol):
    def add(self, sign_in: SignIn) -> None: ...
    def get(self, sign_in_id: SignInId) -> SignIn | None: ...
    def by_ssh_serial(self, serial: int) -> SignIn | None: ...
    def live_of(self, user_id: UserId, now: datetime) -> Sequence[SignIn]: ...
    def live(self, now: datetime) -> Sequence[SignIn]: ...
    def end(self, sign_in_id: SignInId, reason: SignInEnd, now: datetime) -> bool:
        """True when it was live."""
        ...


class Sessions(Protocol):
    def add(self, session: SessionRecord) -> bool:
        """False when this proof has opened a session before."""
        ...

    def get(self, session_id: SessionId) -> SessionRecord | None: ...
    def hold(self, session_id: SessionId) -> SessionRecord | None:
        """As `get`; nobody else changes it before this transaction ends."""
        ...

    def by_proof(self, proof_digest: bytes) -> SessionRecord | None: ...
    def live(self) -> Sequence[SessionRecord]:
        """Every session that is opening, active or ending."""
        ...

    def live_of_gateway(self, gateway_id: GatewayId) -> Sequence[SessionRecord]: ...
    def live_count_of(self, user_id: UserId) -> int: ...
    def start(self, session_id: SessionId, now: datetime, facts: Mapping[str, Any]) -> bool:
        """Opening → active."""
        ...

    def begin_end(self, session_id: SessionId, reason: EndReason, message: str) -> bool:
        """Opening or active → ending; the first reason stands."""
        ...

    def end(
        self,
        session_id: SessionId,
        reason: EndReason,
        now: datetime,
        *,
        level_achieved: str,
        bytes_in: int,
        bytes_out: int,
        facts: Mapping[str, Any],
    ) -> bool:
        """Any live state → ended; True once. A reason that `begin_end` set before is kept."""
        ...

    def took_notes(self, session_id: SessionId, last: int, late: int = 0) -> None: ...
    def started_late(self, session_id: SessionId, started: datetime, facts: Mapping[str, Any]) -> bool: ...
    def correct(
        self,
        session_id: SessionId,
        now: datetime,
        *,
        level_achieved: str,
        bytes_in: int,
        bytes_out: int,
        facts: Mapping[str, Any],
    ) -> bool:
        """Of an ended one, what its gateway told later; True once. State, reason and time of its end stay."""
        ...

    def add_facts(self, session_id: SessionId, facts: Mapping[str, Any]) -> None: ...

    def search(self, query: SessionQuery) -> Sequence[SessionRecord]: ...


class Cuts(Protocol):
    def add(self, cut: SessionCut) -> None: ...
    def after(self, gateway_id: GatewayId, epoch: int) -> Sequence[SessionCut]: ...


class Revocation(Protocol):
    """The one row that orders openings against endings (FOR SHARE / FOR UPDATE where the engine needs it)."""

    def read_for_open(self) -> int: ...
    def advance(self) -> int: ...
    def current(self) -> int: ...


class Recordings(Protocol):
    def add(self, row: RecordingRow) -> None: ...
    def get(self, session_id: SessionId) -> RecordingRow | None: ...
    def grow(self, session_id: SessionId, size_bytes: int) -> None: ...
    def seal(
        self, session_id: SessionId, now: datetime, digest: bytes, manifest: Mapping[str, Any], signature: bytes
    ) -> bool: ...
    def list(self, limit: int, user_id: UserId | None = None) -> Sequence[RecordingRow]: ...


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """The log's size and root as the signer signed them; `note` is the signed note (C2SP)."""

    size: int
    root: bytes
    note: str
    signed: datetime


class Checkpoints(Protocol):
    def add(self, checkpoint: KeptCheckpoint) -> None:
        """Keep it; one of the same size stays as it is."""
        ...

    def latest(self) -> KeptCheckpoint | None: ...
    def list(self) -> Sequence[KeptCheckpoint]: ...


class Persons(Protocol):
    def add(self, person_id: PersonId, user_id: UserId) -> None: ...
    def of_user(self, user_id: UserId) -> PersonId | None: ...


class IdentityLinks(Protocol):
    """Which user an identity at a provider, (issuer, sub), signs in."""

    def user_of(self, issuer: str, sub: str) -> UserId | None: ...
    def is_linked(self, user_id: UserId) -> bool: ...
    def add(self, issuer: str, sub: str, user_id: UserId) -> None: ...
    def move(self, issuer: str, sub: str, user_id: UserId, before: UserId) -> bool:
        """Link anew an identity whose user is gone."""
        ...


class OidcFlows(Protocol):
    def add(self, flow: OidcFlow) -> None: ...
    def get(self, flow_id: str) -> OidcFlow | None: ...
    def spend(self, flow_id: str, now: datetime) -> bool:
        """True once, before it expires."""
        ...

    def open_count(self, network: str | None = None) -> int: ...
    def forget(self, now: datetime) -> int:
        """Remove those that have expired."""
        ...


class OidcSignIns(Protocol):
    def add(self, sign_in: OidcSignIn) -> None: ...
    def get(self, sign_in_id: SignInId) -> OidcSignIn | None: ...
    def live_of(self, issuer: str, sub: str, sid: str, now: datetime) -> Sequence[OidcSignIn]:
        """Of a subject, a session of the provider, or both; an empty text is not compared, two of them find none."""
        ...

    def due(self, now: datetime) -> Sequence[OidcSignIn]: ...
    def too_old(self, now: datetime) -> Sequence[OidcSignIn]: ...
    def checked(self, sign_in_id: SignInId, checked: datetime, due: datetime, too_old: datetime) -> None: ...
    def spend_logout(self, jti_hash: bytes, expires: datetime) -> bool:
        """True once for each id of a logout token."""
        ...

    def forget_logouts(self, now: datetime) -> int: ...


class Transaction(Protocol):
    """Everything one unit of work may touch; `now` is one instant for the whole of it."""

    @property
    def now(self) -> datetime: ...
    @property
    def turn(self) -> AbstractContextManager[object]:
        """One unit of work of this store at a time is inside, and may read meanwhile. Never a lock of one's own: on one
        engine units of work are threads, on the other they share a thread."""
        ...

    @property
    def resources(self) -> Resources: ...
    @property
    def events(self) -> Events: ...
    @property
    def persons(self) -> Persons: ...
    @property
    def passwords(self) -> Passwords: ...
    @property
    def totp(self) -> TotpFactors: ...
    @property
    def failures(self) -> Failures: ...
    @property
    def recent_factors(self) -> RecentFactors: ...
    @property
    def invitations(self) -> Invitations: ...
    @property
    def sign_ins(self) -> SignIns: ...
    @property
    def identity_links(self) -> IdentityLinks: ...
    @property
    def oidc_flows(self) -> OidcFlows: ...
    @property
    def oidc_sign_ins(self) -> OidcSignIns: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def jumps(self) -> Jumps: ...
    @property
    def cuts(self) -> Cuts: ...
    @property
    def revocation(self) -> Revocation: ...
    @property
    def gateways(self) -> Gateways: ...
    @property
    def join_tokens(self) -> JoinTokens: ...
    @property
    def node_hosts(self) -> NodeHosts: ...
    @property
    def noted_keys(self) -> NotedKeys: ...
    @property
    def recordings(self) -> Recordings: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    def erase_user(self, user_id: UserId) -> int: ...  # from the log; how many entries had values about them


class Store(Protocol):
    """Runs units of work; `Unavailable` when the database is locked, full or gone."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """A snapshot; writing in it is an error."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """One transaction; returns when it is durable and its events are numbered. `work` may run again on a retry."""
        ...


class RecordingStore(Protocol):
    """Recordings' bytes, by session."""

    async def append(self, session_id: SessionId, offset: int, data: bytes) -> int:
        """Store at `offset`, idempotent; answers the size now. `Conflict` when bytes before it are missing."""
        ...

    async def seal(self, session_id: SessionId, size_bytes: int, digest: bytes) -> None:
        """Verify size and SHA-256 and let nothing change any more; `Conflict` when they differ."""
        ...

    async def read(self, session_id: SessionId, offset: int, length: int) -> bytes: ...
    async def size(self, session_id: SessionId) -> int: ...


class AuditLog(Protocol):
    """The numbered log, as people read it."""

    async def log_head(self) -> LogHead: ...
    async def search_log(self, query: LogQuery) -> Sequence[LogEntry]: ...
    async def verify_log(self) -> VerifyReport: ...

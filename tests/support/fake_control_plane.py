"""An authority in memory: verifies proofs and signs certificates with real keys, and does as the test tells it.

It believes only proofs, as the real one does; whom it lets in, and with what obligations, the test sets.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorward.api.bodies.gateway_calls import (
    Cut,
    Faces,
    GatewayTrust,
    Jump,
    JumpCut,
    Lease,
    MintFaces,
    Note,
    OpenJump,
    OpenSession,
    SealRecording,
    SessionEnded,
    SessionPlan,
    SessionReport,
    SessionStarted,
    WatchMessage,
)
from doorward.base.clock import Clock, SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.errors import Conflict, Missing, Refused, Unavailable
from doorward.base.ids import GatewayId, NodeId, SessionId, SignInId, UserId, new_id
from doorward.domain.access.obligations import Obligations
from doorward.domain.certificates.principals import node_principal
from doorward.domain.certificates.proof import ProvenSignIn, check_sign_in_proof
from doorward.domain.certificates.ssh_check import check_face_certificate
from doorward.domain.certificates.ssh_profiles import face_fields, node_fields, session_fields, user_fields
from doorward.domain.certificates.ssh_signing import SshAuthority
from doorward.domain.sessions.states import EndReason
from doorward.wire.ssh.certificate import parse_certificate
from doorward.wire.ssh.public_key import fingerprint

ENTROPY = SystemEntropy()
SPLICE_KEY = b"s" * 32
SPLICE_KEY_NAME = "the gateway's"
NO_ACCESS = "no such account or node, or none for you"


class FactorRequired(Refused):
    code = "factor_required"


class FactorRefused(Refused):
    code = "factor_refused"


def authority() -> SshAuthority:
    return SshAuthority(Ed25519PrivateKey.generate())


@dataclass
class FakeNode:
    """A node that the fake knows; empty logins mean nobody."""

    name: str
    address: str
    logins: tuple[str, ...]
    id: NodeId = field(default_factory=lambda: NodeId(new_id(ENTROPY)))
    host_key: bytes = b""
    use_host_authority: bool = True
    enrolled_key: bytes = b""
    typed_fingerprint: str = ""
    """What an administrator typed: then the key itself is not known."""


@dataclass
class FakeControlPlane:
    """Fields are set by tests; what gateways reported stands in `started`, `notes`, `ended`."""

    clock: Clock = field(default_factory=SystemClock)
    users_ca: SshAuthority = field(default_factory=authority)
    sessions_ca: SshAuthority = field(default_factory=authority)
    hosts_ca: SshAuthority = field(default_factory=authority)
    faces_ca: SshAuthority = field(default_factory=authority)
    gateway_id: GatewayId = field(default_factory=lambda: GatewayId(new_id(ENTROPY)))
    installation_id: str = field(default_factory=lambda: new_id(ENTROPY))
    user_id: UserId = field(default_factory=lambda: UserId(new_id(ENTROPY)))
    sign_in_id: SignInId = field(default_factory=lambda: SignInId(new_id(ENTROPY)))
    names: list[str] = field(default_factory=lambda: ["127.0.0.1"])
    authority_names: list[str] = field(default_factory=lambda: ["authority.test"])
    user_x509_authorities: list[bytes] = field(default_factory=list)
    nodes: dict[str, FakeNode] = field(default_factory=dict)
    obligations: Obligations = field(default_factory=Obligations)
    recording_level: str = "output"
    remaining_seconds: float = 3600.0
    notices: list[str] = field(default_factory=list)
    is_away: bool = False
    factor_code: str | None = None
    factor_remaining_seconds: float | None = None
    answers_lost: int = 0
    plan_epoch: int | None = None
    certificate_age: timedelta = timedelta()
    epoch: int = 1
    jumps: list[OpenJump] = field(default_factory=list)
    jump_ids: list[str] = field(default_factory=list)
    cut_jumps_early: bool = False
    """Say the order to close a jump before the answer that grants it."""
    jump_user_id: str = ""
    jump_refusal: str = ""
    minted: list[str] = field(default_factory=list)
    open_calls: list[OpenSession] = field(default_factory=list)
    proofs: list[ProvenSignIn] = field(default_factory=list)
    plans: list[SessionPlan] = field(default_factory=list)
    used_ssh_sessions: set[bytes] = field(default_factory=set)
    started: dict[str, SessionStarted] = field(default_factory=dict)
    notes: dict[str, list[Note]] = field(default_factory=dict)
    ended: dict[str, list[SessionEnded]] = field(default_factory=dict)
    recordings: dict[str, bytearray] = field(default_factory=dict)
    seals: dict[str, SealRecording] = field(default_factory=dict)
    lease_seconds: float = 10.0
    notes_seconds: float = 0.0
    unknown: list[str] = field(default_factory=list)
    leases: int = 0
    _opened: dict[bytes, SessionPlan] = field(default_factory=dict)
    _watchers: list[asyncio.Queue[WatchMessage]] = field(default_factory=list)

    # --- what tests do ---

    def user_certificate(self, public_key: bytes, **changes: Any) -> bytes:
        """A sign-in certificate as the real authority gives it."""
        fields = user_fields(
            user_id=self.user_id,
            sign_in_id=self.sign_in_id,
            public_key=public_key,
            serial=7,
            now=self.clock.now(),
            **changes,
        )
        return self.users_ca.sign(fields, ENTROPY.token(32))

    def host_certificate(self, node: FakeNode, public_key: bytes, **changes: Any) -> bytes:
        """A node's host certificate; its key is the enrolled one from then on."""
        node_id = changes.pop("node_id", node.id)
        node.enrolled_key = public_key
        fields = node_fields(node_id=node_id, public_key=public_key, serial=8, now=self.clock.now(), **changes)
        return self.hosts_ca.sign(fields, ENTROPY.token(32))

    def cut(self, session_id: str, reason: EndReason = EndReason.LOCKED, message: str = "doorward: locked") -> None:
        """End one session now, on every gateway that watches."""
        self.epoch += 1
        order = Cut(session_id=session_id, reason=reason.value, message=message, epoch=self.epoch)
        self.say(WatchMessage(self.epoch, [order]))

    def cut_jump(self, jump_id: str, message: str = "locked by carol") -> None:
        """Close one jump connection now."""
        self.epoch += 1
        self.say(WatchMessage(self.epoch, jump_cuts=[JumpCut(jump_id, message)]))

    def say(self, message: WatchMessage) -> None:
        """Say something on all watch streams."""
        for queue in self._watchers:
            queue.put_nowait(message)

    def end_reason(self, session_id: str) -> str | None:
        """Why a session ended; it must have been reported once."""
        reports = self.ended.get(session_id, [])
        assert len(reports) <= 1, "the end was reported more than once"
        return reports[0].reason if reports else None

    # --- what gateways call ---

    async def trust(self) -> GatewayTrust:
        self._present()
        return GatewayTrust(
            installation_id=self.installation_id,
            gateway_id=self.gateway_id,
            user_authorities=[self.users_ca.public_blob],
            names=self.names,
            authority_names=self.authority_names,
            node_suffix="dw",
            splice_key=SPLICE_KEY,
            splice_key_name=SPLICE_KEY_NAME,
            user_x509_authorities=self.user_x509_authorities,
        )

    async def mint_faces(self, wanted: MintFaces) -> Faces:
        self._present()
        self.minted += wanted.names
        certificates = [
            self.faces_ca.sign(
                face_fields(
                    gateway_id=self.gateway_id, name=name, public_key=wanted.public_key, serial=9, now=self.clock.now()
                ),
                ENTROPY.token(32),
            )
            for name in wanted.names
        ]
        return Faces(certificates, 600.0)

    async def open_session(self, wanted: OpenSession) -> SessionPlan:
        self.open_calls.append(wanted)
        self._present()
        again = self._opened.get(wanted.session_public_key)
        if again is not None:
            return again
        proven = check_sign_in_proof(
            wanted.proof.signed,
            wanted.proof.signature,
            user_ca_keys=[self.users_ca.public_blob],
            face_ca_keys=[self.faces_ca.public_blob],
            now=self.clock.now(),
        )
        self.proofs.append(proven)
        login, _, node_name = proven.user_name.rpartition("@")
        if not login:
            login, node_name = node_name, self._node_in(proven, wanted.face)
        node = self.nodes.get(node_name)
        if node is None or login not in node.logins:
            raise Missing(NO_ACCESS)
        if self.factor_code is not None and wanted.factor_code is None:
            raise FactorRequired("a second factor is needed")
        if self.factor_code is not None and wanted.factor_code != self.factor_code:
            raise FactorRefused("the code is wrong")
        if proven.session_id in self.used_ssh_sessions:
            raise Conflict("this proof has opened a session before")
        self.used_ssh_sessions.add(proven.session_id)
        plan = self._opened[wanted.session_public_key] = self._plan(node, login, wanted)
        if self.answers_lost:
            self.answers_lost -= 1
            raise Unavailable("the connection broke before the answer")
        return plan

    def _node_in(self, proven: ProvenSignIn, said: bytes | None) -> str:
        if proven.face is not None:
            return proven.face.name.removesuffix(".dw")
        face = check_face_certificate(parse_certificate(said or b""), [self.faces_ca.public_blob], self.clock.now())
        return face.name.removesuffix(".dw")

    async def open_jump(self, wanted: OpenJump) -> Jump:
        self.jumps.append(wanted)
        self._present()
        proven = check_sign_in_proof(
            wanted.proof.signed,
            wanted.proof.signature,
            user_ca_keys=[self.users_ca.public_blob],
            face_ca_keys=[self.faces_ca.public_blob],
            now=self.clock.now(),
        )
        assert "@" not in proven.user_name
        if self.jump_refusal:
            raise Refused(self.jump_refusal)
        jump_id = hashlib.sha256(proven.session_id).hexdigest()
        self.jump_ids.append(jump_id)
        if self.cut_jumps_early:
            self.cut_jump(jump_id)
            await asyncio.sleep(0.1)
        return Jump(self.jump_user_id or proven.identity.user_id, self.remaining_seconds, jump_id)

    def _forwarding(self) -> tuple[str, ...]:
        ports = self.obligations.port_forwarding_local or self.obligations.port_forwarding_remote
        agent = self.obligations.forward_agent
        return (*(["permit-port-forwarding"] if ports else []), *(["permit-agent-forwarding"] if agent else []))

    def _plan(self, node: FakeNode, login: str, wanted: OpenSession) -> SessionPlan:
        session_id = SessionId(new_id(ENTROPY))
        fields = session_fields(
            session_id=session_id,
            node_id=node.id,
            login=login,
            public_key=wanted.session_public_key,
            serial=10,
            now=self.clock.now() - self.certificate_age,
            extensions=("permit-pty", *self._forwarding()),
        )
        plan = SessionPlan(
            session_id=session_id,
            node_id=node.id,
            node_name=node.name,
            address=node.address,
            login=login,
            user_id=self.user_id,
            user_name="alice",
            basis="standing",
            certificate=self.sessions_ca.sign(fields, ENTROPY.token(32)),
            node_host_authorities=[self.hosts_ca.public_blob] if node.use_host_authority else [],
            host_principal=node_principal(node.id),
            host_key=b"" if node.typed_fingerprint else node.host_key or node.enrolled_key,
            host_key_fingerprint=node.typed_fingerprint or fingerprint(node.host_key or node.enrolled_key),
            obligations=self.obligations.dump(),
            remaining_seconds=self.remaining_seconds,
            epoch=self.epoch if self.plan_epoch is None else self.plan_epoch,
            recording_level=self.recording_level,
            installation_id=self.installation_id,
            notices=self.notices,
            factor_remaining_seconds=self.factor_remaining_seconds,
        )
        self.plans.append(plan)
        return plan

    async def report_session(self, session_id: str, report: SessionReport) -> None:
        self._present()
        if report.started is not None:
            self.started[session_id] = report.started
        if report.notes:
            await asyncio.sleep(self.notes_seconds)
            self.notes.setdefault(session_id, []).extend(report.notes)
        if report.ended is not None:
            self.ended.setdefault(session_id, []).append(report.ended)

    async def renew_lease(self, live: Sequence[str], jumps: Sequence[str]) -> Lease:
        self._present()
        self.leases += 1
        unknown = [one for one in live if one in self.unknown]
        return Lease(self.lease_seconds, self.epoch, unknown, [one for one in jumps if one in self.unknown])

    async def watch(self, after_epoch: int) -> AsyncIterator[WatchMessage]:
        self._present()
        queue: asyncio.Queue[WatchMessage] = asyncio.Queue()
        self._watchers.append(queue)
        try:
            while not self.is_away:
                try:
                    async with asyncio.timeout(0.2):
                        yield await queue.get()
                except TimeoutError:
                    yield WatchMessage(self.epoch)
        finally:
            self._watchers.remove(queue)

    async def append_recording(self, session_id: str, offset: int, data: bytes) -> int:
        self._present()
        held = self.recordings.setdefault(session_id, bytearray())
        if offset > len(held):
            raise Conflict("beyond what is held")
        held[offset : offset + len(data)] = data
        return len(held)

    async def seal_recording(self, session_id: str, sealed: SealRecording) -> None:
        if sealed.content is not None:
            await self.append_recording(session_id, 0, sealed.content)
        self._present()
        self.seals[session_id] = sealed

    def _present(self) -> None:
        if self.is_away:
            raise Unavailable("the authority does not answer")

"""One user's connection: signs the user in, asks the authority for a session, and hands channels to it.

The proof goes to the authority during authentication, so that a refusal reaches the user as a banner, which every
client shows. Before the proof is verified nothing is asked of anybody and nothing is written (security.md 10).

The form of the user name decides (security.md 8): `account@node` opens a session, a bare name a jump connection. Inside
a jump, or under a node's name in TLS, the face says the node and the name is the account.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from asyncssh import CompressionError, MACError, ProtocolError

from doorward.api.bodies.gateway_calls import OpenJump, OpenSession, Proof, SessionEnded, SessionPlan
from doorward.api.problem import RemoteProblem, code_of
from doorward.base.errors import DoorwardError, Unavailable
from doorward.domain.recording.levels import RecordingLevel
from doorward.domain.sessions.states import EndReason
from doorward.gateway.parts import GatewayParts
from doorward.gateway.recorder.failures import QuotaReached, RecorderFailed
from doorward.gateway.reports import SessionReports
from doorward.gateway.ssh import lines
from doorward.gateway.ssh.asyncssh_channels import ChannelEnd
from doorward.gateway.ssh.asyncssh_internals import GlobalVerdict, Refusal, UserConnection
from doorward.gateway.ssh.jump import Jump, MakeInside
from doorward.gateway.ssh.keys import MemoryKey
from doorward.gateway.ssh.session import DISCONNECT_BY_APPLICATION, SshSession
from doorward.gateway.ssh.sign_in import AcceptOffer, AskCode, Code, Disconnect, Fail, Outcome, Proven, SignIn
from doorward.gateway.ssh.user_name import JumpName, parse_user_name
from doorward.net.ssh_goodbye import TOO_MANY_CONNECTIONS

OPEN_SECONDS: Final = 10.0
"""How long the authority may take to decide, whether it is asked once or twice."""
ASK_AGAIN_SECONDS: Final = 0.2
VIOLATIONS: Final = (ProtocolError, MACError, CompressionError)
"""How asyncssh ends a connection whose peer does not keep to SSH."""
FACTOR_REQUIRED: Final = "factor_required"
FACTOR_REFUSED: Final = "factor_refused"
LEAVE_SECONDS: Final = 2.0
"""How long a refused client may stay."""
DISCONNECT_PROTOCOL_ERROR: Final = 2
SOURCE_CHARACTERS_MAX: Final = 255


class UserFront:
    """The owner of a `UserConnection`. `on_proven` asks the port's limits for a place of this user's,
    `on_gone` gives it back.

    `outer_user` is set where a node's face is shown: the id of the user who has proven to be the one that asked for it.
    `make_inside` makes a connection of that kind, for jumps.
    """

    def __init__(
        self,
        parts: GatewayParts,
        source: str,
        *,
        on_proven: Callable[[str], bool],
        on_gone: Callable[[], None],
        make_inside: MakeInside,
        outer_user: str | None = None,
    ) -> None:
        self._make_inside = make_inside
        self._outer_user = outer_user
        self._jump: Jump | None = None
        self._parts = parts
        self._source = source
        self._on_proven = on_proven
        self._on_gone = on_gone
        self._connection: UserConnection | None = None
        self._sign_in: SignIn | None = None
        self._proven: Proven | None = None
        self._key: MemoryKey | None = None
        self._ask_line = lines.ASK_CODE
        self._session: SshSession | None = None
        self._is_gone = False

    def attach(self, connection: UserConnection) -> None:
        """The connection that this owns."""
        self._connection = connection

    @property
    def _user(self) -> UserConnection:
        if self._connection is None:
            raise RuntimeError("a front without its connection")
        return self._connection

    async def sign_in_request(self, payload: bytes) -> None:
        """A USERAUTH_REQUEST."""
        if self._sign_in is None:
            self._sign_in = SignIn(
                session_id=self._user.ssh_session_id,
                shown_host_key=self._user.shown_host_key,
                authorities=self._parts.trust.user_authorities,
            )
        await self._carry_out(self._sign_in, self._sign_in.request(payload, self._parts.clock.now()))

    async def sign_in_response(self, payload: bytes) -> None:
        """A USERAUTH_INFO_RESPONSE."""
        if self._sign_in is not None:
            await self._carry_out(self._sign_in, self._sign_in.response(payload))

    async def _carry_out(self, sign_in: SignIn, outcome: Outcome) -> None:
        match outcome:
            case Fail(methods, partial_success, line):
                if line:
                    self._user.show(line)
                self._user.refuse_sign_in(methods, partial_success=partial_success)
            case AcceptOffer(algorithm, key_blob):
                self._user.accept_offer(algorithm, key_blob)
            case AskCode():
                self._user.ask(self._ask_line, lines.PROMPT_CODE)
            case Disconnect(line):
                self._user.farewell(DISCONNECT_PROTOCOL_ERROR, line)
            case Proven() if not self._on_proven(f"user {outcome.identity.user_id}"):
                self._user.farewell(TOO_MANY_CONNECTIONS, lines.FULL)
            case Proven():
                self._proven = outcome
                self._key = MemoryKey(self._parts.entropy)
                await self._open(sign_in, outcome, self._key, None)
            case Code(text):
                if self._proven is not None and self._key is not None:
                    await self._open(sign_in, self._proven, self._key, text)

    async def _open(self, sign_in: SignIn, proven: Proven, key: MemoryKey, code: str | None) -> None:
        is_bare = isinstance(parse_user_name(proven.user_name), JumpName)
        if self._outer_user is None and is_bare:
            await self._open_jump(sign_in, proven)
            return
        if self._outer_user is not None and (line := self._misplaced(self._outer_user, proven, is_bare=is_bare)):
            self._refuse(sign_in, line)
            return
        try:
            plan = await self._ask(proven, key, code)
            session = self._begin(plan, key)
        except DoorwardError as error:
            if not self._is_gone:
                await self._refused(sign_in, error, code)
            return
        self._session = session
        self._parts.sessions.add(session)
        if self._is_gone:
            session.user_gone()
        if session.is_over:
            return
        sign_in.accept()
        for notice in plan.notices:
            self._user.show(notice)
        await self._user.accept_sign_in()

    def _misplaced(self, outer_user: str, proven: Proven, *, is_bare: bool) -> str:
        """Why this sign-in does not belong under a node's name; empty when it does."""
        if proven.identity.user_id != outer_user:
            return lines.ANOTHER_USER
        return "" if is_bare else lines.NODE_TWICE.format(suffix=self._parts.trust.node_suffix)

    async def _open_jump(self, sign_in: SignIn, proven: Proven) -> None:
        parts = self._parts
        try:
            parts.sessions.room()
            parts.sessions.jumps.room(proven.identity.user_id)
            if not parts.sessions.may_open():
                raise Unavailable(lines.NO_CONTROL)
            async with asyncio.timeout(OPEN_SECONDS):
                granted = await parts.control_plane.open_jump(
                    OpenJump(Proof(proven.signed, proven.signature), self._source)
                )
            parts.sessions.jumps.room(proven.identity.user_id)  # others were asking at the same time
        except (DoorwardError, TimeoutError) as error:
            if not self._is_gone:
                self._refuse(sign_in, error.message if isinstance(error, DoorwardError) else lines.NO_CONTROL)
            return
        if self._is_gone:
            return
        if granted.user_id != proven.identity.user_id:
            self._refuse(sign_in, lines.BROKEN_PLAN)
            return
        self._jump = Jump(parts, self._user, granted, source=self._source, make_inside=self._make_inside)
        if self._jump.is_over:  # the order to close it was here before the answer
            return
        sign_in.accept()
        await self._user.accept_sign_in()

    async def _ask(self, proven: Proven, key: MemoryKey, code: str | None) -> SessionPlan:
        parts = self._parts
        parts.sessions.room()
        if not parts.sessions.may_open():
            raise Unavailable(lines.NO_CONTROL)
        wanted = OpenSession(
            proof=Proof(proven.signed, proven.signature),
            session_public_key=key.public_key,
            source=self._source,
            client_version=self._user.client_version[:SOURCE_CHARACTERS_MAX],
            factor_code=code,
            face=None if self._outer_user is None or proven.is_bound else self._user.shown_host_key,
        )
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                return await self._open_session(wanted)
        except TimeoutError as error:
            raise Unavailable(lines.NO_CONTROL) from error
        except RemoteProblem:
            raise
        except Unavailable as error:  # how it can not be reached is for the log; users are told what to do
            raise Unavailable(lines.NO_CONTROL) from error

    async def _open_session(self, wanted: OpenSession) -> SessionPlan:
        """Ask once more when the answer was lost: the proof's SSH session id tells the authority that it is the same.

        Not when the authority has answered that it can not, and not a third time: then it is away.
        """
        ask = self._parts.control_plane.open_session
        try:
            return await ask(wanted)
        except RemoteProblem:
            raise
        except Unavailable:
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            return await ask(wanted)

    def _begin(self, plan: SessionPlan, key: MemoryKey) -> SshSession:
        try:
            return SshSession.open(plan, key, self._parts, self._user)
        except DoorwardError as error:
            # The authority has opened it, so it is told that it never came to be.
            is_recorder = isinstance(error, RecorderFailed)
            reason = EndReason.RECORDER_FAILED if is_recorder else EndReason.PROTOCOL_ERROR
            reports = SessionReports(plan.session_id, self._parts.outlet, _nothing)
            reports.ended(SessionEnded(reason.value, RecordingLevel.NONE.text, 0, 0))
            line = lines.RECORDER_FAILED if is_recorder else lines.BROKEN_PLAN
            raise Unavailable(lines.NO_ROOM if isinstance(error, QuotaReached) else line) from error

    async def _refused(self, sign_in: SignIn, error: DoorwardError, code: str | None) -> None:
        reason = code_of(error)
        if reason == FACTOR_REQUIRED and code is None:
            await self._carry_out(sign_in, sign_in.owe_code())
        elif reason in (FACTOR_REQUIRED, FACTOR_REFUSED) and code is not None:
            self._ask_line = lines.ASK_AGAIN.format(why=error.message)
            await self._carry_out(sign_in, sign_in.refuse_code())
        else:
            self._refuse(sign_in, error.message)

    def _refuse(self, sign_in: SignIn, line: str) -> None:
        """No session: the reason as a banner, which every client shows, then a failure, whatever follows."""
        line = lines.said(line)
        sign_in.refuse()
        user = self._user
        user.show(line)
        # An empty list would make OpenSSH try every method that it knows, and ask for a password.
        user.refuse_sign_in(Fail().methods)
        asyncio.get_running_loop().call_later(LEAVE_SECONDS, lambda: user.farewell(DISCONNECT_BY_APPLICATION, line))

    def channel_requested(self, kind: bytes, data: bytes) -> Refusal | Callable[[], Awaitable[ChannelEnd]]:
        """A channel is wanted."""
        if self._jump is not None:
            return self._jump.channel_requested(kind, data)
        return Refusal(lines.OVER) if self._session is None else self._session.channel_requested(kind, data)

    def global_request_received(self, name: bytes, data: bytes) -> GlobalVerdict:
        """A request for the whole connection."""
        return False if self._session is None else self._session.global_request(name, data)

    def connection_ready(self) -> None:
        """asyncssh: the user is signed in."""

    def connection_gone(self, error: Exception | None) -> None:
        """The connection has ended."""
        self._is_gone = True
        if self._jump is not None:
            self._jump.gone()
        if self._session is not None:
            self._session.user_gone(is_violation=isinstance(error, VIOLATIONS))
        self._on_gone()

    def writing_blocked(self, *, blocked: bool) -> None:
        """The user's side takes no more for now, or takes more again."""
        if self._jump is not None:
            self._jump.blocked(blocked=blocked)
        if self._session is not None:
            self._session.user_blocked(blocked=blocked)


def _nothing() -> None:
    """There are no notes that could overflow."""

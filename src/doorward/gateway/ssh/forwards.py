"""Opens the forwarded connections of one session, from either side, and lets nodes listen for it.

Every opening is stored and told before it is passed on, and goes through the two connections that exist: this gateway
dials nothing and listens on nothing. A refused listener is told to the user on the next channel that can show a line,
since SSH has no place for it in the answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from asyncssh import ChannelOpenError

from doorward.api.bodies.gateway_calls import Note
from doorward.base.errors import DoorwardError
from doorward.base.terminal_text import for_terminal
from doorward.domain.recording import frames
from doorward.domain.recording.levels import StreamKind
from doorward.gateway.relays.forwards import ForwardRules, Listen, Place
from doorward.gateway.relays.ssh_tables import CANCEL, FROM_NODES, FROM_USERS, LISTEN
from doorward.gateway.relays.verdicts import Open, Refuse
from doorward.gateway.ssh import lines, notes
from doorward.gateway.ssh.asyncssh_channels import FORWARD_WINDOW_BYTES, ChannelEnd
from doorward.gateway.ssh.asyncssh_internals import (
    OPEN_CONNECT_FAILED,
    OPEN_PROHIBITED,
    OPEN_RESOURCE_SHORTAGE,
    GlobalAnswer,
    GlobalVerdict,
    NodeConnection,
    Refusal,
    UserConnection,
)
from doorward.gateway.ssh.ends import NodeEnd, UserEnd
from doorward.gateway.ssh.forward_pump import ForwardHost, ForwardPump

Opening = Refusal | Callable[[], Awaitable[ChannelEnd]]


_Reach = Callable[[ForwardPump], Awaitable[None]]
"""Opens the channel of the side that did not ask."""
_Ours = Callable[[ForwardPump], UserEnd | NodeEnd]
"""The end of the side that did."""


class ForwardingSession(ForwardHost, Protocol):
    """The session, as its forwards need it."""

    @property
    def is_over(self) -> bool: ...
    @property
    def log_is_pressed(self) -> bool: ...
    @property
    def user(self) -> UserConnection: ...
    async def node(self) -> NodeConnection:
        """The connection to the node, once it stands; `ChannelOpenError` when it never will."""
        ...

    def open_stream(self, opens: Open) -> int: ...
    def add_pump(self, pump: ForwardPump) -> None: ...
    def store_event(self, stream: int, body: frames.Body) -> None: ...
    def note(self, note: Note) -> None: ...
    def refused(self, verdict: Refuse) -> None: ...
    def failed(self, error: DoorwardError) -> None: ...
    def tell_user(self, line: str) -> None: ...


class Forwards:
    """One session's."""

    def __init__(self, rules: ForwardRules, session: ForwardingSession) -> None:
        self._rules = rules
        self._session = session

    def from_user(self, kind: bytes, data: bytes) -> Opening | None:
        """A verdict on a channel of the user's client; None for what is no forward."""
        if kind not in FROM_USERS:
            return None
        verdict = self._rules.from_user(kind, data)
        return self._opening(verdict, lambda pump: self._to_node(pump, kind, data), lambda pump: pump.user)

    def from_node(self, kind: bytes, data: bytes) -> Opening:
        """A verdict on a channel that the node wants to open."""
        if kind not in FROM_NODES:
            self._session.refused(Refuse(lines.UNASKED, "unknown", "from the node"))
            return Refusal(lines.UNASKED, OPEN_PROHIBITED)
        verdict = self._rules.from_node(kind, data)
        return self._opening(verdict, lambda pump: self._to_user(pump, kind, data), lambda pump: pump.node)

    def global_request(self, name: bytes, data: bytes) -> GlobalVerdict | None:
        """A verdict on a request of the user's client to listen, or to stop; None for any other."""
        if name not in LISTEN and name not in CANCEL:
            return None
        verdict = self._rules.listen(name, data)
        if isinstance(verdict, Refuse):
            self._refuse_listener(verdict)
            return False
        return lambda: self._listen(verdict, name, data)

    def _opening(self, verdict: Open | Refuse, reach: _Reach, ours: _Ours) -> Opening:
        session = self._session
        if isinstance(verdict, Refuse):
            session.refused(verdict)
            return Refusal(verdict.line, OPEN_PROHIBITED)
        if session.log_is_pressed:
            self._rules.gone()
            return Refusal(lines.TOO_FAST, OPEN_RESOURCE_SHORTAGE)
        try:
            pump = ForwardPump(session.open_stream(verdict), session)
        except DoorwardError as error:
            self._rules.gone()
            session.failed(error)
            return Refusal(lines.OVER, OPEN_PROHIBITED)
        session.add_pump(pump)
        session.user_acted()
        return lambda: self._open(pump, reach, ours)

    async def _open(self, pump: ForwardPump, reach: _Reach, ours: _Ours) -> ChannelEnd:
        try:
            await reach(pump)
        except asyncio.CancelledError as error:
            pump.stop()
            raise ChannelOpenError(OPEN_CONNECT_FAILED, lines.OVER) from error
        except ChannelOpenError as error:
            self._store_failure(pump, error)
            pump.stop()
            raise
        return ours(pump)

    async def _to_node(self, pump: ForwardPump, kind: bytes, data: bytes) -> None:
        node = await self._session.node()
        await node.new_channel(FORWARD_WINDOW_BYTES).open_towards_peer(pump.node, kind, data)

    async def _to_user(self, pump: ForwardPump, kind: bytes, data: bytes) -> None:
        await self._session.user.new_channel(FORWARD_WINDOW_BYTES).open_towards_peer(pump.user, kind, data)

    def _store_failure(self, pump: ForwardPump, error: ChannelOpenError) -> None:
        if pump.is_over:
            return
        try:
            self._session.store_event(pump.stream, frames.Note("forward.failed", result=for_terminal(error.reason)))
        except DoorwardError as failure:
            self._session.failed(failure)

    async def _listen(self, listen: Listen, name: bytes, data: bytes) -> GlobalAnswer:
        answer: GlobalAnswer = None
        try:
            self._store(listen.place, "cancelled" if listen.is_cancel else "asked")
            answer = await (await self._session.node()).ask_globally(name, data)
        except DoorwardError as error:
            self._session.failed(error)
        except (asyncio.CancelledError, ChannelOpenError):
            answer = None
        place = self._rules.answered(listen, answer)
        if place is not None:
            self._session.note(notes.listening(place))
        elif not listen.is_cancel:
            self._refuse_listener(Refuse(lines.NOT_LISTENING, StreamKind.REMOTE_FORWARD.value, listen.place.text))
        return answer

    def _store(self, place: Place, result: str) -> None:
        self._session.store_event(0, frames.Note("forward.listen", result=result, detail=place.text))

    def _refuse_listener(self, verdict: Refuse) -> None:
        self._session.refused(verdict)
        if verdict.line:
            self._session.tell_user(verdict.line)

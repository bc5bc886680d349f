"""All that touches asyncssh's private parts: connections here, channels in `asyncssh_channels`.

asyncssh carries packets: key exchange, encryption, windows. What it decides on its own is taken out here: user
authentication (its hooks run before a signature is checked, and it never asks for two factors), channel types, global
requests and channel requests (it would open listeners on this very machine) all go to an owner of ours, which answers
from closed tables. `tests/gateway/ssh/test_asyncssh_internals.py` fails when the methods that this file leans on
change, so the pinned version is not raised without reading them again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from asyncssh.auth import ClientAuth
from asyncssh.connection import (
    SSHClientConnection,
    SSHClientConnectionOptions,
    SSHServerConnection,
    SSHServerConnectionOptions,
)
from asyncssh.constants import (
    MSG_CHANNEL_OPEN,
    MSG_GLOBAL_REQUEST,
    MSG_REQUEST_FAILURE,
    MSG_REQUEST_SUCCESS,
    MSG_USERAUTH_FAILURE,
    MSG_USERAUTH_REQUEST,
)
from asyncssh.misc import HostKeyNotVerifiable, PermissionDenied, ProtocolError
from asyncssh.packet import Boolean, NameList, SSHPacket, String, UInt32
from asyncssh.public_key import SSHKey, SSHKeyPair

from doorward.base.terminal_text import for_terminal
from doorward.gateway.ssh.asyncssh_channels import PACKET_BYTES, WINDOW_BYTES, ChannelEnd, RelayChannel
from doorward.gateway.ssh.asyncssh_logging import quiet
from doorward.gateway.ssh.asyncssh_pressure import PressedConnection
from doorward.net import quickack

MSG_USERAUTH_PK_OK: Final = 60
MSG_USERAUTH_INFO_REQUEST: Final = 60
MSG_USERAUTH_INFO_RESPONSE: Final = 61

PEER_PACKET_BYTES_MIN: Final = 256
"""Below this a peer's packet size only makes us send a storm of tiny packets."""
BITE_BYTES: Final = 48 * 1024
READS_ACKNOWLEDGED_AT_ONCE: Final = 48
"""Enough reads for both handshakes and the opening of the first channel."""
FAREWELL_SECONDS: Final = 1.0
"""How long a peer may take to read why it was disconnected."""
GLOBAL_REQUESTS_WAITING_MAX: Final = 256
"""Global requests of one peer that wait for their answer."""
OPEN_PROHIBITED: Final = 1
OPEN_CONNECT_FAILED: Final = 2
OPEN_RESOURCE_SHORTAGE: Final = 4
"""Why a channel was not opened (RFC 4254 section 5.1)."""
EXTENSION_HOSTBOUND: Final = b"publickey-hostbound@openssh.com"

GlobalAnswer = bytes | None
"""What an answer to a global request carries; None says no."""
GlobalVerdict = bool | Callable[[], Awaitable[GlobalAnswer]]
"""An answer at once, or how to come by one; answers leave in the order of the requests (RFC 4254 section 4)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No, with the line that the peer may see; `code` is one of OPEN_*."""

    line: str
    code: int = 1


class ConnectionOwner(Protocol):
    """Who decides for one connection. Nothing here may raise."""

    async def sign_in_request(self, payload: bytes) -> None: ...
    async def sign_in_response(self, payload: bytes) -> None: ...
    def channel_requested(self, kind: bytes, data: bytes) -> "Refusal | Callable[[], Awaitable[ChannelEnd]]": ...
    def global_request_received(self, name: bytes, data: bytes) -> GlobalVerdict: ...
    def connection_ready(self) -> None: ...
    def connection_gone(self, error: Exception | None) -> None: ...
    def writing_blocked(self, *, blocked: bool) -> None: ...


class _OwnedConnection(PressedConnection):
    """What both sides share: decisions go to the owner, small packets leave at once, foreign words are made safe."""

    owner: ConnectionOwner
    _reads_left: int = READS_ACKNOWLEDGED_AT_ONCE
    _descriptor: int | None = None
    _is_leaving = False
    _global_requests: "deque[_GlobalRequest]"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._descriptor = quickack.acknowledgeable(transport.get_extra_info("socket"))
        self._logger = quiet(self._logger)
        super().connection_made(transport)

    def sending_blocked(self, *, blocked: bool) -> None:
        self.owner.writing_blocked(blocked=blocked)

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        if self._is_leaving:
            return
        if self._reads_left:
            self._reads_left -= 1
            if self._descriptor is not None:
                quickack.acknowledge_at_once(self._descriptor)
        # asyncssh copies all that is left of its input twice for each packet: small bites make that cheap.
        for start in range(0, len(data), BITE_BYTES):
            super().data_received(data[start : start + BITE_BYTES], datatype)

    def new_channel(self, window_bytes: int = WINDOW_BYTES) -> RelayChannel:
        """A channel on this connection; `ChannelOpenError` when the connection is gone."""
        self._update_recv_pktlen(PACKET_BYTES)
        return RelayChannel(self, self._loop, window_bytes)

    async def ask_globally(self, name: bytes, data: bytes) -> GlobalAnswer:
        """Send a global request and wait for its answer."""
        kind, packet = await self._make_global_request(name, data)
        return packet.get_remaining_payload() if kind == MSG_REQUEST_SUCCESS else None

    def farewell(self, code: int, line: str) -> None:
        """Disconnect with a reason, and nothing after it.

        The peer may still send: closing at once would answer that with a reset, and a reset makes it forget what it has
        not read yet. So reading goes on, into nothing, until the peer leaves or a moment has passed.
        """
        transport = self._transport
        if transport is not None and not self._is_leaving:
            self._send_disconnect(code, for_terminal(line), "")
            self._is_leaving = True
            if transport.can_write_eof():  # TLS can not, and needs not: the peer leaves on reading why
                transport.write_eof()
            transport.resume_reading()
            self._loop.call_later(FAREWELL_SECONDS, transport.abort)

    @property
    def is_down(self) -> bool:
        """Whether the connection is gone, or going."""
        return self._transport is None

    def _send(self, data: bytes) -> None:
        if not self._is_leaving:
            super()._send(data)

    @property
    def ssh_session_id(self) -> bytes:
        """The exchange hash of the first key exchange (RFC 4253 section 7.2); empty before it."""
        return self._session_id

    @property
    def is_signed_in(self) -> bool:
        """Whether user authentication has succeeded."""
        return self._auth_complete

    def send_channel_open_failure(self, send_chan: int, code: int, reason: str, lang: str) -> None:
        # Often it is the other side's reason, and clients print it.
        super().send_channel_open_failure(send_chan, code, for_terminal(reason), "")

    def _log_packet(self, *_unused: object) -> None:
        """See `RelayChannel._log_packet`."""

    def _channel_open(self, _kind: int, _number: int, packet: SSHPacket) -> None:
        kind = packet.get_string()
        peer_channel, window, packet_bytes = packet.get_uint32(), packet.get_uint32(), packet.get_uint32()
        if packet_bytes < PEER_PACKET_BYTES_MIN:
            raise ProtocolError("Invalid maximum packet size")
        answer = self.owner.channel_requested(kind, packet.get_remaining_payload())
        if isinstance(answer, Refusal):
            self.send_channel_open_failure(peer_channel, answer.code, answer.line, "")
            return
        self.new_channel().process_open(peer_channel, window, packet_bytes, answer())  # type: ignore[arg-type]

    def _global_request(self, _kind: int, _number: int, packet: SSHPacket) -> None:
        name = packet.get_string()
        want_reply = packet.get_boolean()
        if len(self._global_requests) >= GLOBAL_REQUESTS_WAITING_MAX:
            raise ProtocolError("Too many global requests at once")
        verdict = self.owner.global_request_received(name, packet.get_remaining_payload())
        waiting = _GlobalRequest(want_reply)
        self._global_requests.append(waiting)
        if isinstance(verdict, bool):
            self._answer_globally(waiting, b"" if verdict else None)
        else:
            self.create_task(self._answer_later(waiting, verdict))

    async def _answer_later(self, waiting: "_GlobalRequest", ask: Callable[[], Awaitable[GlobalAnswer]]) -> None:
        self._answer_globally(waiting, await ask())

    def _answer_globally(self, answered: "_GlobalRequest", answer: GlobalAnswer) -> None:
        answered.is_answered, answered.answer = True, answer
        while self._global_requests and self._global_requests[0].is_answered:
            first = self._global_requests.popleft()
            if not first.want_reply or self.is_down:
                continue
            if first.answer is None:
                self.send_packet(MSG_REQUEST_FAILURE)
            else:
                self.send_packet(MSG_REQUEST_SUCCESS, first.answer)


@dataclass(slots=True)
class _GlobalRequest:
    """One that was received, until its turn to be answered."""

    want_reply: bool
    is_answered: bool = False
    answer: GlobalAnswer = None


class UserConnection(_OwnedConnection, SSHServerConnection):
    """A user's connection to this gateway."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: SSHServerConnectionOptions, owner: ConnectionOwner
    ) -> None:
        super().__init__(loop, options)
        self.owner = owner
        self._global_requests = deque()
        self._extensions_to_send[EXTENSION_HOSTBOUND] = b"0"

    @property
    def shown_host_key(self) -> bytes:
        """The host certificate that this client was shown."""
        return b"" if self._server_host_key is None else self._server_host_key.public_data

    @property
    def client_version(self) -> str:
        """The client's version line."""
        return self._client_version.decode("ascii", "replace")

    def refuse_sign_in(self, methods: tuple[str, ...], *, partial_success: bool = False) -> None:
        """That did not suffice; `methods` can continue (RFC 4252 section 5.1)."""
        self._auth = None
        self.send_packet(MSG_USERAUTH_FAILURE, NameList([m.encode() for m in methods]), Boolean(partial_success))

    def show(self, line: str) -> None:
        """A line during authentication, as a banner (RFC 4252 section 5.4)."""
        self.send_auth_banner(for_terminal(line) + "\r\n")

    def accept_offer(self, algorithm: str, key_blob: bytes) -> None:
        """A signature with this key would be looked at."""
        self.send_packet(MSG_USERAUTH_PK_OK, String(algorithm), String(key_blob))

    def ask(self, instruction: str, prompt: str) -> None:
        """Ask one question without echo (RFC 4256); the answer goes to the owner's `sign_in_response`."""
        self._auth = _AnswerRoute(self)  # type: ignore[assignment]
        questions = UInt32(1) + String(prompt) + Boolean(False)
        self.send_packet(
            MSG_USERAUTH_INFO_REQUEST, String(""), String(for_terminal(instruction)), String(""), questions
        )

    async def accept_sign_in(self) -> None:
        """All that was owed is given."""
        await self.send_userauth_success()

    def _sign_in_request(self, _kind: int, _number: int, packet: SSHPacket) -> Awaitable[None] | None:
        if self._auth_complete:
            if self._auth_final:
                raise ProtocolError("Unexpected userauth request")
            return None
        if not self._auth_in_progress:
            raise ProtocolError("Userauth request before its service")
        return self.owner.sign_in_request(packet.get_full_payload())

    _packet_handlers = {  # noqa: RUF012
        **SSHServerConnection._packet_handlers,
        MSG_USERAUTH_REQUEST: _sign_in_request,
        MSG_CHANNEL_OPEN: _OwnedConnection._channel_open,
        MSG_GLOBAL_REQUEST: _OwnedConnection._global_request,
    }


class _AnswerRoute:
    """Stands in `_auth` while a question is open: passes the answer to the connection's owner."""

    def __init__(self, connection: UserConnection) -> None:
        self._connection = connection

    def log_received_packet(self, *_unused: object) -> None:
        """Nothing of an answer is logged."""

    def process_packet(self, kind: int, _number: int, packet: SSHPacket) -> bool | Awaitable[None]:
        """The owner's coroutine for an answer, False for anything else."""
        if kind != MSG_USERAUTH_INFO_RESPONSE:
            return False
        return self._connection.owner.sign_in_response(packet.get_full_payload())

    def cancel(self) -> None:
        """The connection is going away."""


class _SignedAtOnce(ClientAuth):
    """One signed request without the usual `none` and the offer before it: saves two round trips and a look-up."""

    def __init__(self, connection: "NodeConnection", key: SSHKeyPair) -> None:
        self._key = key
        super().__init__(connection, b"publickey")

    async def _start(self) -> None:
        key = self._key
        await self.send_request(Boolean(True), String(key.algorithm), String(key.public_data), key=key, trivial=False)


class NodeConnection(_OwnedConnection, SSHClientConnection):
    """Our connection to a node: one key, one account, the host checked by `check_host`.

    `check_host(blob)` gives the key that the exchange must be signed with, or raises ValueError.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: SSHClientConnectionOptions,
        owner: ConnectionOwner,
        key: SSHKeyPair,
        check_host: Callable[[bytes], SSHKey],
    ) -> None:
        super().__init__(loop, options, wait="auth")
        self.owner = owner
        self._global_requests = deque()
        self._our_key = key
        self._check_host = check_host
        self._was_tried = False

    @property
    def node_version(self) -> str:
        """The node's version line."""
        return self._server_version.decode("ascii", "replace")

    def validate_server_host_key(self, key_data: bytes) -> SSHKey:
        try:
            self._server_host_key = self._check_host(key_data)
        except ValueError as error:
            raise HostKeyNotVerifiable(str(error)) from error
        return self._server_host_key

    def try_next_auth(self, *, next_method: bool = False) -> None:
        if self._was_tried:
            self._force_close(PermissionDenied("the node refused the session's certificate"))
            return
        self._was_tried = True
        self._auth = _SignedAtOnce(self, self._our_key)

    _packet_handlers = {  # noqa: RUF012
        **SSHClientConnection._packet_handlers,
        MSG_CHANNEL_OPEN: _OwnedConnection._channel_open,
        MSG_GLOBAL_REQUEST: _OwnedConnection._global_request,
    }

"""All that touches asyncssh's private parts, in one file.

asyncssh carries packets: key exchange, encryption, windows. What it decides on its own is taken out here: user
authentication (its hooks run before a signature is checked, and it never asks for two factors), channel types, global
requests and channel requests (it would open listeners on this very machine) all go to an owner of ours, which answers
from closed tables. `tests/gateway/ssh/test_asyncssh_internals.py` fails when the methods that this file leans on
change, so the pinned version is not raised without reading them again.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from asyncssh.auth import ClientAuth
from asyncssh.channel import SSHChannel
from asyncssh.connection import (
    SSHClientConnection,
    SSHClientConnectionOptions,
    SSHConnection,
    SSHServerConnection,
    SSHServerConnectionOptions,
)
from asyncssh.constants import (
    EXTENDED_DATA_STDERR,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_OPEN,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_SUCCESS,
    MSG_GLOBAL_REQUEST,
    MSG_IGNORE,
    MSG_REQUEST_FAILURE,
    MSG_REQUEST_SUCCESS,
    MSG_USERAUTH_FAILURE,
    MSG_USERAUTH_REQUEST,
)
from asyncssh.misc import HostKeyNotVerifiable, PermissionDenied, ProtocolError
from asyncssh.packet import Boolean, NameList, SSHPacket, String, UInt32
from asyncssh.public_key import SSHKey, SSHKeyPair

from doorward.net import quickack

MSG_USERAUTH_PK_OK: Final = 60
MSG_USERAUTH_INFO_REQUEST: Final = 60
MSG_USERAUTH_INFO_RESPONSE: Final = 61

WINDOW_BYTES: Final = 2 * 1024 * 1024
"""How much a peer may send on a channel before we have passed it on: bounds memory per channel and direction."""
PACKET_BYTES: Final = 32_768
PEER_PACKET_BYTES_MIN: Final = 256
"""Below this a peer's packet size only makes us send a storm of tiny packets."""
CHANNEL_BUFFER_BYTES: Final = 256 * 1024
TRANSPORT_BUFFER_BYTES: Final = 512 * 1024
BITE_BYTES: Final = 48 * 1024
READS_ACKNOWLEDGED_AT_ONCE: Final = 48
"""Enough reads for both handshakes and the opening of the first channel."""
FAREWELL_SECONDS: Final = 1.0
"""How long a peer may take to read why it was disconnected."""
EXTENSION_HOSTBOUND: Final = b"publickey-hostbound@openssh.com"

PacketHandler = Callable[[Any, int, int, SSHPacket], Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """No, with the line that the peer may see; `code` as in RFC 4254 section 5.1."""

    line: str
    code: int = 1


class ChannelEnd(Protocol):
    """Our side of one channel: what arrives on it. Nothing here may raise; a raise ends the whole connection."""

    def connection_made(self, chan: Any) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def data_received(self, data: bytes, datatype: int | None) -> None: ...
    def eof_received(self) -> bool: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def request_received(self, name: bytes, data: bytes, *, want_reply: bool) -> None: ...
    def response_received(self, *, ok: bool) -> None: ...


class ConnectionOwner(Protocol):
    """Who decides for one connection. Nothing here may raise."""

    async def sign_in_request(self, payload: bytes) -> None: ...
    async def sign_in_response(self, payload: bytes) -> None: ...
    def channel_requested(self, kind: bytes, data: bytes) -> "Refusal | Callable[[], Awaitable[ChannelEnd]]": ...
    def global_request_received(self, name: bytes, data: bytes) -> bool: ...
    def connection_ready(self) -> None: ...
    def connection_gone(self, error: Exception | None) -> None: ...
    def writing_blocked(self, *, blocked: bool) -> None: ...


class RelayChannel(SSHChannel[bytes]):
    """A channel of either side whose requests go to its end unread, in both directions and in order."""

    _read_datatypes = {EXTENDED_DATA_STDERR}  # noqa: RUF012  (asyncssh declares it so)
    _write_datatypes = {EXTENDED_DATA_STDERR}  # noqa: RUF012

    def __init__(self, conn: SSHConnection, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(conn, loop, None, "strict", WINDOW_BYTES, PACKET_BYTES)
        self._recv_paused = False
        self._after_data: deque[Callable[[], None]] = deque()
        self._send_high_water = CHANNEL_BUFFER_BYTES
        self._send_low_water = CHANNEL_BUFFER_BYTES // 4

    async def open_towards_peer(self, end: ChannelEnd, kind: bytes, data: bytes) -> bytes:
        """Open it; the answer is what the confirmation carried. `ChannelOpenError` when the peer refuses."""
        self._session = end  # type: ignore[assignment]
        packet = await self._open(kind, data)
        end.connection_made(self)
        return packet.get_remaining_payload()

    @property
    def is_open(self) -> bool:
        """Whether data can still be sent."""
        return self._send_state == "open"

    @property
    def has_unread(self) -> bool:
        """Whether data waits for reading to go on."""
        return bool(self._recv_buf)

    @property
    def buffered_bytes(self) -> int:
        """How much waits in memory, both directions."""
        return self._send_buf_len + sum(len(data) for data, _ in self._recv_buf)

    def request(self, name: bytes, data: bytes, *, want_reply: bool) -> None:
        """Send a channel request; a reply comes to the end's `response_received`, in order."""
        self.send_packet(MSG_CHANNEL_REQUEST, String(name), Boolean(want_reply), data)

    def respond(self, *, ok: bool) -> None:
        """Answer the oldest unanswered request."""
        if self._send_state not in {"close_pending", "closed"}:
            self.send_packet(MSG_CHANNEL_SUCCESS if ok else MSG_CHANNEL_FAILURE)

    def after_data(self, action: Callable[[], None]) -> None:
        """Do it once all that was written has left, at once when nothing waits."""
        if self._send_buf:
            self._after_data.append(action)
        else:
            action()

    def close(self) -> None:
        """Close once all that was written, and what waits behind it, has left."""
        if self._after_data:
            self._after_data.append(super().close)
        else:
            super().close()

    def _flush_send_buf(self) -> None:
        super()._flush_send_buf()
        while self._after_data and not self._send_buf:
            self._after_data.popleft()()

    def _process_request(self, _kind: int, _number: int, packet: SSHPacket) -> None:
        if self._recv_state not in {"open", "eof_pending", "eof"}:
            raise ProtocolError("Channel not open")
        name = packet.get_string()
        want_reply = packet.get_boolean()
        if self._session is not None:
            self._session.request_received(name, packet.get_remaining_payload(), want_reply=want_reply)  # type: ignore[attr-defined]

    def _process_response(self, kind: int, _number: int, packet: SSHPacket) -> None:
        packet.check_end()
        if self._session is not None:
            self._session.response_received(ok=kind == MSG_CHANNEL_SUCCESS)  # type: ignore[attr-defined]

    def _log_packet(self, *_unused: object) -> None:
        """asyncssh describes every packet before it asks whether anybody reads logs."""

    _packet_handlers = {  # noqa: RUF012
        **SSHChannel._packet_handlers,
        MSG_CHANNEL_REQUEST: _process_request,
        MSG_CHANNEL_SUCCESS: _process_response,
        MSG_CHANNEL_FAILURE: _process_response,
    }


class _OwnedConnection(SSHConnection):
    """What both sides share: decisions go to the owner, small packets leave at once, back-pressure is real."""

    owner: ConnectionOwner
    _reads_left: int = READS_ACKNOWLEDGED_AT_ONCE
    _socket: socket.socket | None = None
    _is_leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = transport.get_extra_info("socket")
        transport.set_write_buffer_limits(high=TRANSPORT_BUFFER_BYTES)  # type: ignore[attr-defined]
        super().connection_made(transport)

    def data_received(self, data: bytes, datatype: int | None = None) -> None:
        if self._is_leaving:
            return
        if self._reads_left:
            self._reads_left -= 1
            if self._socket is not None:
                quickack.acknowledge_at_once(self._socket)
        # asyncssh copies all that is left of its input twice for each packet: small bites make that cheap.
        for start in range(0, len(data), BITE_BYTES):
            super().data_received(data[start : start + BITE_BYTES], datatype)

    def pause_writing(self) -> None:
        # A peer that does not read is not read either: otherwise its requests pile answers up in memory.
        if self._transport is not None:
            self._transport.pause_reading()
        self.owner.writing_blocked(blocked=True)

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()
        self.owner.writing_blocked(blocked=False)

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        # asyncssh puts an empty packet before each, against attacks on CBC ciphers; we offer none.
        if pkttype != MSG_IGNORE:
            super().send_packet(pkttype, *args, handler=handler)

    def new_channel(self) -> RelayChannel:
        """A channel on this connection; `ChannelOpenError` when the connection is gone."""
        self._update_recv_pktlen(PACKET_BYTES)
        return RelayChannel(self, self._loop)

    def farewell(self, code: int, line: str) -> None:
        """Disconnect with a reason, and nothing after it.

        The peer may still send: closing at once would answer that with a reset, and a reset makes it forget what it has
        not read yet. So reading goes on, into nothing, until the peer leaves or a moment has passed.
        """
        transport = self._transport
        if transport is not None and not self._is_leaving:
            self._send_disconnect(code, line, "")
            self._is_leaving = True
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
        ok = self.owner.global_request_received(name, packet.get_remaining_payload())
        if want_reply:
            self.send_packet(MSG_REQUEST_SUCCESS if ok else MSG_REQUEST_FAILURE)


class UserConnection(_OwnedConnection, SSHServerConnection):
    """A user's connection to this gateway."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, options: SSHServerConnectionOptions, owner: ConnectionOwner
    ) -> None:
        super().__init__(loop, options)
        self.owner = owner
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

    def accept_offer(self, algorithm: str, key_blob: bytes) -> None:
        """A signature with this key would be looked at."""
        self.send_packet(MSG_USERAUTH_PK_OK, String(algorithm), String(key_blob))

    def ask(self, instruction: str, prompt: str) -> None:
        """Ask one question without echo (RFC 4256); the answer goes to the owner's `sign_in_response`."""
        self._auth = _AnswerRoute(self)  # type: ignore[assignment]
        questions = UInt32(1) + String(prompt) + Boolean(False)
        self.send_packet(MSG_USERAUTH_INFO_REQUEST, String(""), String(instruction), String(""), questions)

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

"""Channels as we use them, over the private parts of asyncssh's: the half of its adapter that carries bytes.

Requests go to an end of ours unread, in both directions and in order; what asyncssh would decide itself is taken out.
`asyncssh_internals` is the other half: connections.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from asyncssh.channel import SSHChannel
from asyncssh.connection import SSHConnection
from asyncssh.constants import (
    EXTENDED_DATA_STDERR,
    MSG_CHANNEL_FAILURE,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_SUCCESS,
)
from asyncssh.misc import ProtocolError
from asyncssh.packet import Boolean, SSHPacket, String

WINDOW_BYTES: Final = 2 * 1024 * 1024
"""How much a peer may send on a channel before we have passed it on: bounds memory per channel and direction."""
FORWARD_WINDOW_BYTES: Final = 512 * 1024
"""The same for a forwarded connection, of which there may be hundreds."""
PACKET_BYTES: Final = 32_768
CHANNEL_BUFFER_BYTES: Final = 256 * 1024


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


class RelayChannel(SSHChannel[bytes]):
    """A channel of either side whose requests go to its end unread, in both directions and in order."""

    _read_datatypes = {EXTENDED_DATA_STDERR}  # noqa: RUF012  (asyncssh declares it so)
    _write_datatypes = {EXTENDED_DATA_STDERR}  # noqa: RUF012

    def __init__(self, conn: SSHConnection, loop: asyncio.AbstractEventLoop, window_bytes: int) -> None:
        super().__init__(conn, loop, None, "strict", window_bytes, PACKET_BYTES)
        self._recv_paused = False
        self._after_data: deque[Callable[[], None]] = deque()
        self._send_high_water = CHANNEL_BUFFER_BYTES
        self._send_low_water = CHANNEL_BUFFER_BYTES // 4

    async def open_towards_peer(self, end: ChannelEnd, kind: bytes, data: bytes) -> bytes:
        """Open it; the answer is what the confirmation carried. `ChannelOpenError` when the peer refuses.

        Nothing is read before the end has its channel: a peer that speaks first would be heard by nobody.
        """
        self._session = end  # type: ignore[assignment]
        self._recv_paused = True
        packet = await self._open(kind, data)
        self._recv_paused = False
        end.connection_made(self)
        self.resume_unless_held()
        return packet.get_remaining_payload()

    def resume_unless_held(self) -> None:
        """Hand on what arrived meanwhile, unless the end asked to wait."""
        if not self._recv_paused:
            self._flush_recv_buf()

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

"""Back-pressure of one SSH connection, where asyncssh has none: what a peer does not take stops what goes to it.

Two places pile up: the transport's buffer, while the peer does not read, and asyncssh's list of packets that wait for a
key exchange, which a peer can begin and never finish. Either stops the sources; the second also has an end, since
answers to the peer's own requests go there while it is read on, as it must be for the exchange to go on.
"""

import asyncio
from enum import Enum
from typing import Any, Final

from asyncssh.connection import SSHConnection
from asyncssh.constants import MSG_IGNORE
from asyncssh.misc import ProtocolError

TRANSPORT_BUFFER_BYTES: Final = 512 * 1024
DEFERRED_BYTES_MAX: Final = 4 * TRANSPORT_BUFFER_BYTES
"""Packets that wait for a key exchange; the sources stop at a quarter of it, so this much is no accident."""
PACKET_OVERHEAD_BYTES: Final = 128
"""What a waiting packet costs in memory beside its payload."""


class Full(Enum):
    """Why nothing more should be sent for now."""

    TRANSPORT = "the peer does not read"
    KEY_EXCHANGE = "the peer does not finish a key exchange"


class PressedConnection(SSHConnection):
    """Tells `sending_blocked` when to stop and when to go on."""

    _deferred_bytes = 0
    _full: frozenset[Full] = frozenset()

    def sending_blocked(self, *, blocked: bool) -> None:
        """Sources of bytes and requests for this peer must stop, or may go on; for the class that knows them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.set_write_buffer_limits(high=TRANSPORT_BUFFER_BYTES)  # type: ignore[attr-defined]
        super().connection_made(transport)

    def pause_writing(self) -> None:
        # A peer that does not read is not read either: otherwise its requests pile answers up in memory.
        if self._transport is not None:
            self._transport.pause_reading()
        self._fill(Full.TRANSPORT)

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()
        self._drain(Full.TRANSPORT)

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        # asyncssh puts an empty packet before each, against attacks on CBC ciphers; we offer none.
        if pkttype == MSG_IGNORE or self._deferred_bytes > DEFERRED_BYTES_MAX:
            return
        waiting = len(self._deferred_packets)
        super().send_packet(pkttype, *args, handler=handler)
        if len(self._deferred_packets) > waiting:
            self._deferred(sum(len(part) for part in args) + PACKET_OVERHEAD_BYTES)

    def _deferred(self, size_bytes: int) -> None:
        self._deferred_bytes += size_bytes
        if self._deferred_bytes > DEFERRED_BYTES_MAX:
            # Not from here: whoever sends stands in the middle of a channel's work.
            self._loop.call_soon(self._force_close, ProtocolError("Key exchange not finished"))
        elif self._deferred_bytes > TRANSPORT_BUFFER_BYTES:
            self._fill(Full.KEY_EXCHANGE)

    def _send_deferred_packets(self) -> None:
        if self._deferred_bytes > DEFERRED_BYTES_MAX:
            return  # some were dropped
        self._deferred_bytes = 0
        super()._send_deferred_packets()
        if self._deferred_bytes <= TRANSPORT_BUFFER_BYTES:
            self._drain(Full.KEY_EXCHANGE)

    def _fill(self, why: Full) -> None:
        was_free, self._full = not self._full, self._full | {why}
        if was_free:
            self.sending_blocked(blocked=True)

    def _drain(self, why: Full) -> None:
        was_full, self._full = bool(self._full), self._full - {why}
        if was_full and not self._full:
            self.sending_blocked(blocked=False)

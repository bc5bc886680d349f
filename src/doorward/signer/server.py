"""The signer's socket: who may connect, how much may wait, in what order it is answered.

A peer is known by its credentials (SO_PEERCRED), which the kernel vouches for. Answers keep the order of the calls. A
peer that breaks the framing, stalls inside a frame or does not read its answers is cut or held; others go on.
"""

import asyncio
import logging
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Collection
from typing import Final, cast

from doorward.api.signer.frames import FrameReader, encode_frame
from doorward.api.signer.messages import CALL_BYTES_MAX
from doorward.signer.service import SigningService
from doorward.wire.errors import RemoteProtocolError

CONNECTIONS_MAX: Final = 64
TURN_CALLS_MAX: Final = 32
"""Answered in one turn of the loop: about four milliseconds, then the next peer has its turn."""
FRAME_SECONDS_MAX: Final = 10.0
"""From the first byte of a frame to its last."""
_CREDENTIALS: Final = struct.Struct("3i")

_log = logging.getLogger("doorward.signer")


def peer_uid(transport: asyncio.BaseTransport) -> int:
    """The user id of the process that connected."""
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as peer:
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(credentials)
    return int(uid)


class SignerConnections:
    """Makes a protocol for each peer, and remembers those that are open."""

    def __init__(
        self,
        service: SigningService,
        allowed_uids: Collection[int],
        *,
        uid_of: Callable[[asyncio.BaseTransport], int] = peer_uid,
    ) -> None:
        self.service = service
        self._allowed_uids = frozenset(allowed_uids)
        self._uid_of = uid_of
        self._open: set[PeerProtocol] = set()

    def make_protocol(self) -> "PeerProtocol":
        """For `loop.create_unix_server`."""
        return PeerProtocol(self)

    def admit(self, peer: "PeerProtocol", transport: asyncio.BaseTransport) -> bool:
        """Whether this peer may speak."""
        uid = self._uid_of(transport)
        if uid not in self._allowed_uids:
            _log.warning("refused a connection of user %d", uid)
            return False
        if len(self._open) >= CONNECTIONS_MAX:
            _log.warning("refused a connection: %d are open", len(self._open))
            return False
        self._open.add(peer)
        return True

    def forget(self, peer: "PeerProtocol") -> None:
        """It has gone."""
        self._open.discard(peer)

    def close(self) -> None:
        """Cut every connection."""
        for peer in tuple(self._open):
            peer.cut()


class PeerProtocol(asyncio.Protocol):
    """One peer: reads while it keeps up with its answers."""

    def __init__(self, connections: SignerConnections) -> None:
        self._connections = connections
        self._service = connections.service
        self._frames = FrameReader(CALL_BYTES_MAX)
        self._calls: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None
        self._is_working = False
        self._is_blocked = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        held = cast("asyncio.Transport", transport)  # not checked: uvloop's is no subclass of asyncio's
        if self._connections.admit(self, held):
            self._transport = held
        else:
            held.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._calls.clear()
        self._stop_deadline()
        self._connections.forget(self)

    def cut(self) -> None:
        """End it without another word."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        try:
            frames = self._frames.receive(data)
        except RemoteProtocolError as error:
            self._refuse(error)
            return
        self._calls.extend(frames)
        if frames:
            self._stop_deadline()
        if self._frames.is_inside_frame and self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(FRAME_SECONDS_MAX, self._stalled)
        if self._calls and not self._is_working and not self._is_blocked:
            self._work()

    def pause_writing(self) -> None:
        self._is_blocked = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._is_blocked = False
        if not self._is_working:
            self._work()

    def _work(self) -> None:
        """Answer some calls; what is left waits for the next turn, and nothing more is read until then."""
        self._is_working = False
        if self._transport is None or self._is_blocked:
            return
        replies: list[bytes] = []
        try:
            while self._calls and len(replies) < TURN_CALLS_MAX:
                replies.append(encode_frame(self._service.answer_frame(self._calls.popleft())))
        except RemoteProtocolError as error:
            self._refuse(error)
            return
        if replies:
            self._transport.write(b"".join(replies))
        if self._is_blocked:  # write() may have found the buffer full
            return
        if self._calls:
            self._is_working = True
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._work)
        else:
            self._transport.resume_reading()

    def _refuse(self, error: RemoteProtocolError) -> None:
        _log.warning("cut a connection: %s", error.message)
        self.cut()

    def _stalled(self) -> None:
        _log.warning("cut a connection: it stalled inside a frame")
        self.cut()

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

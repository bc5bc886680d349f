"""The two ends of a channel that is carried through: what asyncssh tells each, and how reading is held and let go.

A channel that can not take more stops the reading of the other, so that a flood stays where it comes from. Requests
know no window (RFC 4254 section 5.4), so while the whole other connection takes nothing they wait here, in order and
bounded; who sends more of them than any real client has is cut off.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from doorward.gateway.ssh.asyncssh_channels import RelayChannel

_EXIT_REQUESTS_HELD_MAX: Final = 4
REQUESTS_HELD_MAX: Final = 1024
"""Requests of one channel that wait: a window that is dragged for a quarter of a minute."""
REQUEST_BYTES_HELD_MAX: Final = 512 * 1024
"""What they may hold together; the longest request is half of it."""
REQUEST_OVERHEAD_BYTES: Final = 128
"""What a request costs in memory beside its payload."""


class Hold(Enum):
    """Why nothing is read from one side for now."""

    CHANNEL = "the other channel's window or buffer is full"
    CONNECTION = "the other connection does not take more"
    DISK = "the recorder runs ahead of the disk"
    LOG = "events run ahead of the authority"
    OPENING = "the other channel is not open yet"


_HOLDS_REQUESTS: Final = frozenset(Hold) - {Hold.CHANNEL}
"""A full window stops bytes only: a signal or a new size must reach a program that does not read."""


class Carrier(Protocol):
    """What the ends belong to: it decides what becomes of what arrives. Nothing here raises."""

    @property
    def user(self) -> "UserEnd": ...
    @property
    def node(self) -> "NodeEnd": ...
    def from_user(self, data: bytes) -> None: ...
    def from_node(self, data: bytes, datatype: int | None) -> None: ...
    def user_eof(self) -> None: ...
    def node_eof(self) -> None: ...
    def user_request(self, name: bytes, data: bytes, *, want_reply: bool) -> None: ...
    def node_request(self, name: bytes, data: bytes, *, want_reply: bool) -> None: ...
    def node_answered(self, *, ok: bool) -> None: ...
    def flooded(self) -> None:
        """More requests wait than may: nothing of this side is taken any more."""
        ...

    def end_made(self, made: "End") -> None:
        """One side's channel is open."""
        ...

    def end_closed(self, closed: "End") -> None:
        """One side's channel is gone."""
        ...


class Live(Protocol):
    """A channel that is carried through, as its session sees it."""

    @property
    def user(self) -> "UserEnd": ...
    @property
    def node(self) -> "NodeEnd": ...
    def dismiss(self, line: str) -> None:
        """End it now, for the user after a last line where there is somebody to read it."""
        ...

    def stop(self) -> None:
        """Nothing more passes."""
        ...


@dataclass(frozen=True, slots=True)
class _Request:
    """One that waits."""

    name: bytes
    data: bytes
    want_reply: bool

    @property
    def cost_bytes(self) -> int:
        return len(self.name) + len(self.data) + REQUEST_OVERHEAD_BYTES


class End(ABC):
    """What both ends share. asyncssh calls these; none of them raises.

    What is to be said before there is a channel waits for it; data can not: the other end is held until then.
    """

    def __init__(self, pump: Carrier) -> None:
        self._pump = pump
        self._channel: RelayChannel | None = None
        self._holds: set[Hold] = set()
        self._when_read: list[Callable[[], None]] = []
        self._requests: deque[_Request] = deque()
        self._request_bytes = 0
        self._eof_waits = False
        self._close_waits = False

    def connection_made(self, chan: RelayChannel) -> None:
        """asyncssh: the channel is open."""
        self._channel = chan
        if self._holds:
            chan.pause_reading()
        if self._eof_waits:
            chan.write_eof()
        if self._close_waits:
            chan.close()
        self._pump.end_made(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """asyncssh: the channel is gone."""
        # What it still asked for comes before its end: a status, if nothing else.
        while self._requests:
            self._hand_on_request()
        self._channel = None
        self._when_read.clear()
        self._pump.end_closed(self)

    def write(self, data: bytes, datatype: int | None) -> None:
        """Send, unless the channel is gone."""
        if self._channel is not None and self._channel.is_open:
            self._channel.write(data, datatype)

    def write_eof(self) -> None:
        """Send no more."""
        if self._channel is not None:
            self._channel.write_eof()
        self._eof_waits = True

    def request(self, name: bytes, data: bytes, *, want_reply: bool) -> None:
        """Send a channel request."""
        if self._channel is not None:
            self._channel.request(name, data, want_reply=want_reply)

    def respond(self, *, ok: bool) -> None:
        """Answer the oldest request of this side's peer."""
        if self._channel is not None:
            self._channel.respond(ok=ok)

    def after_data(self, action: Callable[[], None]) -> None:
        """Do it when all that was written has left."""
        if self._channel is not None:
            self._channel.after_data(action)

    def when_read(self, action: Callable[[], None]) -> None:
        """Do it when all that has arrived was handed on."""
        if self._channel is None or not self._channel.has_unread:
            action()
        elif len(self._when_read) < _EXIT_REQUESTS_HELD_MAX:
            self._when_read.append(action)

    def hold_reading(self, why: Hold) -> None:
        """One more reason to read nothing from this side."""
        self._holds.add(why)
        if self._channel is not None:
            self._channel.pause_reading()

    def allow_reading(self, why: Hold) -> None:
        """One reason less; the last one lets what waits come through."""
        if why not in self._holds:
            return
        self._holds.discard(why)
        while self._requests and not self._holds & _HOLDS_REQUESTS:
            self._hand_on_request()
        if not self._holds and self._channel is not None:
            self._channel.resume_reading()
            while self._when_read and self._channel is not None and not self._channel.has_unread:
                self._when_read.pop(0)()

    def request_received(self, name: bytes, data: bytes, *, want_reply: bool) -> None:
        """asyncssh: the peer asks for something on this channel."""
        request = _Request(name, data, want_reply)
        if not self._holds & _HOLDS_REQUESTS and not self._requests:
            self._asked(request)
            return
        self._requests.append(request)
        self._request_bytes += request.cost_bytes
        if len(self._requests) > REQUESTS_HELD_MAX or self._request_bytes > REQUEST_BYTES_HELD_MAX:
            self._requests.clear()
            self._request_bytes = 0
            self._pump.flooded()

    def _hand_on_request(self) -> None:
        request = self._requests.popleft()
        self._request_bytes -= request.cost_bytes
        self._asked(request)

    @abstractmethod
    def _asked(self, request: _Request) -> None: ...

    def close(self) -> None:
        """Close after what was written has left."""
        if self._channel is not None:
            self._channel.close()
        self._close_waits = True

    @property
    def buffered_bytes(self) -> int:
        """How much waits in memory on this side."""
        unsent = self._channel.buffered_bytes if self._channel is not None else 0
        return unsent + self._request_bytes


class UserEnd(End):
    """The user's side."""

    def data_received(self, data: bytes, _datatype: int | None) -> None:
        self._pump.from_user(data)

    def eof_received(self) -> bool:
        self._pump.user_eof()
        return True

    def pause_writing(self) -> None:
        self._pump.node.hold_reading(Hold.CHANNEL)

    def resume_writing(self) -> None:
        self._pump.node.allow_reading(Hold.CHANNEL)

    def _asked(self, request: _Request) -> None:
        self._pump.user_request(request.name, request.data, want_reply=request.want_reply)

    def response_received(self, *, ok: bool) -> None:
        """We ask users' clients for nothing."""


class NodeEnd(End):
    """The node's side."""

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._pump.from_node(data, datatype)

    def eof_received(self) -> bool:
        self._pump.node_eof()
        return True

    def pause_writing(self) -> None:
        self._pump.user.hold_reading(Hold.CHANNEL)

    def resume_writing(self) -> None:
        self._pump.user.allow_reading(Hold.CHANNEL)

    def _asked(self, request: _Request) -> None:
        self._pump.node_request(request.name, request.data, want_reply=request.want_reply)

    def response_received(self, *, ok: bool) -> None:
        self._pump.node_answered(ok=ok)

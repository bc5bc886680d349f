"""Carries one forwarded connection: bytes both ways, each end's EOF by itself, back-pressure straight across.

Nothing is stored of what passes (`levels.COVERAGE`: it can not be read along), but that it passed is counted. Neither
side is read before the other is open, so that a server that speaks first is heard.
"""

from typing import Final, Protocol

from doorward.domain.recording.frames import StreamClosed
from doorward.gateway.ssh.ends import End, Hold, NodeEnd, UserEnd


class ForwardHost(Protocol):
    """The session that a forwarded connection belongs to."""

    def user_acted(self) -> None: ...
    def node_end_closed(self) -> None: ...
    def flooded(self) -> None: ...
    def forward_closed(self, pump: "ForwardPump", stream: int, closed: StreamClosed) -> None: ...


class ForwardPump:
    """One forwarded connection, whose stream has been stored as opened."""

    def __init__(self, stream: int, host: ForwardHost) -> None:
        self._host = host
        self.stream: Final = stream
        self.user: Final = UserEnd(self)
        self.node: Final = NodeEnd(self)
        self.user.hold_reading(Hold.OPENING)
        self.node.hold_reading(Hold.OPENING)
        self._input_bytes = 0
        self._output_bytes = 0
        self._dead = False

    @property
    def is_over(self) -> bool:
        """Whether nothing passes any more."""
        return self._dead

    def dismiss(self, _line: str) -> None:
        """End it now; a forwarded connection has nobody who reads lines."""
        self.stop()
        self.user.close()
        self.node.close()

    def stop(self) -> None:
        """Nothing more passes in either direction; the stream counts as closed now."""
        if not self._dead:
            self._dead = True
            totals = StreamClosed(output_bytes=self._output_bytes, input_bytes=self._input_bytes)
            self._host.forward_closed(self, self.stream, totals)

    def from_user(self, data: bytes) -> None:
        """Bytes towards the node."""
        if not self._dead:
            self._input_bytes += len(data)
            self._host.user_acted()
            self.node.write(data, None)

    def from_node(self, data: bytes, datatype: int | None) -> None:
        """Bytes towards the user; a connection has no error output."""
        if not self._dead and datatype is None:
            self._output_bytes += len(data)
            self._host.user_acted()
            self.user.write(data, None)

    def user_eof(self) -> None:
        """The user's side sends no more; the node's still may."""
        if not self._dead:
            self.node.write_eof()

    def node_eof(self) -> None:
        """The node's side sends no more; the user's still may."""
        if not self._dead:
            self.user.write_eof()

    def user_request(self, _name: bytes, _data: bytes, *, want_reply: bool) -> None:
        """A forwarded connection knows no requests."""
        if want_reply:
            self.user.respond(ok=False)

    def node_request(self, _name: bytes, _data: bytes, *, want_reply: bool) -> None:
        """A forwarded connection knows no requests."""
        if want_reply:
            self.node.respond(ok=False)

    def node_answered(self, *, ok: bool) -> None:
        """Nothing is asked on a forwarded connection."""

    def flooded(self) -> None:
        """More requests than anybody has for a connection that knows none."""
        self._host.flooded()

    def end_made(self, made: End) -> None:
        """One side is open: the other may be read."""
        (self.node if made is self.user else self.user).allow_reading(Hold.OPENING)

    def end_closed(self, closed: End) -> None:
        """One side is gone: so will be the other, after what is still on its way."""
        self.stop()
        if closed is self.node:
            self._host.node_end_closed()
        (self.user if closed is self.node else self.node).close()

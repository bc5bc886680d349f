"""Carries one channel: user to node and node to user, recording before forwarding, with straight back-pressure.

Two ends, one for each side's channel, tied together by a `Pump`. Bytes go channel, recorder, channel; a channel that
can not take more stops the reading of the other, so that a flood stays where it comes from. The node's EOF is held
until its exit status has passed: sent before, OpenSSH's multiplexing clients now and then report 255 instead of the
status (measured: 4 of 230 runs). An exit status follows the output that it belongs to, never overtakes it.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol

from doorward.base.errors import DoorwardError
from doorward.domain.recording.frames import Body, FrameType, StreamClosed
from doorward.domain.recording.levels import Content
from doorward.gateway.relays.ssh import REFUSED_STATUS, ChannelRelay, Forward, Open, Refuse
from doorward.gateway.ssh.asyncssh_channels import RelayChannel
from doorward.wire.ssh.fields import encode_uint32

STDERR: Final = 1
_EXIT_REQUESTS_HELD_MAX: Final = 4


class Hold(Enum):
    """Why nothing is read from one side for now."""

    CHANNEL = "the other channel's window or buffer is full"
    CONNECTION = "the other connection does not take more"
    DISK = "the recorder runs ahead of the disk"


class ChannelHost(Protocol):
    """The session that a channel belongs to."""

    def open_stream(self, opens: Open) -> int:
        """Record and report that a stream begins; raises when it can not be stored."""
        ...

    def store(self, stream: int, content: FrameType, data: bytes) -> None: ...
    def store_event(self, stream: int, body: Body) -> None: ...
    def refused(self, verdict: Refuse) -> None: ...
    def failed(self, error: DoorwardError) -> None:
        """Something could not be stored: end the session."""
        ...

    def user_acted(self) -> None:
        """The user did something: the idle clock starts anew."""
        ...

    def node_end_closed(self) -> None:
        """A node's channel is gone; perhaps the node is."""
        ...

    def pump_closed(self, pump: "Pump", stream: int | None, closed: StreamClosed) -> None: ...


class Pump:
    """One channel of a session, both sides of it."""

    def __init__(self, relay: ChannelRelay, host: ChannelHost) -> None:
        self._relay = relay
        self._host = host
        self.user = _UserEnd(self)
        self.node = _NodeEnd(self)
        self._stream: int | None = None
        self._open: Open | None = None
        self._answers: list[bool | None] = []
        self._bytes = {FrameType.OUTPUT: 0, FrameType.ERROR_OUTPUT: 0, FrameType.INPUT: 0}
        self._exit_passed = False
        self._eof_held = False
        self._dead = False
        self._closed_reported = False

    @property
    def has_terminal(self) -> bool:
        """Whether lines to this user end in CR LF."""
        return self._relay.has_terminal

    def dismiss(self, line: str) -> None:
        """End it for the user's client, now, after a last line."""
        self.stop()
        self.tell(line)
        self.user.write_eof()
        self.user.close()

    def tell(self, line: str) -> None:
        """A line of ours to the user, on stderr."""
        self.user.write((line + ("\r\n" if self.has_terminal else "\n")).encode(), STDERR)

    def stop(self) -> None:
        """Nothing more passes in either direction; the stream counts as closed now."""
        self._dead = True
        self._report_closed()

    def hold(self) -> None:
        """Read nothing, from either side."""
        self.user.hold_reading(Hold.DISK)
        self.node.hold_reading(Hold.DISK)

    def go_on(self) -> None:
        """The inverse of `hold`."""
        self.user.allow_reading(Hold.DISK)
        self.node.allow_reading(Hold.DISK)

    def from_user(self, data: bytes) -> None:
        """Input."""
        self._carry(FrameType.INPUT, data, self.node, None)
        self._host.user_acted()

    def from_node(self, data: bytes, datatype: int | None) -> None:
        """Output, or error output."""
        self._carry(FrameType.OUTPUT if datatype is None else FrameType.ERROR_OUTPUT, data, self.user, datatype)
        if not self._relay.has_terminal:
            # A transfer is use. What a program draws on a terminal that nobody touches is not.
            self._host.user_acted()

    def _carry(self, content: FrameType, data: bytes, to: "_End", datatype: int | None) -> None:
        if self._dead:
            return
        if self._open is None or self._stream is None:
            return  # bytes before anything was started belong to nothing: sshd drops them, too
        covered = self._open.covered
        if (covered.input if content is FrameType.INPUT else covered.output) is Content.STORED:
            try:
                self._host.store(self._stream, content, data)
            except DoorwardError as error:
                self._fail(error)
                return
        self._bytes[content] += len(data)
        to.write(data, datatype)

    def user_request(self, name: bytes, data: bytes, *, want_reply: bool) -> None:
        """A request of the user's client: judged, recorded, passed on; the reply comes back in order."""
        if self._dead:
            return
        self._host.user_acted()
        verdict = self._relay.from_user(name, data)
        if isinstance(verdict, Forward):
            if not self._stored(verdict):
                return
            if want_reply:
                self._answers.append(None)
            self.node.request(name, data, want_reply=want_reply)
            return
        if isinstance(verdict, Refuse):
            self._host.refused(verdict)
            if verdict.ends:
                self._end_refused(verdict.line, want_reply=want_reply)
                return
            if verdict.line:
                self.tell(verdict.line)
        if want_reply:
            self._answers.append(False if isinstance(verdict, Refuse) else verdict.ok)
            self._answer_user()

    def _end_refused(self, line: str, *, want_reply: bool) -> None:
        if want_reply:
            self._answers.append(True)
            self._answer_user()
        self.tell(line)
        self.user.request(b"exit-status", encode_uint32(REFUSED_STATUS), want_reply=False)
        self.user.write_eof()
        self.user.close()

    def node_answered(self, *, ok: bool) -> None:
        """The node's reply to the oldest request that was passed on."""
        for position, answer in enumerate(self._answers):
            if answer is None:
                self._answers[position] = ok
                break
        self._answer_user()

    def node_request(self, name: bytes, data: bytes, *, want_reply: bool) -> None:
        """A request of the node; it asks for replies only to keep the connection alive."""
        if self._dead:
            return
        verdict = self._relay.from_node(name, data)
        if not isinstance(verdict, Forward):
            if want_reply:
                self.node.respond(ok=False)
            return
        if verdict.is_end:
            self.node.when_read(lambda: self._pass_exit(verdict, name, data))
            return
        if self._stored(verdict):
            self.user.request(name, data, want_reply=False)

    def node_eof(self) -> None:
        """The node sends no more; held until its exit status has passed."""
        if self._exit_passed:
            self.user.write_eof()
        else:
            self._eof_held = True

    def user_eof(self) -> None:
        """The user sends no more."""
        if not self._dead:
            self.node.write_eof()

    def end_closed(self, closed: "_End") -> None:
        """One side's channel is gone: so will be the other's, after what is still on its way."""
        if closed is self.node:
            self._host.node_end_closed()
        if closed is self.node and self._eof_held:
            self.user.write_eof()
        self._dead = True
        other = self.user if closed is self.node else self.node
        other.close()
        self._report_closed()

    def _report_closed(self) -> None:
        if not self._closed_reported:
            self._closed_reported = True
            totals = StreamClosed(
                output_bytes=self._bytes[FrameType.OUTPUT],
                error_output_bytes=self._bytes[FrameType.ERROR_OUTPUT],
                input_bytes=self._bytes[FrameType.INPUT],
            )
            self._host.pump_closed(self, self._stream, totals)

    def _pass_exit(self, verdict: Forward, name: bytes, data: bytes) -> None:
        if self._dead or not self._stored(verdict):
            return
        self.user.after_data(lambda: self._send_exit(name, data))

    def _send_exit(self, name: bytes, data: bytes) -> None:
        self.user.request(name, data, want_reply=False)
        self._exit_passed = True
        if self._eof_held:
            self._eof_held = False
            self.user.write_eof()

    def _stored(self, verdict: Forward) -> bool:
        try:
            if verdict.opens is not None:
                self._stream = self._host.open_stream(verdict.opens)
                self._open = verdict.opens
            elif verdict.record is not None and self._stream is not None:
                self._host.store_event(self._stream, verdict.record)
        except DoorwardError as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: DoorwardError) -> None:
        self._dead = True
        self._host.failed(error)

    def _answer_user(self) -> None:
        while self._answers and self._answers[0] is not None:
            self.user.respond(ok=bool(self._answers.pop(0)))


class _End:
    """What both ends share. asyncssh calls these; none of them raises."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._channel: RelayChannel | None = None
        self._holds: set[Hold] = set()
        self._when_read: list[Callable[[], None]] = []

    def connection_made(self, chan: RelayChannel) -> None:
        """asyncssh: the channel is open."""
        self._channel = chan
        if self._holds:
            chan.pause_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        """asyncssh: the channel is gone."""
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
        if not self._holds and self._channel is not None:
            self._channel.resume_reading()
            while self._when_read and self._channel is not None and not self._channel.has_unread:
                self._when_read.pop(0)()

    def close(self) -> None:
        """Close after what was written has left."""
        if self._channel is not None:
            self._channel.close()

    @property
    def buffered_bytes(self) -> int:
        """How much waits in memory on this side."""
        return self._channel.buffered_bytes if self._channel is not None else 0


class _UserEnd(_End):
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

    def request_received(self, name: bytes, data: bytes, *, want_reply: bool) -> None:
        self._pump.user_request(name, data, want_reply=want_reply)

    def response_received(self, *, ok: bool) -> None:
        """We ask users' clients for nothing."""


class _NodeEnd(_End):
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

    def request_received(self, name: bytes, data: bytes, *, want_reply: bool) -> None:
        self._pump.node_request(name, data, want_reply=want_reply)

    def response_received(self, *, ok: bool) -> None:
        self._pump.node_answered(ok=ok)

"""Carries one channel: user to node and node to user, recording before forwarding, with straight back-pressure.

Two ends, one for each side's channel, tied together by a `Pump`. Bytes go channel, recorder, channel; a channel that
can not take more stops the reading of the other, so that a flood stays where it comes from. The node's EOF is held
until its exit status has passed: sent before, OpenSSH's multiplexing clients now and then report 255 instead of the
status (measured: 4 of 230 runs). An exit status follows the output that it belongs to, never overtakes it.
"""

from typing import Final, Protocol

from doorward.base.errors import DoorwardError
from doorward.base.terminal_text import for_terminal
from doorward.domain.recording.frames import SESSION_STREAM, FrameType, StreamClosed
from doorward.domain.recording.levels import Content, RecordingLevel
from doorward.gateway.relays.sftp import SftpRelay
from doorward.gateway.relays.ssh import REFUSED_STATUS, ChannelRelay
from doorward.gateway.relays.verdicts import Answer, Forward, Open, Refuse, Verdict
from doorward.gateway.ssh.ends import End, NodeEnd, UserEnd
from doorward.gateway.ssh.sftp_stream import FileHost, SftpStream
from doorward.wire.ssh.fields import encode_uint32

STDERR: Final = 1
ANSWERS_WAITING_MAX: Final = 256
"""Requests of one channel that the node has not answered; stock clients wait for a handful."""
LINE_BEHIND_BYTES_MAX: Final = 64 * 1024
"""With more than this unread before it, a line of ours is left out: who reads nothing can not be told anything."""


class ChannelHost(FileHost, Protocol):
    """The session that a channel belongs to."""

    def open_stream(self, opens: Open) -> int:
        """Record and report that a stream begins; raises when it can not be stored."""
        ...

    def why_nothing_new(self) -> str:
        """The line that says why nothing new may begin; empty when it may."""
        ...

    def refused(self, verdict: Refuse) -> None: ...
    def flooded(self) -> None:
        """More is asked than can be passed on: end the session."""
        ...

    def failed(self, error: DoorwardError) -> None:
        """Something could not be stored: end the session."""
        ...

    def user_acted(self) -> None:
        """The user did something: the idle clock starts anew."""
        ...

    def lines_for_user(self) -> list[str]:
        """Lines that wait for a channel on which they can be shown; they count as told."""
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
        self.user: Final = UserEnd(self)
        self.node: Final = NodeEnd(self)
        self._files: SftpStream | None = None
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
        self._show(line)  # however much waits before it: it is the last, and says why
        self.user.write_eof()
        self.user.close()

    def tell(self, line: str) -> None:
        """A line to the user, on stderr: ours, or of somebody else's words, which a terminal must not act on."""
        if self.user.buffered_bytes <= LINE_BEHIND_BYTES_MAX:
            self._show(line)

    def _show(self, line: str) -> None:
        if line:
            shown = for_terminal(line) + ("\r\n" if self.has_terminal else "\n")
            self.user.write(shown.encode(), STDERR)

    def stop(self) -> None:
        """Nothing more passes in either direction; the stream counts as closed now."""
        self._dead = True
        self._report_closed()

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

    def _carry(self, content: FrameType, data: bytes, to: End, datatype: int | None) -> None:
        if self._dead:
            return
        if self._open is None or self._stream is None:
            return  # bytes before anything was started belong to nothing: sshd drops them, too
        if self._files is not None and datatype is None:
            self._carry_files(self._files, content, data)
            return
        covered = self._open.covered
        # Of a stream that is read along only its error output comes here: it is no file, so it is stored itself.
        if (covered.input if content is FrameType.INPUT else covered.output) is not Content.UNSTORED:
            try:
                self._host.store(self._stream, content, data)
            except DoorwardError as error:
                self._fail(error)
                return
        self._bytes[content] += len(data)
        to.write(data, datatype)

    def _carry_files(self, files: SftpStream, content: FrameType, data: bytes) -> None:
        try:
            line = files.from_user(data) if content is FrameType.INPUT else files.from_node(data)
        except DoorwardError as error:
            self._fail(error)
            return
        if line:
            self.dismiss(line)
            self.node.close()

    def _pass_file_bytes(self, content: FrameType, data: bytes) -> None:
        self._bytes[content] += len(data)
        (self.node if content is FrameType.INPUT else self.user).write(data, None)

    def user_request(self, name: bytes, data: bytes, *, want_reply: bool) -> None:
        """A request of the user's client: judged, recorded, passed on; the reply comes back in order."""
        if self._dead:
            return
        self._host.user_acted()
        if len(self._answers) >= ANSWERS_WAITING_MAX:
            self.flooded()
            return
        verdict = self._judged(name, data)
        if isinstance(verdict, Forward):
            if not self._stored(verdict):
                return
            if want_reply:
                self._answers.append(None)
            self.node.request(name, verdict.passes(data), want_reply=want_reply)
            return
        if isinstance(verdict, Refuse):
            self._host.refused(verdict)
            if verdict.ends:
                self._end_refused(verdict.line, want_reply=want_reply)
                return
            self.tell(verdict.line)
        if want_reply:
            self._answer_in_turn(ok=isinstance(verdict, Answer) and verdict.ok)

    def _judged(self, name: bytes, data: bytes) -> Verdict:
        verdict = self._relay.from_user(name, data)
        if isinstance(verdict, Forward) and verdict.opens is not None and (line := self._host.why_nothing_new()):
            # The channel was opened when things could begin; what begins on it is new all the same.
            return Refuse(line, verdict.opens.body.kind.value, ends=True)
        return verdict

    def _end_refused(self, line: str, *, want_reply: bool) -> None:
        if want_reply:
            self._answer_in_turn(ok=True)
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
            self.user.request(name, verdict.passes(data), want_reply=False)

    def flooded(self) -> None:
        """More is asked on this channel than can be passed on or is ever answered."""
        self._dead = True
        self._host.flooded()

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

    def end_made(self, made: End) -> None:
        """The user can read: say what could not be said anywhere else."""
        if made is self.user:
            for line in self._host.lines_for_user():
                self.tell(line)

    def end_closed(self, closed: End) -> None:
        """One side's channel is gone: so will be the other's, after what is still on its way."""
        if closed is self.node:
            self._host.node_end_closed()
        if closed is self.node and self._eof_held:
            self.user.after_data(self.user.write_eof)  # behind a status that waits for the last of the output
        self._dead = True
        other = self.user if closed is self.node else self.node
        other.close()
        self._report_closed()

    def _report_closed(self) -> None:
        if not self._closed_reported:
            self._closed_reported = True
            self._finish_files()
            totals = StreamClosed(
                output_bytes=self._bytes[FrameType.OUTPUT],
                error_output_bytes=self._bytes[FrameType.ERROR_OUTPUT],
                input_bytes=self._bytes[FrameType.INPUT],
            )
            self._host.pump_closed(self, self._stream, totals)

    def _finish_files(self) -> None:
        try:
            if self._files is not None:
                self._files.finish()
        except DoorwardError as error:
            self._fail(error)

    def _pass_exit(self, verdict: Forward, name: bytes, data: bytes) -> None:
        if self._dead or not self._stored(verdict):
            return
        self.user.after_data(lambda: self._send_exit(name, verdict.passes(data)))

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
                self._read_along(verdict.opens, self._stream)
            elif verdict.record is not None:
                # What comes before the stream begins stands with the session.
                self._host.store_event(SESSION_STREAM if self._stream is None else self._stream, verdict.record)
        except DoorwardError as error:
            self._fail(error)
            return False
        return True

    def _read_along(self, opens: Open, stream: int) -> None:
        if opens.covered.input is Content.DIGEST:
            relay = SftpRelay(RecordingLevel.parse(opens.body.level))
            self._files = SftpStream(relay, stream, self._host, self._pass_file_bytes)

    def _fail(self, error: DoorwardError) -> None:
        self._dead = True
        self._host.failed(error)

    def _answer_in_turn(self, *, ok: bool) -> None:
        self._answers.append(ok)
        self._answer_user()

    def _answer_user(self) -> None:
        while self._answers and self._answers[0] is not None:
            self.user.respond(ok=bool(self._answers.pop(0)))

"""A session channel whose host only writes down what it is told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from doorward.base.errors import DoorwardError
from doorward.domain.access.obligations import Obligations
from doorward.domain.recording.frames import Body, FrameType, Note, StreamClosed
from doorward.domain.recording.levels import RecordingLevel
from doorward.gateway.recorder.failures import RecorderFailed
from doorward.gateway.relays.ssh import REFUSED_STATUS, ChannelRelay, SshRelay
from doorward.gateway.relays.verdicts import Open, Refuse
from doorward.gateway.ssh.asyncssh_channels import RelayChannel
from doorward.gateway.ssh.ends import REQUEST_BYTES_HELD_MAX, REQUESTS_HELD_MAX, Hold
from doorward.gateway.ssh.lines import NO_CONTROL
from doorward.gateway.ssh.pump import ANSWERS_WAITING_MAX, LINE_BEHIND_BYTES_MAX, Pump
from doorward.wire.ssh.fields import encode_string, encode_uint32


@dataclass
class Host:
    """The session, as a channel sees it."""

    is_broken: bool = False
    in_control: bool = True
    floods: int = 0
    stored: list[tuple[FrameType, bytes]] = field(default_factory=list)
    events: list[Body] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    failures: list[DoorwardError] = field(default_factory=list)
    closed: list[StreamClosed] = field(default_factory=list)

    def open_stream(self, _opens: Open) -> int:
        return 1

    def store(self, _stream: int, content: FrameType, data: bytes) -> None:
        if self.is_broken:
            raise RecorderFailed("recording a session: the disk is gone")
        self.stored.append((content, data))

    def keep_room(self, _stream: int, _size_bytes: int) -> None:
        """There is room."""

    def store_event(self, _stream: int, body: Body, *, is_closing: bool = False) -> None:
        if self.is_broken:
            raise RecorderFailed("recording a session: the disk is gone")
        self.events.append(body)

    def file_operated(self, _stream: int, operation: str, _note: Note) -> None:
        self.told.append(operation)

    def file_refused(self, _stream: int, operation: str, _note: Note) -> None:
        self.told.append(f"refused {operation}")

    def refused(self, verdict: Refuse) -> None:
        self.told.append(verdict.kind)

    def failed(self, error: DoorwardError) -> None:
        self.failures.append(error)

    def why_nothing_new(self) -> str:
        return "" if self.in_control else NO_CONTROL

    def flooded(self) -> None:
        self.floods += 1

    def user_acted(self) -> None:
        """The idle clock is not looked at here."""

    def node_end_closed(self) -> None:
        """The node lives on."""

    def lines_for_user(self) -> list[str]:
        return []

    def pump_closed(self, _pump: Pump, _stream: int | None, closed: StreamClosed) -> None:
        self.closed.append(closed)


@dataclass
class Channel:
    """Stands where asyncssh's channel would, and never writes anything."""

    unsent: int = 0
    written: bytearray = field(default_factory=bytearray)
    requests: list[tuple[bytes, bytes]] = field(default_factory=list)
    answers: list[bool] = field(default_factory=list)
    is_open: bool = True
    has_unread: bool = False
    sent: list[str] = field(default_factory=list)
    """What left, in order, beside bytes."""
    waiting: list[Callable[[], None]] = field(default_factory=list)

    @property
    def buffered_bytes(self) -> int:
        return self.unsent

    def write(self, data: bytes, _datatype: int | None) -> None:
        self.written += data

    def request(self, name: bytes, data: bytes, *, want_reply: bool) -> None:
        self.requests.append((name, data))
        self.sent.append(name.decode())

    def respond(self, *, ok: bool) -> None:
        self.answers.append(ok)

    def after_data(self, action: Callable[[], None]) -> None:
        if self.unsent:
            self.waiting.append(action)
        else:
            action()

    def drain(self) -> None:
        """All that was written leaves; then what waited for that."""
        self.unsent = 0
        while self.waiting:
            self.waiting.pop(0)()

    def write_eof(self) -> None:
        self.sent.append("eof")

    def close(self) -> None:
        self.after_data(lambda: self.sent.append("close"))

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


@dataclass
class Shell:
    """A channel with both its ends open, a shell behind it."""

    host: Host = field(default_factory=Host)
    user: Channel = field(default_factory=Channel)
    node: Channel = field(default_factory=Channel)

    def __post_init__(self) -> None:
        relay = SshRelay(Obligations(), RecordingLevel.OUTPUT).channel_requested(b"session")
        assert isinstance(relay, ChannelRelay)
        self.pump = Pump(relay, self.host)
        self.pump.node.connection_made(cast("RelayChannel", self.node))
        self.pump.user.connection_made(cast("RelayChannel", self.user))
        self.pump.user.request_received(b"pty-req", PTY, want_reply=False)
        self.pump.user.request_received(b"shell", b"", want_reply=False)
        self.node.requests.clear()

    def resize(self, columns: int, *, want_reply: bool = False) -> None:
        self.pump.user.request_received(b"window-change", size(columns), want_reply=want_reply)


def size(columns: int) -> bytes:
    return encode_uint32(columns) + encode_uint32(24) + encode_uint32(0) * 2


PTY = encode_string(b"xterm") + size(80) + encode_string(b"\0")


def test_while_the_node_does_not_read_requests_wait_and_then_pass_in_order() -> None:
    shell = Shell()
    shell.pump.user.hold_reading(Hold.CONNECTION)
    for columns in range(50):
        shell.resize(columns)
    assert shell.node.requests == []
    shell.pump.user.allow_reading(Hold.CONNECTION)
    assert shell.node.requests == [(b"window-change", size(columns)) for columns in range(50)]


def test_a_program_that_does_not_read_its_input_still_gets_signals() -> None:
    shell = Shell()
    shell.pump.user.hold_reading(Hold.CHANNEL)
    shell.pump.user.request_received(b"signal", encode_string(b"INT"), want_reply=False)
    assert shell.node.requests == [(b"signal", encode_string(b"INT"))]


@pytest.mark.parametrize(("payload_bytes", "count_max"), [(0, REQUESTS_HELD_MAX), (256 * 1024, 1)])
@pytest.mark.parametrize("side", ["user", "node"])
def test_requests_beyond_what_may_wait_end_the_session_and_are_not_kept(
    side: str, payload_bytes: int, count_max: int
) -> None:
    shell = Shell()
    end = shell.pump.user if side == "user" else shell.pump.node
    end.hold_reading(Hold.CONNECTION)
    kept = []
    for _ in range(count_max + 1):
        assert shell.host.floods == 0
        end.request_received(b"eow@openssh.com", b"x" * payload_bytes, want_reply=False)
        kept.append(end.buffered_bytes)
    assert shell.host.floods == 1
    assert max(kept) <= REQUEST_BYTES_HELD_MAX
    assert kept[-1] == 0
    end.allow_reading(Hold.CONNECTION)
    assert shell.node.requests == shell.user.requests == []


def test_an_exit_that_waits_is_not_lost_when_its_channel_closes() -> None:
    shell = Shell()
    shell.pump.node.hold_reading(Hold.CONNECTION)
    shell.pump.node.request_received(b"exit-status", encode_uint32(3), want_reply=False)
    assert shell.user.requests == []
    shell.pump.node.connection_lost(None)
    assert shell.user.requests == [(b"exit-status", encode_uint32(3))]


def test_a_node_that_closes_while_the_user_is_behind_overtakes_its_own_exit_status_with_nothing() -> None:
    """Stock clients that share a connection report 255 when the end of output comes before the status."""
    shell = Shell()
    shell.user.unsent = 1
    shell.pump.node.data_received(b"the last of it", None)
    shell.pump.node.request_received(b"exit-status", encode_uint32(3), want_reply=False)
    shell.pump.node.eof_received()
    shell.pump.node.connection_lost(None)
    assert shell.user.sent == []
    shell.user.drain()
    assert list(dict.fromkeys(shell.user.sent)) == ["exit-status", "eof", "close"]


def test_requests_that_a_node_never_answers_are_limited() -> None:
    shell = Shell()
    for columns in range(ANSWERS_WAITING_MAX + 5):
        shell.resize(columns, want_reply=True)
    assert shell.host.floods == 1
    assert len(shell.node.requests) == ANSWERS_WAITING_MAX
    shell.pump.node_answered(ok=True)
    assert shell.user.answers == [True]


def test_a_user_who_reads_nothing_is_told_nothing_more() -> None:
    shell = Shell()
    shell.user.unsent = LINE_BEHIND_BYTES_MAX + 1
    for _ in range(1000):
        shell.pump.user.request_received(b"x11-req", b"", want_reply=False)
    assert not shell.user.written


@pytest.mark.parametrize("line", ["doorward: \x1b]0;owned\x07", "two\nlines\r", "\u202egnihton\u200b"])
def test_a_line_is_made_safe_where_it_is_shown(line: str) -> None:
    shell = Shell()
    shell.pump.tell(line)
    shown = shell.user.written.decode()
    assert shown.endswith("\r\n")
    assert shown[:-2].isprintable()


@pytest.mark.parametrize("name", [b"shell", b"exec", b"subsystem"])
def test_nothing_begins_on_an_open_channel_while_the_authority_is_out_of_sight(name: bytes) -> None:
    host, user, node = Host(in_control=False), Channel(), Channel()
    relay = SshRelay(Obligations(), RecordingLevel.OUTPUT).channel_requested(b"session")
    assert isinstance(relay, ChannelRelay)
    pump = Pump(relay, host)
    pump.node.connection_made(cast("RelayChannel", node))
    pump.user.connection_made(cast("RelayChannel", user))
    pump.user.request_received(name, b"" if name == b"shell" else encode_string(b"sftp"), want_reply=True)
    assert user.written.decode() == NO_CONTROL + "\n"
    assert user.requests == [(b"exit-status", encode_uint32(REFUSED_STATUS))]
    assert (node.requests, host.stored, host.events) == ([], [], [])


def transfer(host: Host, level: RecordingLevel) -> Pump:
    relay = SshRelay(Obligations(), level).channel_requested(b"session")
    assert isinstance(relay, ChannelRelay)
    pump = Pump(relay, host)
    pump.user_request(b"subsystem", encode_string(b"sftp"), want_reply=False)
    return pump


@pytest.mark.parametrize("level", [RecordingLevel.EVENTS, RecordingLevel.STRICT])
def test_what_a_transfer_says_as_error_output_is_stored(level: RecordingLevel) -> None:
    host = Host()
    transfer(host, level).from_node(b"oops\n", 1)
    assert host.stored == [(FrameType.ERROR_OUTPUT, b"oops\n")]


def test_a_transfer_that_is_not_recorded_is_not_read_either() -> None:
    host = Host()
    pump = transfer(host, RecordingLevel.NONE)
    pump.from_user(b"no SFTP at all")
    pump.stop()
    assert (host.stored, host.events, host.told) == ([], [], [])
    assert host.closed == [StreamClosed(input_bytes=14)]


def test_bytes_that_are_no_packets_do_not_count_as_passed() -> None:
    host = Host()
    pump = transfer(host, RecordingLevel.EVENTS)
    pump.from_user(b"no SFTP at all")
    assert [body.event for body in host.events if isinstance(body, Note)] == ["sftp.broken"]
    assert host.closed == [StreamClosed()]


def test_a_transfer_that_can_not_be_recorded_ends_its_session() -> None:
    host = Host()
    pump = transfer(host, RecordingLevel.EVENTS)
    host.is_broken = True
    pump.from_user(b"no SFTP at all")
    assert len(host.failures) == 1
    pump.from_node(b"nothing passes any more", 1)
    assert host.stored == []

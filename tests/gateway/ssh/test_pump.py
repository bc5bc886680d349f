"""A session channel whose host only writes down what it is told."""

from dataclasses import dataclass, field

import pytest

from doorward.base.errors import DoorwardError
from doorward.domain.access.obligations import Obligations
from doorward.domain.recording.frames import Body, FrameType, Note, StreamClosed
from doorward.domain.recording.levels import RecordingLevel
from doorward.gateway.recorder.failures import RecorderFailed
from doorward.gateway.relays.ssh import ChannelRelay, SshRelay
from doorward.gateway.relays.verdicts import Open, Refuse
from doorward.gateway.ssh.pump import Pump
from doorward.wire.ssh.fields import encode_string


@dataclass
class Host:
    """The session, as a channel sees it."""

    is_broken: bool = False
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

    def store_event(self, _stream: int, body: Body) -> None:
        if self.is_broken:
            raise RecorderFailed("recording a session: the disk is gone")
        self.events.append(body)

    def file_operated(self, _stream: int, operation: str, _note: Note) -> None:
        self.told.append(operation)

    def refused(self, verdict: Refuse) -> None:
        self.told.append(verdict.kind)

    def failed(self, error: DoorwardError) -> None:
        self.failures.append(error)

    def user_acted(self) -> None:
        """The idle clock is not looked at here."""

    def node_end_closed(self) -> None:
        """The node lives on."""

    def lines_for_user(self) -> list[str]:
        return []

    def pump_closed(self, _pump: Pump, _stream: int | None, closed: StreamClosed) -> None:
        self.closed.append(closed)


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

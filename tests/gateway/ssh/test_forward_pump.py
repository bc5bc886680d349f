"""A forwarded connection between two channels that only write down what they are told."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from doorward.domain.recording.frames import StreamClosed
from doorward.gateway.ssh.asyncssh_channels import RelayChannel
from doorward.gateway.ssh.channels import Channels, Side
from doorward.gateway.ssh.ends import End, Hold
from doorward.gateway.ssh.forward_pump import ForwardPump


@dataclass
class Channel:
    """Stands where asyncssh's channel would."""

    done: list[str] = field(default_factory=list)
    is_open: bool = True
    has_unread: bool = False

    def write(self, data: bytes, _datatype: int | None) -> None:
        self.done.append(f"write {data.decode()}")

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.done.append("close")

    def pause_reading(self) -> None:
        self.done.append("pause")

    def resume_reading(self) -> None:
        self.done.append("resume")

    def respond(self, *, ok: bool) -> None:
        self.done.append(f"respond {ok}")


@dataclass
class Host:
    """The session, as far as a forwarded connection sees it."""

    acts: int = 0
    closed: list[tuple[int, StreamClosed]] = field(default_factory=list)

    def user_acted(self) -> None:
        self.acts += 1

    def node_end_closed(self) -> None:
        """The node itself lives on."""

    def flooded(self) -> None:
        """Nothing is asked here."""

    def forward_closed(self, _pump: ForwardPump, stream: int, closed: StreamClosed) -> None:
        self.closed.append((stream, closed))


def made(end: End) -> Channel:
    channel = Channel()
    end.connection_made(cast("RelayChannel", channel))
    return channel


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def pump(host: Host) -> ForwardPump:
    return ForwardPump(7, host)


def test_neither_side_is_read_before_the_other_is_open(pump: ForwardPump) -> None:
    node = made(pump.node)
    assert node.done == ["pause"]
    user = made(pump.user)
    assert node.done == ["pause", "resume"]
    assert user.done == []


def test_bytes_pass_and_are_counted_each_way(pump: ForwardPump, host: Host) -> None:
    node, user = made(pump.node), made(pump.user)
    pump.from_user(b"ask")
    pump.from_node(b"answer", None)
    pump.from_node(b"no error output here", 1)
    assert node.done[2:] == ["write ask"]
    assert user.done == ["write answer"]
    pump.user.connection_lost(None)
    assert host.closed == [(7, StreamClosed(output_bytes=6, input_bytes=3))]
    assert host.acts == 2


def test_each_half_closes_by_itself(pump: ForwardPump, host: Host) -> None:
    node, user = made(pump.node), made(pump.user)
    assert pump.user.eof_received()
    assert (node.done[-1], user.done) == ("eof", [])
    pump.from_node(b"still", None)
    pump.node_eof()
    assert user.done == ["write still", "eof"]
    assert host.closed == []


def test_an_end_that_comes_before_the_other_side_is_open_waits_for_it(pump: ForwardPump) -> None:
    made(pump.node)
    pump.node_eof()
    pump.node.connection_lost(None)
    assert made(pump.user).done == ["eof", "close"]


def test_nothing_passes_after_the_end_and_it_is_told_once(pump: ForwardPump, host: Host) -> None:
    node, user = made(pump.node), made(pump.user)
    pump.dismiss("doorward: locked")
    pump.from_user(b"late")
    pump.from_node(b"late", None)
    pump.user_eof()
    pump.node_eof()
    pump.stop()
    assert (node.done[-1], user.done) == ("close", ["close"])
    assert len(host.closed) == 1


def test_requests_on_a_forwarded_connection_are_refused(pump: ForwardPump) -> None:
    node, user = made(pump.node), made(pump.user)
    pump.user_request(b"exec", b"", want_reply=True)
    pump.node_request(b"exit-status", b"", want_reply=False)
    assert (node.done[2:], user.done) == ([], ["respond False"])


def test_what_holds_a_session_holds_channels_that_open_later(pump: ForwardPump) -> None:
    channels = Channels()
    channels.hold(Hold.DISK, *Side)
    channels.add(pump)
    node, user = made(pump.node), made(pump.user)
    assert (node.done, user.done) == (["pause"], ["pause"])
    channels.allow(Hold.DISK, *Side)
    assert (node.done[-1], user.done[-1]) == ("resume", "resume")
    assert not channels.is_held(Hold.DISK)


def test_a_side_is_read_again_only_when_no_reason_is_left(pump: ForwardPump) -> None:
    channels = Channels()
    channels.add(pump)
    node, _ = made(pump.node), made(pump.user)
    channels.hold(Hold.CONNECTION, Side.NODE)
    channels.hold(Hold.LOG, *Side)
    before = node.done.count("resume")
    channels.allow(Hold.LOG, *Side)
    assert node.done.count("resume") == before
    channels.allow(Hold.CONNECTION, Side.NODE)
    assert node.done.count("resume") == before + 1

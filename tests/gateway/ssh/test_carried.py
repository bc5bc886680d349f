"""A connection inside a channel: each side's limits stop the other, and either end is the end of both."""

from typing import Any, cast

import pytest

from doorward.gateway.ssh.asyncssh_channels import RelayChannel
from doorward.gateway.ssh.asyncssh_internals import UserConnection
from doorward.gateway.ssh.carried import Block, CarriedConnection


class Recorder:
    """Stands in for a channel or a connection, and keeps what it was told."""

    is_open = True

    def __init__(self) -> None:
        self.told: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *words, **named: self.told.append((name, *words, *named.values()))

    def names(self) -> list[str]:
        return [one[0] for one in self.told]


@pytest.fixture
def inner() -> Recorder:
    return Recorder()


@pytest.fixture
def channel() -> Recorder:
    return Recorder()


@pytest.fixture
def carried(inner: Recorder, channel: Recorder) -> CarriedConnection:
    made = CarriedConnection(cast("UserConnection", inner))
    made.connection_made(cast("RelayChannel", channel))
    inner.told.clear()
    return made


def test_the_inner_connection_begins_with_its_channel(inner: Recorder, channel: Recorder) -> None:
    carried = CarriedConnection(cast("UserConnection", inner))
    carried.write(b"early")
    assert inner.told == []
    carried.connection_made(cast("RelayChannel", channel))
    assert inner.told == [("connection_made", carried)]
    assert channel.told == []


def test_bytes_pass_and_error_output_does_not(carried: CarriedConnection, inner: Recorder, channel: Recorder) -> None:
    carried.data_received(b"in", None)
    carried.data_received(b"stderr", 1)
    carried.write(memoryview(b"out"))
    assert (inner.told, channel.told) == ([("data_received", b"in")], [("write", b"out")])


def test_nothing_is_written_to_a_channel_that_closes(carried: CarriedConnection, channel: Recorder) -> None:
    channel.is_open = False
    carried.write(b"late")
    assert channel.told == []
    assert carried.is_closing()


def test_writing_goes_on_when_the_last_block_has_gone(carried: CarriedConnection, inner: Recorder) -> None:
    carried.pause_writing()
    carried.block(Block.CONNECTION)
    carried.resume_writing()
    carried.unblock(Block.CHANNEL)
    assert inner.names() == ["pause_writing"]
    carried.unblock(Block.CONNECTION)
    assert inner.names() == ["pause_writing", "resume_writing"]


def test_who_does_not_read_stops_the_channel(carried: CarriedConnection, channel: Recorder) -> None:
    carried.pause_reading()
    carried.resume_reading()
    assert channel.names() == ["pause_reading", "resume_reading"]


def test_the_end_of_the_channel_is_the_end_inside_and_nothing_follows(
    carried: CarriedConnection, inner: Recorder
) -> None:
    carried.connection_lost(None)
    carried.data_received(b"late", None)
    carried.pause_writing()
    carried.resume_writing()
    assert inner.told == [("connection_lost", None)]


def test_half_a_connection_is_none(carried: CarriedConnection, inner: Recorder) -> None:
    assert carried.eof_received()
    assert inner.names() == ["eof_received"]


def test_requests_are_answered_no_when_an_answer_is_wanted(carried: CarriedConnection, channel: Recorder) -> None:
    carried.request_received(b"exec", b"", want_reply=True)
    carried.request_received(b"exec", b"", want_reply=False)
    carried.response_received(ok=True)
    assert channel.told == [("respond", False)]


def test_the_end_inside_is_the_end_of_the_channel(carried: CarriedConnection, channel: Recorder) -> None:
    assert carried.can_write_eof()
    carried.write_eof()
    carried.close()
    carried.abort()
    assert channel.names() == ["write_eof", "close", "abort"]
    assert carried.get_extra_info("socket", "none") == "none"

"""What the HTTP protocol takes from somebody who is not known yet: a little, and not for long."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from uvicorn.server import ServerState

from doorward.authority.http.protocol import (
    BODY_SECONDS,
    HEAD_SECONDS,
    KNOWN_BODY_SECONDS,
    OVERHEAD_BYTES_MAX,
    STRANGER_IDLE_SECONDS,
    STRANGER_SECONDS,
    PeerProtocol,
)
from doorward.main.authority_role import http_config

CHUNKED = b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = 16 * 1024


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False
        self.certificate: bytes | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "ssl_object" else default

    def getpeercert(self, *, binary_form: bool) -> bytes | None:
        """As an SSL object has it."""
        return self.certificate if binary_form else None

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.aborted

    def close(self) -> None:
        self.aborted = True

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return


@dataclass
class Timers:
    """The event loop, as far as protocols need it, whose time stands still."""

    asked: list[tuple[float, Callable[..., Any], asyncio.TimerHandle]] = field(default_factory=list)
    create_task: Callable[..., Any] = field(default_factory=lambda: asyncio.get_running_loop().create_task)

    def call_later(self, seconds: float, what: Callable[..., Any], *_: Any) -> asyncio.TimerHandle:
        """Note it, and never call it."""
        handle = asyncio.TimerHandle(seconds, what, (), asyncio.get_running_loop())
        self.asked.append((seconds, what, handle))
        return handle

    def running(self) -> list[tuple[float, Callable[..., Any]]]:
        """What was not cancelled."""
        return [(seconds, what) for seconds, what, handle in self.asked if not handle.cancelled()]


@dataclass
class Served:
    """One connection and the bodies that the application has read."""

    protocol: PeerProtocol
    wire: Wire
    bodies: list[int] = field(default_factory=list)
    timers: Timers = field(default_factory=Timers)

    @property
    def deadline(self) -> float | None:
        """After how many seconds the connection is cut off as things stand."""
        running = [seconds for seconds, what in self.timers.running() if what == self.wire.abort]
        assert len(running) <= 1
        return running[0] if running else None

    async def take(self, data: bytes) -> None:
        """Hand bytes over in pieces, as a socket does, until the connection is closed."""
        for start in range(0, len(data), PIECE):
            if self.wire.aborted:
                return
            self.protocol.data_received(data[start : start + PIECE])
            await asyncio.sleep(0)

    async def settled(self) -> None:
        """Let the application come to its answer."""
        for _ in range(20):
            await asyncio.sleep(0)


def application(bodies: list[int]) -> Callable[..., Any]:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size, more = size + len(message["body"]), message["more_body"]
        bodies.append(size)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    bodies: list[int] = []
    made = Served(PeerProtocol(http_config(application(bodies)), ServerState(), {}, "192.0.2.1"), Wire(), bodies)
    monkeypatch.setattr(made.protocol, "loop", made.timers)
    made.protocol.connection_made(made.wire)
    yield made
    if made.protocol.parser is not None:
        made.protocol.connection_lost(None)
    await made.settled()


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET /",
        b"GET / HTTP/1.1\r\nX: ",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 12_000,
        CHUNKED + b"5\r\nhello\r\n0\r\nX: ",
        CHUNKED + b"5;x=",
    ],
    ids=["empty lines", "path", "one header", "many headers", "trailer", "chunk extension"],
)
async def test_who_never_ends_a_header_is_cut_off(served: Served, start: bytes) -> None:
    await served.take(start)
    await served.take((b"a" if start else b"\r\n") * (OVERHEAD_BYTES_MAX + PIECE))
    assert served.wire.aborted
    assert served.bodies == []


async def test_usual_headers_and_a_large_body_pass(served: Served) -> None:
    head = b"PUT /x HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100 + b"Content-Length: 3000000\r\n\r\n"
    for _ in range(3):
        await served.take(head + b"b" * 3_000_000)
        await served.settled()
    assert not served.wire.aborted
    assert served.bodies == [3_000_000] * 3


async def test_a_large_body_in_small_chunks_passes(served: Served) -> None:
    await served.take(CHUNKED + b"40\r\n" + b"b" * 64 + b"\r\n")
    await served.take((b"40\r\n" + b"b" * 64 + b"\r\n") * 30_000 + b"0\r\n\r\n")
    await served.settled()
    assert not served.wire.aborted
    assert served.bodies == [64 * 30_001]


async def test_many_requests_on_one_connection_pass(served: Served) -> None:
    for _ in range(300):
        await served.take(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 1000 + b"\r\n\r\n")
        await served.settled()
    assert not served.wire.aborted
    assert len(served.bodies) == 300


async def test_who_says_nothing_has_a_deadline(served: Served) -> None:
    assert served.deadline == HEAD_SECONDS


async def test_bytes_without_an_end_of_headers_move_no_deadline(served: Served) -> None:
    asked = list(served.timers.asked)
    for piece in (b"GET /", b" HTTP/1.1\r\n", b"X: y\r\n"):
        await served.take(piece)
        assert served.timers.asked == asked
    assert served.deadline == HEAD_SECONDS


async def test_body_has_a_deadline_that_its_bytes_do_not_move(served: Served) -> None:
    await served.take(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    asked = len(served.timers.asked)
    await served.take(b"1234")
    assert (served.deadline, len(served.timers.asked)) == (BODY_SECONDS, asked)


async def test_who_has_shown_a_certificate_may_take_longer(served: Served) -> None:
    served.wire.certificate = b"der"
    served.protocol.connection_made(served.wire)
    await served.take(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    assert served.deadline == KNOWN_BODY_SECONDS


async def test_an_answer_may_take_its_time_and_the_next_request_has_its_own_deadline(served: Served) -> None:
    await served.take(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert served.deadline is None
    await served.settled()
    assert served.deadline is None
    await served.take(b"\r\n")
    assert served.deadline == HEAD_SECONDS


async def test_connection_that_is_lost_leaves_no_deadline(served: Served) -> None:
    served.protocol.connection_lost(None)
    assert served.deadline is None


def farewells(served: Served) -> list[float]:
    return [seconds for seconds, what in served.timers.running() if what == served.protocol.shutdown]


async def test_connection_of_a_stranger_rests_shortly_and_ends_after_a_while(served: Served) -> None:
    assert farewells(served) == [STRANGER_SECONDS]
    await served.take(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await served.settled()
    idle = [seconds for seconds, what in served.timers.running() if what == served.protocol.timeout_keep_alive_handler]
    assert idle == [STRANGER_IDLE_SECONDS]
    served.protocol.connection_lost(None)
    assert farewells(served) == []


async def test_a_strangers_time_ends_between_requests_and_not_within_one(served: Served) -> None:
    await served.take(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1")
    served.protocol.shutdown()  # as the timer does
    assert not served.wire.aborted
    await served.take(b"2")
    await served.settled()
    assert served.bodies == [2]
    assert served.wire.aborted


async def test_who_has_shown_a_certificate_stays(served: Served) -> None:
    known = PeerProtocol(http_config(application([])), ServerState(), {}, "192.0.2.1")
    wire = Wire()
    wire.certificate = b"der"
    timers = Timers()
    known.loop = timers  # type: ignore[assignment]
    known.connection_made(wire)
    assert [seconds for seconds, _ in timers.running()] == [HEAD_SECONDS]
    assert known.timeout_keep_alive > STRANGER_IDLE_SECONDS
    known.connection_lost(None)

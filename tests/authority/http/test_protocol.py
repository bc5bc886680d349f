"""What the HTTP protocol takes from somebody who is not known yet: a little, and not for long."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from uvicorn.server import ServerState

from doorward.authority.http.protocol import OVERHEAD_BYTES_MAX, PeerProtocol
from doorward.main.authority_role import http_config

CHUNKED = b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECE = 16 * 1024


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

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
class Served:
    """One connection and the bodies that the application has read."""

    protocol: PeerProtocol
    wire: Wire
    bodies: list[int] = field(default_factory=list)

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
async def served() -> AsyncIterator[Served]:
    bodies: list[int] = []
    made = Served(PeerProtocol(http_config(application(bodies)), ServerState(), {}, "192.0.2.1"), Wire(), bodies)
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

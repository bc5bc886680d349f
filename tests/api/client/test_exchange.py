"""One request, one answer, on connections that are used again only while nothing unusual happened on them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.stub_authority import Installation, pem

from doorward.api.client.exchange import HEADER_BYTES_MAX, Exchange
from doorward.base.errors import Unavailable

ANSWER_MAX = 1024
Behaviour = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request as told, and counts connections."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.connections = 0
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-length: ")), 0
                )
                self.requests.append(head + await reader.readexactly(length))
                await self.behaviour(self.requests[-1], writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(
    directory: Path, behaviour: Behaviour, *, name: str = "authority.internal"
) -> AsyncIterator[tuple[Server, Exchange]]:
    installation, server = Installation(), Server(behaviour)
    tls = installation.server_context(directory, ["authority.internal"], ssl.TLSVersion.TLSv1_3)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    context = ssl.create_default_context(cadata=pem(installation.root.certificate))
    url = f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    exchange = Exchange(url, context, server_name=name, answer_bytes_max=ANSWER_MAX)
    try:
        yield server, exchange
    finally:
        exchange.close()
        listening.close()


def answering(answer: bytes) -> Behaviour:
    async def behave(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return behave


def plain(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n%s" % (status, more, len(body), body)


async def echo(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(plain(request.partition(b"\r\n\r\n")[2]))


async def test_the_answer_comes_with_its_status_and_whole_body(tmp_path: Path) -> None:
    async with running(tmp_path, answering(plain(b"no", b"409 Conflict"))) as (_, exchange):
        assert await exchange.call("POST", "/x", b"{}", "application/json") == (409, b"no")


async def test_a_chunked_answer_is_put_together(tmp_path: Path) -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with running(tmp_path, answering(chunked)) as (_, exchange):
        assert await exchange.call("GET", "/x", b"", "") == (200, b"abcde")


async def test_the_request_is_what_was_asked_and_names_the_proven_server(tmp_path: Path) -> None:
    async with running(tmp_path, echo) as (server, exchange):
        assert await exchange.call("PUT", "/r?offset=3", b"\0\r\n\r\nbytes", "application/octet-stream") == (
            200,
            b"\0\r\n\r\nbytes",
        )
    head = server.requests[0].split(b"\r\n")
    assert head[0] == b"PUT /r?offset=3 HTTP/1.1"
    assert b"host: authority.internal" in head
    assert b"content-length: 10" in head


async def test_calls_one_after_the_other_share_a_connection(tmp_path: Path) -> None:
    async with running(tmp_path, echo) as (server, exchange):
        for word in (b"one", b"two", b"three"):
            assert (await exchange.call("POST", "/x", word, "text/plain"))[1] == word
    assert server.connections == 1


async def test_calls_at_the_same_time_never_share_one(tmp_path: Path) -> None:
    async with running(tmp_path, echo) as (server, exchange):
        words = [b"%d" % number for number in range(8)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(exchange.call("POST", "/x", word, "text/plain")) for word in words]
        assert [task.result()[1] for task in tasks] == words
    assert server.connections == 8


async def test_a_connection_is_not_used_again_when_the_server_will_close_it(tmp_path: Path) -> None:
    async with running(tmp_path, answering(plain(b"bye", more=b"connection: close\r\n"))) as (server, exchange):
        for _ in range(2):
            assert (await exchange.call("GET", "/x", b"", ""))[1] == b"bye"
    assert server.connections == 2


async def test_the_answer_of_a_cancelled_call_reaches_nobody_else(tmp_path: Path) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow_then_echo(request: bytes, writer: asyncio.StreamWriter) -> None:
        if b"first" in request:
            arrived.set()
            await go_on.wait()
        await echo(request, writer)

    async with running(tmp_path, slow_then_echo) as (_, exchange):
        first = asyncio.create_task(exchange.call("POST", "/x", b"first", "text/plain"))
        await arrived.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go_on.set()
        assert (await exchange.call("POST", "/x", b"second", "text/plain"))[1] == b"second"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n" + bytes(ANSWER_MAX + HEADER_BYTES_MAX),
        b"HTTP/1.1 200 OK\r\n" + b"x-filler: %s\r\n" % bytes(b"a" * 1000) * 100,
    ],
    ids=["not HTTP", "body too long", "endless header"],
)
async def test_an_answer_that_is_none_is_unavailable(tmp_path: Path, answer: bytes) -> None:
    async with running(tmp_path, answering(answer)) as (_, exchange):
        with pytest.raises(Unavailable):
            await exchange.call("GET", "/x", b"", "")


async def test_a_server_that_hangs_up_is_unavailable_and_forgotten(tmp_path: Path) -> None:
    hung_up = False

    async def hang_up_once(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal hung_up
        if hung_up:
            await echo(request, writer)
        else:
            hung_up = True
            writer.close()

    async with running(tmp_path, hang_up_once) as (_, exchange):
        with pytest.raises(Unavailable):
            await exchange.call("POST", "/x", b"one", "text/plain")
        assert (await exchange.call("POST", "/x", b"two", "text/plain"))[1] == b"two"


async def test_a_second_answer_that_nobody_asked_for_is_not_given_to_the_next_call(tmp_path: Path) -> None:
    async with running(tmp_path, answering(plain(b"one") + plain(b"smuggled"))) as (server, exchange):
        for _ in range(2):
            assert (await exchange.call("GET", "/x", b"", ""))[1] == b"one"
    assert server.connections == 2


async def test_a_server_of_another_name_is_asked_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, echo, name="somebody.else") as (server, exchange):
        with pytest.raises(Unavailable):
            await exchange.call("POST", "/x", b"secret", "text/plain")
    assert server.requests == []


async def test_nobody_there_is_unavailable(tmp_path: Path) -> None:
    async with running(tmp_path, echo) as (_, exchange):
        exchange._port = 1
        with pytest.raises(Unavailable):
            await exchange.call("GET", "/x", b"", "")

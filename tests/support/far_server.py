"""A server at the far end of a forward, and how to talk with it."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from tests.support.ports import LOOPBACK

BULK_BYTES = 10 * 1024 * 1024
GREETING = b"I speak first\n"


@dataclass
class Far:
    """A server that greets, reads to the end, answers with as much again and its digest, and closes."""

    answer: bytes = b""
    ended: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError):
            writer.write(GREETING)
            digest = hashlib.sha256()
            while piece := await reader.read(65_536):
                digest.update(piece)
            writer.write(self.answer + digest.hexdigest().encode())
            await writer.drain()
        self.ended += 1
        writer.close()


@contextlib.asynccontextmanager
async def far_port() -> AsyncIterator[tuple[Far, int]]:
    far = Far(answer=os.urandom(BULK_BYTES))
    server = await asyncio.start_server(far.serve, LOOPBACK, 0)
    async with server:
        yield far, server.sockets[0].getsockname()[1]


async def converse(
    far: Far, connect: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
) -> None:
    """Ten megabytes each way, our half closed in between."""
    data = os.urandom(BULK_BYTES)
    async with asyncio.timeout(30):
        reader, writer = await connect()
        assert await reader.readline() == GREETING
        writer.write(data)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
    assert answer == far.answer + hashlib.sha256(data).hexdigest().encode()


async def reached(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a port that somebody is about to listen on."""
    while True:
        try:
            return await asyncio.open_connection(LOOPBACK, port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)


async def no_more(port: int) -> None:
    """Wait until nobody listens there: a client has its answer before the node has closed."""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionRefusedError):
            while True:
                _, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.close()
                await asyncio.sleep(0.05)

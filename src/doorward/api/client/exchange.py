"""HTTP/1.1 towards one server, as little of it as a gateway's calls need: one request, one answer, kept connections.

A general client costs two milliseconds of CPU for a call over TLS, and each session makes about ten; this one costs a
few tenths. Connections are asked one thing at a time, used again while they are young, and closed after anything
unusual: a failure, a cancelled call, an answer that is too long, bytes that nobody asked for.
"""

import asyncio
import ssl
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

from doorward.base.errors import Unavailable

CONNECTIONS_MAX: Final = 64
CONNECT_SECONDS: Final = 5.0
IDLE_SECONDS_MAX: Final = 30.0
"""Well below the 75 s after which the authority closes: a call does not meet a connection that is just being closed."""
HEADER_BYTES_MAX: Final = 65_536


class Exchange:
    """Calls to `url` (`https://host:port`), proven by `context` to be `server_name` (by default the host)."""

    def __init__(self, url: str, context: ssl.SSLContext, *, server_name: str | None, answer_bytes_max: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 443
        self._context = context
        self._server_name = server_name or self._host
        self._received_max = answer_bytes_max + HEADER_BYTES_MAX
        self._room = asyncio.Semaphore(CONNECTIONS_MAX)
        self._idle: list[_Connection] = []
        self._generation = 0
        self._is_closed = False

    def close(self) -> None:
        """End idle connections now and the others after their call."""
        self._is_closed = True
        self.reconnect()

    def reconnect(self) -> None:
        """Use no connection again that stands now: the next ones show what the context shows by then."""
        self._generation += 1
        while self._idle:
            self._idle.pop().abort()

    async def call(self, method: str, target: str, content: bytes, kind: str) -> tuple[int, bytes]:
        """Status and body of the answer; `Unavailable` when there is none. The caller sets the deadline."""
        async with self._room:
            generation = self._generation
            connection = self._kept() or await self._connect()
            try:
                answer = await connection.ask(self._head(method, target, len(content), kind) + content)
            except BaseException:
                connection.abort()
                raise
            if generation != self._generation or self._is_closed or not connection.is_usable:
                connection.abort()
            else:
                self._idle.append(connection)
            return answer

    def _head(self, method: str, target: str, length: int, kind: str) -> bytes:
        head = (
            f"{method} {target} HTTP/1.1\r\nhost: {self._server_name}\r\n"
            "accept: application/json, application/problem+json\r\naccept-encoding: identity\r\n"
        )
        if method != "GET":
            head += f"content-type: {kind}\r\ncontent-length: {length}\r\n"
        return f"{head}\r\n".encode("ascii")

    def _kept(self) -> "_Connection | None":
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS_MAX
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable and connection.last_used > oldest:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> "_Connection":
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self._received_max),
                    self._host,
                    self._port,
                    ssl=self._context,
                    server_hostname=self._server_name,
                )
        except OSError as error:  # TimeoutError and ssl.SSLError are among them
            raise Unavailable("calling the authority: no connection") from error
        return connection


class _Connection(asyncio.Protocol):
    """One connection. asyncio and, below `feed_data`, httptools call what begins with a verb of theirs."""

    def __init__(self, received_max: int) -> None:
        self._received_max = received_max
        self._received = 0
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._is_spent = False
        self.last_used = 0.0

    @property
    def is_usable(self) -> bool:
        """Whether it can be asked something."""
        return self._transport is not None and not self._is_spent and self._answer is None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; its answer, or `Unavailable`."""
        if self._transport is None or not self.is_usable:
            raise Unavailable("calling the authority: the connection is gone")
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._received = 0
        self._body.clear()
        self._transport.write(request)
        status, body = await self._answer
        self._answer = None
        self.last_used = loop.time()
        return status, body

    def abort(self) -> None:
        """End it now."""
        self._is_spent = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's inherits nothing

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._answer is None or self._answer.done():
            self.abort()  # nobody asked
            return
        if self._received > self._received_max:
            self._fail("reading the authority's answer: it is longer than any answer may be")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("reading the authority's answer: it is not HTTP")

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail("calling the authority: the connection broke")

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self._is_spent = True  # a second answer behind the first: it must not become the next call's

    def on_body(self, body: bytes) -> None:
        if not self._is_spent:
            self._body += body

    def on_message_complete(self) -> None:
        self._is_spent = self._is_spent or not self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), bytes(self._body)))

    def _fail(self, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Unavailable(why))
        self.abort()

"""Plain pages over HTTP/1.1 for probes on loopback: one small request for each connection, under a deadline.

A process that speaks no HTTP otherwise need not load a server for three pages, and what is not here can not be
attacked: no keep-alive, no bodies, no names of hosts.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from doorward.net.accept import accept
from doorward.net.supervise import Tasks

REQUEST_BYTES_MAX: Final = 8192
CONNECTIONS_MAX: Final = 32
SECONDS_MAX: Final = 10.0
PLAIN: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = PLAIN


NOT_FOUND: Final = Page(b"not found\n", HTTPStatus.NOT_FOUND)
NOT_ALLOWED: Final = Page(b"only GET\n", HTTPStatus.METHOD_NOT_ALLOWED)

Pages = Callable[[str], Awaitable[Page | None]]
"""The page at a path, or none."""


async def serve_pages(listener: socket.socket, pages: Pages, tasks: Tasks) -> None:
    """Answer until cancelled; the listener stays the caller's."""
    busy = 0

    async def answer(sock: socket.socket) -> None:
        nonlocal busy
        try:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(SECONDS_MAX):
                    await _answer(sock, pages)
        finally:
            busy -= 1
            sock.close()

    def accepted(sock: socket.socket, _address: str, _port: int) -> None:
        nonlocal busy
        if busy >= CONNECTIONS_MAX:
            sock.close()
            return
        busy += 1
        tasks.spawn(answer(sock), "answer a probe")

    await accept(listener, accepted)


async def _answer(sock: socket.socket, pages: Pages) -> None:
    reader, writer = await asyncio.open_connection(sock=sock, limit=REQUEST_BYTES_MAX)
    try:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        method, _, rest = request.partition(b"\r\n")[0].partition(b" ")
        path, _, protocol = rest.partition(b" ")
        if not protocol.startswith(b"HTTP/1."):
            return
        page = await _page(method, path, pages)
        head = (
            f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\n"
            f"content-type: {page.content_type}\r\ncontent-length: {len(page.body)}\r\nconnection: close\r\n\r\n"
        )
        writer.write(head.encode("ascii") + (b"" if method == b"HEAD" else page.body))
        await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


async def _page(method: bytes, path: bytes, pages: Pages) -> Page:
    if method not in {b"GET", b"HEAD"}:
        return NOT_ALLOWED
    return await pages(path.partition(b"?")[0].decode("latin-1")) or NOT_FOUND

"""Pages for probes: what is answered, and that nobody who is slow, loud or many keeps the next one waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest

from doorward.net import plain_http
from doorward.net.accept import bind
from doorward.net.plain_http import Page, serve_pages
from doorward.net.supervise import Tasks


async def pages(path: str) -> Page | None:
    return {"/here": Page(b"yes\n"), "/away": Page(b"no\n", HTTPStatus.SERVICE_UNAVAILABLE)}.get(path)


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    failed: list[object] = []
    listener = bind("127.0.0.1", 0)
    try:
        async with Tasks(lambda _, error: failed.append(error)) as tasks:
            tasks.spawn(serve_pages(listener, pages, tasks), "serve")
            yield int(listener.getsockname()[1])
            assert failed == []
    finally:
        listener.close()


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def get(port: int, path: str) -> tuple[int, bytes]:
    head, _, body = (await ask(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_pages_have_their_status_and_others_are_not_found() -> None:
    async with serving() as port:
        assert await get(port, "/here") == (200, b"yes\n")
        assert await get(port, "/here?x=1") == (200, b"yes\n")
        assert await get(port, "/away") == (503, b"no\n")
        assert await get(port, "/..%2fhere") == (404, b"not found\n")


async def test_the_head_says_how_much_comes_and_that_nothing_more_does() -> None:
    async with serving() as port:
        head, _, body = (await ask(port, b"HEAD /here HTTP/1.0\r\n\r\n")).partition(b"\r\n\r\n")
    assert body == b""
    assert b"content-length: 4" in head
    assert b"connection: close" in head


async def test_nothing_but_reading_is_allowed() -> None:
    async with serving() as port:
        assert (await ask(port, b"POST /here HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize(
    "request_bytes", [b"\x16\x03\x01\r\n\r\n", b"GET /here\r\n\r\n", b"GET /here SSH-2.0\r\n\r\n", b"x" * 20_000]
)
async def test_what_is_no_request_is_closed_without_a_word(request_bytes: bytes) -> None:
    async with serving() as port:
        assert await ask(port, request_bytes) == b""
        assert (await get(port, "/here"))[0] == 200


async def test_silent_ones_are_dropped_and_more_than_a_few_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_http, "CONNECTIONS_MAX", 2)
    monkeypatch.setattr(plain_http, "SECONDS_MAX", 0.5)
    async with serving() as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        assert await ask(port, b"GET /here HTTP/1.1\r\n\r\n") == b""
        async with asyncio.timeout(5):
            assert [await reader.read() for reader, _ in silent] == [b"", b""]
        for _, writer in silent:
            writer.close()
        assert (await get(port, "/here"))[0] == 200

"""The gateway's client against a real HTTP server: every call, the stream, the errors, the limits."""

import asyncio
import contextlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from tests.support.ports import LOOPBACK

from doorward.api.bodies.gateway_calls import (
    Cut,
    Lease,
    MintFaces,
    Note,
    OpenSession,
    Proof,
    SealRecording,
    SessionEnded,
    SessionReport,
    SessionStarted,
    WatchMessage,
)
from doorward.api.client import gateway as module
from doorward.api.client.gateway import HttpControlPlane
from doorward.api.problem import Problem, RemoteConflict, RemoteRefused
from doorward.base.errors import Invalid, Unavailable
from doorward.gateway.ports import ControlPlane

SESSION = "a" * 26
OPEN = OpenSession(Proof(b"signed", b"signature"), b"key", "192.0.2.1")


@dataclass
class Server:
    """Answers each request with the next thing it was given; keeps what it was asked."""

    url: str = ""
    ca: Path = Path()
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    connections: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, target, _ = head.split(b"\r\n")[0].decode().split()
                headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                body = await reader.readexactly(int(headers.get(b"content-length", b"0")))
                self.asked.append((method, target, body))
                await self.may_answer.wait()
                status, content = self.answers.pop(0) if self.answers else (204, b"")
                length = b"" if status == 204 else b"content-length: %d\r\n" % len(content)
                writer.write(b"HTTP/1.1 %d X\r\n%s\r\n" % (status, length) + content)
                await writer.drain()
        writer.close()

    def answer(self, value: object, status: int = 200) -> None:
        self.answers.append((status, msgspec.json.encode(value)))


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    pem = tmp_path / "server.pem"
    command = (
        "openssl req -x509 -newkey ed25519 -nodes -days 1 -subj /CN=authority.test "
        f"-addext subjectAltName=DNS:authority.test -keyout {pem} -out {pem}.crt"
    )
    await (await asyncio.create_subprocess_exec(*command.split(), stderr=subprocess.DEVNULL)).wait()
    made = Server(ca=Path(f"{pem}.crt"))
    made.may_answer.set()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.ca, pem)
    listening = await asyncio.start_server(made.serve, LOOPBACK, 0, ssl=context)
    made.url = f"https://{LOOPBACK}:{listening.sockets[0].getsockname()[1]}"
    yield made
    listening.close()
    await listening.wait_closed()


@pytest_asyncio.fixture
async def client(server: Server) -> AsyncIterator[HttpControlPlane]:
    async with HttpControlPlane(server.url, trusting(server), server_name="authority.test") as made:
        yield made


def trusting(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca))


def test_it_is_a_control_plane() -> None:
    made: Callable[..., ControlPlane] = HttpControlPlane
    assert made is HttpControlPlane


async def test_every_call_has_its_path_and_its_body(server: Server, client: HttpControlPlane) -> None:
    server.answer(Lease(10.0, 3, ["x"]))
    assert await client.renew_lease([SESSION], ["j"]) == Lease(10.0, 3, ["x"])
    started, notes = SessionStarted("SHA256:x", "key"), [Note("stream.opened", {"kind": "shell"})]
    await client.report_session(SESSION, SessionReport(started, notes, SessionEnded("closed", "output", 1, 2)))
    server.answer({"size_bytes": 7})
    assert await client.append_recording(SESSION, 4, b"\0\xff\n") == 7
    await client.seal_recording(SESSION, SealRecording({}, 7, bytes(32)))
    assert [(method, target) for method, target, _ in server.asked] == [
        ("POST", "/v1/gateway/lease"),
        ("POST", f"/v1/gateway/sessions/{SESSION}/report"),
        ("PUT", f"/v1/gateway/recordings/{SESSION}?offset=4"),
        ("POST", f"/v1/gateway/recordings/{SESSION}/seal"),
    ]
    assert server.asked[2][2] == b"\0\xff\n"
    assert msgspec.json.decode(server.asked[1][2], type=SessionReport).notes == notes
    assert server.connections == 1


async def test_what_the_authority_says_raises_as_what_it_is(server: Server, client: HttpControlPlane) -> None:
    server.answer(Problem("urn:x", "no", 403, "refused", "factor_required", "a code is needed"), 403)
    with pytest.raises(RemoteRefused) as refused:
        await client.open_session(OPEN)
    assert (refused.value.problem.code, refused.value.message) == ("factor_required", "a code is needed")
    server.answer(Problem("urn:x", "no", 409, "conflict", "used", ""), 409)
    with pytest.raises(RemoteConflict):
        await client.open_session(OPEN)


@pytest.mark.parametrize(
    ("status", "content"), [(200, b"{"), (200, b'{"session_id": 3}'), (502, b"<html>"), (500, b"")]
)
async def test_an_answer_that_can_not_be_read_is_no_answer(
    server: Server, client: HttpControlPlane, status: int, content: bytes
) -> None:
    server.answers.append((status, content))
    with pytest.raises(Unavailable):
        await client.open_session(OPEN)


async def test_an_endless_answer_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 1000)
    server.answers.append((200, b" " * 200_000))
    async with HttpControlPlane(server.url, trusting(server), server_name="authority.test") as small:
        with pytest.raises(Unavailable, match="longer"):
            await small.trust()


async def test_an_authority_that_does_not_answer_is_given_up(
    server: Server, client: HttpControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALL_SECONDS", 0.1)
    server.may_answer.clear()
    with pytest.raises(Unavailable, match="in time"):
        await client.mint_faces(MintFaces(b"key", ["gateway"]))
    server.may_answer.set()


async def test_an_authority_that_is_not_there_is_unavailable(server: Server) -> None:
    async with HttpControlPlane("https://127.0.0.1:1", trusting(server)) as nobody:
        with pytest.raises(Unavailable):
            await nobody.trust()


async def test_a_certificate_for_another_name_is_not_believed(server: Server) -> None:
    async with HttpControlPlane(server.url, trusting(server), server_name="elsewhere.test") as other:
        with pytest.raises(Unavailable):
            await other.trust()
    assert server.asked == []


async def test_a_session_id_that_is_none_never_becomes_a_path(server: Server, client: HttpControlPlane) -> None:
    with pytest.raises(Invalid):
        await client.report_session("..", SessionReport())
    await client.report_session("a/../../x?y", SessionReport())
    assert server.asked[0][1] == "/v1/gateway/sessions/a%2F..%2F..%2Fx%3Fy/report"


async def test_the_watch_stream_is_read_line_by_line(server: Server, client: HttpControlPlane) -> None:
    messages = [WatchMessage(4), WatchMessage(5, [Cut(SESSION, "locked", "why", 5)])]
    server.answers.append((200, b"".join(msgspec.json.encode(message) + b"\n" for message in messages) + b"\n"))
    assert [message async for message in client.watch(3)] == messages
    assert server.asked[0][1] == "/v1/gateway/watch?after=3"


async def test_a_broken_line_ends_the_watch(server: Server, client: HttpControlPlane) -> None:
    server.answers.append((200, b'{"epoch": 4}\nnonsense\n'))
    stream = aiter(client.watch(3))
    assert (await anext(stream)).epoch == 4
    with pytest.raises(Unavailable):
        await anext(stream)


async def test_a_watch_that_is_refused_raises_what_it_is(server: Server, client: HttpControlPlane) -> None:
    server.answer(Problem("urn:x", "no", 403, "refused", "refused", "not this gateway"), 403)
    with pytest.raises(RemoteRefused):
        await anext(aiter(client.watch(0)))

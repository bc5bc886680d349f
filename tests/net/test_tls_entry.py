"""The TLS listener: the hello chooses the context, a PROXY header names the client when a gateway proves it."""

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from tests.support.ports import LOOPBACK

from doorward.net.accept import bind
from doorward.net.doors import DoorLimits, Doors, Stage
from doorward.net.supervise import Tasks
from doorward.net.tls_entry import Entrance, Peer, serve_tls
from doorward.wire.proxy_protocol.header import Endpoint, encode_header, encode_proven_header, is_proven
from doorward.wire.tls.client_hello import ClientHello

KEY = b"k" * 32
ENDS = (Endpoint("192.0.2.7", 51_000), Endpoint("198.51.100.1", 3443))
HEADER = encode_proven_header(*ENDS, KEY)
LOCAL_COMMAND = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"


@dataclass
class Entry:
    number: int
    doors: Doors
    certificate: Path
    peers: list[Peer] = field(default_factory=list)
    hellos: list[ClientHello] = field(default_factory=list)


class Hello(asyncio.Protocol):
    """Says who is there, once, and ends."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(f"{self._peer.address} {self._peer.port} {self._peer.via}".encode())
        transport.close()


def make_certificate(directory: Path) -> Path:
    path = directory / "server.pem"
    command = "openssl req -x509 -newkey ed25519 -nodes -days 1 -subj /CN=authority.test -keyout {0} -out {0}.crt"
    subprocess.run(command.format(path).split(), check=True, capture_output=True)
    path.write_text(path.read_text() + path.with_name("server.pem.crt").read_text())
    return path


@pytest_asyncio.fixture
async def entry(tmp_path: Path) -> AsyncIterator[Entry]:
    listener = bind(LOOPBACK, 0)
    doors = Doors(DoorLimits(first_bytes_seconds=0.5))
    made = Entry(listener.getsockname()[1], doors, make_certificate(tmp_path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate)

    def choose(hello: ClientHello, peer: Peer) -> Entrance | None:
        made.hellos.append(hello)
        made.peers.append(peer)
        return Entrance(context) if hello.server_name == "authority.test" else None

    async def believes(header: bytes) -> bool:
        return is_proven(header, KEY)

    problems: list[str] = []
    async with Tasks(lambda name, error: problems.append(f"{name}: {error!r}")) as tasks:
        serving = asyncio.create_task(serve_tls([listener], choose, Hello, believes=believes, doors=doors, tasks=tasks))
        yield made
        serving.cancel()
        await asyncio.wait({serving})
    listener.close()
    assert problems == []


def talk_blocking(entry: Entry, ahead: bytes, name: str) -> bytes:
    context = ssl.create_default_context(cafile=str(entry.certificate))
    context.check_hostname = False
    with socket.create_connection((LOOPBACK, entry.number), timeout=5) as sock:
        sock.sendall(ahead)
        try:
            with context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False) as tls:
                tls.do_handshake()
                return b"".join(iter(lambda: tls.recv(4096), b""))
        except (ConnectionError, ssl.SSLError):
            return b""


async def talk(entry: Entry, ahead: bytes = b"", name: str = "authority.test") -> bytes:
    """What the server says; empty when it closes."""
    return await asyncio.to_thread(talk_blocking, entry, ahead, name)


async def test_a_direct_client_is_itself(entry: Entry) -> None:
    said = (await talk(entry)).decode().split()
    assert (said[0], said[2]) == (LOOPBACK, "None")


async def test_a_client_that_was_passed_on_is_who_the_header_says(entry: Entry) -> None:
    assert (await talk(entry, HEADER)).decode() == f"192.0.2.7 51000 {LOOPBACK}"
    async with asyncio.timeout(2):
        while entry.doors.count(Stage.UNPROVEN):  # noqa: ASYNC110  (the code under test tells nobody)
            await asyncio.sleep(0)
    assert [entry.doors.count(stage) for stage in (Stage.SILENT, Stage.INSIDE)] == [0, 0]


@pytest.mark.parametrize(
    "ahead",
    [
        encode_header(*ENDS),
        encode_proven_header(*ENDS, b"x" * 32),
        encode_proven_header(*ENDS, b""),
        HEADER.replace(b"\xc0\x00\x02\x07", b"\xc0\x00\x02\x08"),
        LOCAL_COMMAND,
    ],
    ids=["no proof", "another key", "no key", "another source", "local"],
)
async def test_a_header_that_no_gateway_proves_is_not_believed(entry: Entry, ahead: bytes) -> None:
    assert await talk(entry, ahead) == b""
    assert entry.peers == []


async def test_a_name_that_is_not_served_is_closed_before_any_handshake(entry: Entry) -> None:
    assert await talk(entry, name="elsewhere.test") == b""
    assert [hello.server_name for hello in entry.hellos] == ["elsewhere.test"]


@pytest.mark.parametrize("ahead", [HEADER[:20], b"\r\n\r\n", b"SSH-2.0-x\r\n", b""])
async def test_who_says_too_little_or_something_else_is_closed(entry: Entry, ahead: bytes) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, entry.number)
    writer.write(ahead)
    async with asyncio.timeout(3):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
    assert entry.doors.count(Stage.SILENT) == 0

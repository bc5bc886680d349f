"""One port: what the first bytes decide, how long they may take, and what ten thousand silent clients change."""

import asyncio
import contextlib
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from tests.support.ports import LOOPBACK

from doorward.net.accept import bind
from doorward.net.doors import DoorLimits, Doors, Stage, Visit
from doorward.net.one_port import SSH_IN_TLS, OnePort
from doorward.net.ssh_goodbye import say_goodbye
from doorward.net.supervise import Tasks
from doorward.wire.tls.client_hello import ClientHello

LIMITS = DoorLimits(silent_max=300, silent_per_address_max=200, unproven_per_address_max=3, first_bytes_seconds=0.5)


@dataclass
class Port:
    number: int
    doors: Doors
    ssh: list[bytes] = field(default_factory=list)
    tls: list[ClientHello] = field(default_factory=list)
    ssh_in_tls: list[ClientHello] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    sockets: list[socket.socket] = field(default_factory=list)

    def serve_ssh(self, sock: socket.socket, _address: str, visit: Visit) -> None:
        self.ssh.append(sock.recv(100))
        self.visits.append(visit)
        self.sockets.append(sock)
        sock.send(b"ssh")

    async def serve_tls(self, sock: socket.socket, _address: str, _visit: Visit, hello: ClientHello) -> None:
        self.tls.append(hello)
        sock.send(b"tls")

    async def serve_ssh_in_tls(self, sock: socket.socket, _address: str, visit: Visit, hello: ClientHello) -> None:
        self.ssh_in_tls.append(hello)
        self.visits.append(visit)
        self.sockets.append(sock)
        sock.send(b"ssh in tls")


@pytest_asyncio.fixture
async def port() -> AsyncIterator[Port]:
    async with opened(Port, LIMITS) as made:
        yield made


@contextlib.asynccontextmanager
async def opened(kind: type[Port], limits: DoorLimits) -> AsyncIterator[Port]:
    listener = bind(LOOPBACK, 0)
    made = kind(listener.getsockname()[1], Doors(limits))
    async with Tasks(_fail) as tasks:
        one_port = OnePort(
            made.doors,
            tasks,
            serve_ssh=made.serve_ssh,
            serve_tls=made.serve_tls,
            serve_ssh_in_tls=made.serve_ssh_in_tls,
            refuse_ssh=lambda sock: say_goodbye(sock, "Test", "full"),
        )
        serving = asyncio.create_task(one_port.serve(listener))
        yield made
        serving.cancel()
        await asyncio.wait({serving})
    for sock in made.sockets:
        sock.close()
    listener.close()


def _fail(name: str, error: BaseException) -> None:
    raise AssertionError(name) from error


async def connect(port: Port, source: str = LOOPBACK) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind((source, 0))
    await asyncio.get_running_loop().sock_connect(sock, (LOOPBACK, port.number))
    return sock


async def turns() -> None:
    """Let everything that can go on, go on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def answer(sock: socket.socket) -> bytes:
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            return await asyncio.get_running_loop().sock_recv(sock, 4096)
    return b""


async def test_ssh_is_handed_on_with_its_first_bytes_however_they_come(port: Port) -> None:
    line = b"SSH-2.0-x\r\n"
    with await connect(port) as sock:
        for sent, byte in enumerate(line, start=1):
            sock.send(bytes((byte,)))
            await turns()
            assert sent >= len(b"SSH-") or port.ssh == []  # as long as it may be anything it is nobody's
        assert await answer(sock) == b"ssh"
        (got,) = port.ssh
        port.sockets[0].setblocking(False)
        while len(got) < len(line):
            got += await answer(port.sockets[0]) or pytest.fail(f"after {got!r} nothing came")
    assert got == line


async def test_tls_is_handed_on_with_its_hello(port: Port) -> None:
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="authority.test").do_handshake()
    hello = outgoing.read()
    with await connect(port) as sock:
        sock.send(hello[:60])
        await turns()
        sock.send(hello[60:])
        assert await answer(sock) == b"tls"
    assert port.tls[0].server_name == "authority.test"
    assert port.doors.count(Stage.INSIDE) == 0


async def test_tls_that_carries_ssh_has_proven_nothing_yet_and_is_held_to_the_limits_of_that(port: Port) -> None:
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols([SSH_IN_TLS])
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="prod-web-01.dw").do_handshake()
    hello = outgoing.read()
    socks = [await connect(port) for _ in range(LIMITS.unproven_per_address_max + 1)]
    for sock in socks:
        sock.send(hello)
        await turns()
    assert [await answer(sock) for sock in socks] == [b"ssh in tls"] * len(socks)
    assert await answer(socks[0]) == b""  # the oldest makes room for the newest
    assert (port.tls, port.ssh_in_tls[0].server_name) == ([], "prod-web-01.dw")
    assert port.doors.count(Stage.UNPROVEN) == LIMITS.unproven_per_address_max
    for sock in socks:
        sock.close()


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\n", b"\0\0\0\x08\x04\xd2\x16\x2f", b"\x16\x03\x01\0\x05hello"])
async def test_anything_else_is_closed_without_a_word(port: Port, start: bytes) -> None:
    with await connect(port) as sock:
        sock.send(start)
        assert await answer(sock) == b""
    assert (port.ssh, port.tls) == ([], [])


@pytest.mark.parametrize("start", [b"", b"S", b"\x16\x03"])
async def test_who_says_too_little_is_closed_at_the_deadline_and_costs_nothing_meanwhile(
    port: Port, start: bytes
) -> None:
    with await connect(port) as sock:
        if start:
            sock.send(start)
        busy = time.process_time()
        at = time.monotonic()
        assert await answer(sock) == b""
        assert 0.4 < time.monotonic() - at < 2.0
        assert time.process_time() - busy < 0.25
    assert port.doors.count(Stage.SILENT) == 0


async def test_one_too_many_is_served_and_the_oldest_without_a_proof_closed(port: Port) -> None:
    socks = [await connect(port) for _ in range(4)]
    for sock in socks:
        sock.send(b"SSH-2.0-x\r\n")
        assert await answer(sock) == b"ssh"
        await turns()
    assert await answer(socks[0]) == b""
    assert port.doors.count(Stage.UNPROVEN) == 3
    for visit in port.visits:
        visit.leave()
    for sock in socks:
        sock.close()


async def test_ten_thousand_half_open_connections_leave_room_for_one_more(port: Port) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    silent = []
    try:
        for number in range(10_000):
            silent.append(await connect(port, f"127.0.{number % 4 + 1}.1"))
        at = time.monotonic()
        for source in (LOOPBACK, "127.0.1.1"):
            with await connect(port, source) as sock:
                sock.send(b"SSH-2.0-x\r\n")
                assert await answer(sock) == b"ssh"
        assert time.monotonic() - at < 1.0
        assert port.doors.count(Stage.SILENT) <= LIMITS.silent_max
    finally:
        for sock in silent:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Holding(Port):
    """Passes TLS on to somebody who keeps it for ever."""

    async def serve_tls(self, sock: socket.socket, address: str, visit: Visit, hello: ClientHello) -> None:
        del address
        self.tls.append(hello)
        sock.send(b"tls")
        if hello.server_name == "used.test":
            visit.used()
        await asyncio.Event().wait()


def client_hello(name: str) -> bytes:
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


async def passed_on(port: Port, source: str, hello: bytes) -> socket.socket:
    sock = await connect(port, source)
    sock.send(hello)
    return sock


async def test_tls_of_sixteen_networks_that_is_held_for_ever_keeps_nobody_out() -> None:
    """256 connections of each once took all 4096 places, and nothing ever took one back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    limits = DoorLimits()
    hello, used = client_hello("authority.test"), client_hello("used.test")
    async with opened(Holding, limits) as port, contextlib.AsyncExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        honest = await passed_on(port, "127.0.99.1", used)
        stack.callback(honest.close)
        assert await answer(honest) == b"tls"
        for number in range(limits.passed_on_max + 400):
            sock = await passed_on(port, f"127.0.{number % 16}.{1 + number // 16 % 4}", hello)
            stack.callback(sock.close)
            if number % 64 == 0:
                await turns()
        async with asyncio.timeout(20):
            while len(port.tls) < limits.passed_on_max + 400:  # noqa: ASYNC110
                await asyncio.sleep(0)
        for source in (LOOPBACK, "127.0.98.1"):
            newcomer = await passed_on(port, source, hello)
            stack.callback(newcomer.close)
            assert await answer(newcomer) == b"tls"
        assert port.doors.count(Stage.PASSED_ON) == limits.passed_on_max
        with pytest.raises(BlockingIOError):
            honest.recv(1)  # is there still
        with await connect(port, "127.0.1.1") as sock:
            sock.send(b"SSH-2.0-x\r\n")
            assert await answer(sock) == b"ssh"


async def test_passed_on_connections_of_use_stay_while_others_of_their_address_only_begin() -> None:
    hello, used = client_hello("authority.test"), client_hello("used.test")
    async with opened(Holding, DoorLimits(passed_on_per_address_max=4)) as port, contextlib.AsyncExitStack() as stack:
        socks = [await passed_on(port, LOOPBACK, one) for one in (hello, used, used)]
        for sock in socks:
            stack.callback(sock.close)
            assert await answer(sock) == b"tls"
        for _ in range(12):
            sock = await passed_on(port, LOOPBACK, hello)
            stack.callback(sock.close)
            assert await answer(sock) == b"tls"
        assert await answer(socks[0]) == b""
        for sock in socks[1:]:
            with pytest.raises(BlockingIOError):
                sock.recv(1)
        assert port.doors.count(Stage.PASSED_ON) == 4

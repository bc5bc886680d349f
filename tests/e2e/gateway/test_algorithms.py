"""What is really offered on the wire is what stands in `algorithms.py`, on both sides, and nothing of asyncssh's."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.support.gateway_lab import Lab, gateway_lab
from tests.support.ports import LOOPBACK

from doorward.gateway.ssh import algorithms
from doorward.wire.ssh.fields import FieldReader


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made


def parse_kexinit(data: bytes) -> tuple[str, list[list[str]]]:
    """The version line, and the ten name lists of RFC 4253 section 7.1."""
    version, _, packets = data.partition(b"\r\n")
    reader = FieldReader(packets)
    reader.uint32()
    reader.byte()
    assert reader.byte() == 20
    for _ in range(16):
        reader.byte()
    return version.decode(), [[name for name in reader.text(8192).split(",") if name] for _ in range(10)]


async def hello_of(sock: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    async with asyncio.timeout(5):
        while b"\r\n" not in data or len(data.partition(b"\r\n")[2]) < 200:
            more = await loop.sock_recv(sock, 8192)
            assert more
            data += more
    return data


def check(lists: list[list[str]], ciphers: tuple[str, ...], host_keys: tuple[str, ...], side: str) -> None:
    kex = [name for name in lists[0] if not name.startswith(("ext-info", "kex-strict"))]
    assert tuple(kex) == algorithms.KEY_EXCHANGES
    assert f"kex-strict-{side}-v00@openssh.com" in lists[0]
    assert tuple(lists[1]) == host_keys
    assert [tuple(lists[index]) for index in (2, 3)] == [ciphers] * 2
    assert [tuple(lists[index]) for index in (4, 5)] == [algorithms.MACS] * 2
    assert [tuple(lists[index]) for index in (6, 7)] == [algorithms.COMPRESSIONS] * 2
    assert not [name for names in lists for name in names if "sha1" in name or name in ("ssh-rsa", "ssh-dss")]


async def test_users_are_offered_exactly_what_the_table_says(lab: Lab) -> None:
    with socket.create_connection((LOOPBACK, lab.port)) as sock:
        sock.setblocking(False)
        sock.send(b"SSH-2.0-Test\r\n")
        version, lists = parse_kexinit(await hello_of(sock))
    assert version == "SSH-2.0-Doorward"
    check(lists, algorithms.CIPHERS, algorithms.FACE_HOST_KEYS, "s")


async def test_nodes_are_offered_exactly_what_the_table_says(lab: Lab) -> None:
    loop = asyncio.get_running_loop()
    with socket.create_server((LOOPBACK, 0)) as listener:
        listener.setblocking(False)
        lab.node.address = f"{LOOPBACK}:{listener.getsockname()[1]}"
        session = asyncio.create_task(lab.ssh("true"))
        sock, _ = await loop.sock_accept(listener)
        with sock:
            await loop.sock_sendall(sock, b"SSH-2.0-Test\r\n")
            _, lists = parse_kexinit(await hello_of(sock))
    assert (await session).exit_code == 255
    known = algorithms.NODE_PINNED_KEYS["ssh-ed25519"]
    check(lists, algorithms.CIPHERS_TO_NODES, algorithms.NODE_CERTIFICATES + known, "c")


async def test_the_post_quantum_exchange_is_used_when_both_can(lab: Lab) -> None:
    result = await lab.ssh("true", options=("LogLevel=DEBUG1", "KexAlgorithms=curve25519-sha256"))
    assert "kex: algorithm: curve25519-sha256" in result.stderr_text
    assert algorithms.KEY_EXCHANGES[0] == "mlkem768x25519-sha256"

"""TLS at a gateway's port: passed on to the authority undecrypted, with the client's address ahead; else closed."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.support.fake_control_plane import SPLICE_KEY, SPLICE_KEY_NAME
from tests.support.gateway_lab import Lab, gateway_lab
from tests.support.ports import LOOPBACK

from doorward.net.doors import DoorLimits
from doorward.wire.proxy_protocol.header import FIXED_BYTES, NeedBytes, is_proven, key_name_in, parse_header


class FakeAuthority:
    """Keeps what it is sent, and answers once."""

    def __init__(self) -> None:
        self.received = bytearray()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received += await reader.read(65_536)
        if len(self.received) <= FIXED_BYTES + 12:
            self.received += await reader.read(65_536)
        writer.write(b"answer")
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest_asyncio.fixture
async def authority() -> AsyncIterator[tuple[FakeAuthority, tuple[str, int]]]:
    fake = FakeAuthority()
    server = await asyncio.start_server(fake.serve, LOOPBACK, 0)
    yield fake, server.sockets[0].getsockname()[:2]
    server.close()
    await server.wait_closed()


def hello(name: str | None) -> bytes:
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = False
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


async def send(lab: Lab, data: bytes) -> tuple[bytes, int]:
    reader, writer = await asyncio.open_connection(LOOPBACK, lab.port)
    port = writer.get_extra_info("sockname")[1]
    writer.write(data)
    answer = b""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
    writer.close()
    return answer, port


async def test_tls_for_the_authority_is_passed_on_byte_by_byte_after_the_clients_address(
    tmp_path: Path, authority: tuple[FakeAuthority, tuple[str, int]]
) -> None:
    fake, address = authority
    async with gateway_lab(tmp_path, authority=address) as lab:
        for name in ("authority.test", None):
            fake.received.clear()
            data = hello(name)
            answer, port = await send(lab, data)
            assert answer == b"answer"
            parsed = parse_header(bytes(fake.received))
            assert not isinstance(parsed, NeedBytes)
            assert parsed[0].source is not None
            assert (parsed[0].source.address, parsed[0].source.port) == (LOOPBACK, port)
            assert is_proven(bytes(fake.received[: parsed[1]]), SPLICE_KEY)
            assert key_name_in(bytes(fake.received[: parsed[1]])) == SPLICE_KEY_NAME
            assert bytes(fake.received[parsed[1] :]) == data


async def test_tls_for_another_name_is_closed(tmp_path: Path, authority: tuple[FakeAuthority, tuple[str, int]]) -> None:
    fake, address = authority
    async with gateway_lab(tmp_path, authority=address) as lab:
        assert (await send(lab, hello("elsewhere.test")))[0] == b""
    assert not fake.received


async def test_who_proves_nothing_makes_room_for_the_stock_client(tmp_path: Path) -> None:
    async with gateway_lab(tmp_path, doors=DoorLimits(unproven_per_address_max=1)) as lab:
        reader, writer = await asyncio.open_connection(LOOPBACK, lab.port)
        writer.write(b"SSH-2.0-Waits\r\n")
        await reader.readline()
        assert (await lab.ssh("true")).exit_code == 0
        async with asyncio.timeout(3):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_who_does_not_sign_in_is_closed_at_the_deadline(tmp_path: Path) -> None:
    async with gateway_lab(tmp_path, doors=DoorLimits(sign_in_seconds=0.5)) as lab:
        reader, writer = await asyncio.open_connection(LOOPBACK, lab.port)
        writer.write(b"SSH-2.0-Waits\r\n")
        async with asyncio.timeout(3):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()


async def test_oversized_and_malformed_packets_end_the_connection(tmp_path: Path) -> None:
    async with gateway_lab(tmp_path) as lab:
        for after in (b"\xff" * 64, b"\x00\x00\x00\x0c\x0a\x14" + b"\0" * 10, b"\0" * 64):
            reader, writer = await asyncio.open_connection(LOOPBACK, lab.port)
            writer.write(b"SSH-2.0-Bad\r\n" + after)
            async with asyncio.timeout(3):
                with contextlib.suppress(ConnectionError):
                    await reader.read()
            writer.close()
        for banner in (b"SSH-1.5-old\r\n", b"SSH-2.0-" + b"x" * 9000, b"SSH-\xff\xfe\r\n"):
            reader, writer = await asyncio.open_connection(LOOPBACK, lab.port)
            writer.write(banner)
            async with asyncio.timeout(3):
                with contextlib.suppress(ConnectionError):
                    await reader.read()
            writer.close()
        assert (await lab.ssh("true")).exit_code == 0
        assert lab.problems == []

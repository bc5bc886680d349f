"""Peers that take nothing, and ask for more: what a gateway then holds in memory is bounded, and measured here."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import pytest_asyncio
from asyncssh.connection import SSHClientConnection
from asyncssh.constants import MSG_CHANNEL_REQUEST, MSG_KEXINIT
from asyncssh.packet import Boolean, String
from tests.support.gateway_lab import NODE, Lab, gateway_lab
from tests.support.ports import LOOPBACK

from doorward.gateway.ssh import node_link
from doorward.gateway.ssh.asyncssh_internals import NodeConnection, UserConnection
from doorward.gateway.ssh.asyncssh_pressure import DEFERRED_BYTES_MAX, TRANSPORT_BUFFER_BYTES
from doorward.gateway.ssh.asyncssh_setup import connect_to_node
from doorward.gateway.ssh.ends import REQUESTS_HELD_MAX
from doorward.wire.ssh.fields import encode_uint32

SIZE = encode_uint32(80) + encode_uint32(24) + encode_uint32(0) * 2


@pytest_asyncio.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with gateway_lab(tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def client(lab: Lab) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A client whose packets a test can make itself."""
    assert lab.client.identity is not None
    assert lab.client.certificate is not None
    connection = await asyncssh.connect(
        LOOPBACK,
        lab.port,
        config=None,
        known_hosts=None,
        agent_path=None,
        username=f"{lab.login}@{NODE}",
        client_keys=[(str(lab.client.identity), str(lab.client.certificate))],
    )
    try:
        yield connection
    finally:
        connection.abort()
        await connection.wait_closed()


class Frozen:
    """A way to the node that can stop: what is sent stays in the gateway's buffers and the kernel's."""

    def __init__(self) -> None:
        self.goes = asyncio.Event()
        self.goes.set()
        self.connections: list[NodeConnection] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = node_link.split_address(address)
        node_reader, node_writer = await asyncio.open_connection(host, port)
        self._writers += [writer, node_writer]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._carry(reader, node_writer))
            tasks.create_task(self._carry(node_reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                await self.goes.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def close(self) -> None:
        self.goes.set()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.1)


@pytest_asyncio.fixture
async def frozen(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Frozen]:
    made, address, dial = Frozen(), lab.node.address, connect_to_node

    async def remember(*arguments: Any, **more: Any) -> NodeConnection:
        made.connections.append(await dial(*arguments, **more))
        return made.connections[-1]

    monkeypatch.setattr(node_link, "connect_to_node", remember)
    server = await asyncio.start_server(lambda *streams: made.serve(address, *streams), LOOPBACK, 0)
    lab.node.address = "{}:{}".format(*server.sockets[0].getsockname()[:2])
    yield made
    await made.close()
    server.close()
    await server.wait_closed()


def unsent_bytes(connection: NodeConnection | UserConnection) -> int:
    transport = connection._transport
    return 0 if transport is None else transport.get_write_buffer_size()


async def test_requests_to_a_node_that_does_not_read_are_bounded_and_end_the_session(lab: Lab, frozen: Frozen) -> None:
    async with client(lab) as connection:
        writers = [(await connection.open_session("sleep 600", encoding=None))[0] for _ in range(4)]
        frozen.goes.clear()
        for writer in writers:
            writer.write(b"x" * 4_000_000)
        (node,) = frozen.connections
        await lab.eventually(lambda: unsent_bytes(node) > TRANSPORT_BUFFER_BYTES)
        most = 0
        for number in range(REQUESTS_HELD_MAX * 4):
            writers[0].channel.send_packet(MSG_CHANNEL_REQUEST, String("signal"), Boolean(False), String("USR1"))
            if number % 64 == 0:
                await asyncio.sleep(0)
                most = max(most, unsent_bytes(node))
        await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) is not None)
    assert lab.control_plane.end_reason(lab.only_session()) == "protocol_error"
    assert most < 3 * TRANSPORT_BUFFER_BYTES


async def test_a_client_that_never_finishes_a_key_exchange_stops_the_flood_towards_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    users: list[UserConnection] = []
    begin = UserConnection.connection_made

    def remember(user: UserConnection, transport: asyncio.BaseTransport) -> None:
        users.append(user)
        begin(user, transport)

    monkeypatch.setattr(UserConnection, "connection_made", remember)
    async with client(lab) as connection:
        _, output, _ = await connection.open_session("cat /dev/zero", encoding=None, window=2**31 - 1)
        await output.readexactly(100_000)
        monkeypatch.setitem(SSHClientConnection._packet_handlers, MSG_KEXINIT, lambda *_: True)
        connection._send_kexinit()
        (user,) = users
        await lab.eventually(lambda: user._deferred_bytes > TRANSPORT_BUFFER_BYTES)
        await asyncio.sleep(1)
        assert user._deferred_bytes < DEFERRED_BYTES_MAX
        assert lab.control_plane.end_reason(lab.only_session()) is None
        for _ in range(2 * DEFERRED_BYTES_MAX // 128):
            connection._kex_complete = True  # so that this client goes on sending
            connection.send_packet(80, String("keepalive@openssh.com"), Boolean(True))
        await lab.eventually(lambda: lab.control_plane.end_reason(lab.only_session()) is not None)
        assert user._deferred_bytes <= DEFERRED_BYTES_MAX + 1024

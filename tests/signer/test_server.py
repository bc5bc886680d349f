"""The signer's socket: who may speak, and what a bad peer can do to itself and to no other."""

import asyncio
import os
import random
import socket
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from tests.support.authorities import ed25519_key
from tests.support.signers import running_signer, signing_service

from doorward.api.signer.client import SignerClient
from doorward.api.signer.frames import FrameReader, encode_frame
from doorward.api.signer.messages import (
    CALL_BYTES_MAX,
    REPLY_BYTES_MAX,
    Failed,
    NumberedRequest,
    PublicKeys,
    Reply,
    Request,
    SignNodeHost,
)
from doorward.base.entropy import SeededEntropy
from doorward.base.ids import NodeId, new_id
from doorward.signer import server
from doorward.signer.rates import Rate
from doorward.signer.server import SignerConnections

NODE = NodeId(new_id(SeededEntropy(1)))
KEY = ed25519_key(60)[1]
NO_LIMIT: Mapping[type[Request], Rate] = {SignNodeHost: Rate(1e9, 10**9), PublicKeys: Rate(1e9, 10**9)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signer"


def call(number: int) -> bytes:
    return encode_frame(msgspec.msgpack.encode(NumberedRequest(number, SignNodeHost(NODE, KEY))))


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the peer was cut, with whatever was sent before."""
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):
            await reader.read(-1)
    return True


async def works(path: Path) -> bool:
    async with SignerClient(path) as client:
        return (await client.sign_node_host(node_id=NODE, public_key=KEY)).serial > 0


async def test_socket_is_reached_by_its_user_alone(path: Path) -> None:
    async with running_signer(path):
        status = await asyncio.to_thread(path.stat)
        assert stat.S_ISSOCK(status.st_mode)
        assert status.st_mode & 0o077 == 0
        assert await works(path)


async def test_socket_is_open_to_its_group_where_another_user_is_allowed_and_to_nobody_else(path: Path) -> None:
    async with running_signer(path, allowed_uids={os.getuid(), os.getuid() + 1}):
        status = await asyncio.to_thread(path.stat)
        assert stat.S_IMODE(status.st_mode) == 0o660
        assert await works(path)


async def test_peer_of_another_user_is_cut_before_it_is_heard(path: Path) -> None:
    async with running_signer(path, allowed_uids={os.getuid() + 1}):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(call(0))
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                assert await reader.read(-1) == b""
        writer.close()


async def test_empty_list_of_users_means_nobody(path: Path) -> None:
    async with running_signer(path, allowed_uids=set()):
        reader, writer = await asyncio.open_unix_connection(path)
        assert await ended(reader)
        writer.close()


async def test_user_is_the_one_that_the_kernel_names() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    seen: list[int] = []

    class Peer(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            seen.append(server.peer_uid(transport))

    transport, _ = await asyncio.get_running_loop().create_connection(Peer, sock=ours)
    assert seen == [os.getuid()]
    transport.close()
    theirs.close()


async def test_peers_of_several_users_are_told_apart(path: Path) -> None:
    uids = iter([1001, 1002, 1001])
    connections = SignerConnections(signing_service(), {1001}, uid_of=lambda _: next(uids))
    listener = await asyncio.get_running_loop().create_unix_server(connections.make_protocol, str(path))
    answered = []
    for _ in range(3):
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            writer.write(call(0))
            answered.append(await reader.read(4) != b"")
        except ConnectionError:
            answered.append(False)
        writer.close()
    assert answered == [True, False, True]
    connections.close()
    listener.close()


async def test_pipelined_calls_are_answered_each_and_in_order(path: Path) -> None:
    async with running_signer(path, rates=NO_LIMIT):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"".join(call(number) for number in range(300)))
        frames = FrameReader(REPLY_BYTES_MAX)
        numbers: list[int] = []
        async with asyncio.timeout(10):
            while len(numbers) < 300:
                for frame in frames.receive(await reader.read(65_536)):
                    reply = msgspec.msgpack.decode(frame, type=Reply)
                    assert not isinstance(reply.answer, Failed)
                    numbers.append(reply.number)
        assert numbers == list(range(300))
        writer.close()


@pytest.mark.parametrize("length", [0, CALL_BYTES_MAX + 1, 2**32 - 1])
async def test_frame_beyond_the_limit_cuts_its_peer_and_no_other(path: Path, length: int) -> None:
    async with running_signer(path), SignerClient(path) as other:
        await other.public_keys()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(length.to_bytes(4, "big"))
        assert await ended(reader)
        writer.close()
        assert (await other.sign_node_host(node_id=NODE, public_key=KEY)).serial


@pytest.mark.parametrize("seed", range(10))
async def test_noise_cuts_its_peer_or_is_answered_by_refusals_and_harms_no_other(path: Path, seed: int) -> None:
    noise = random.Random(seed)
    async with running_signer(path), SignerClient(path) as other:
        reader, writer = await asyncio.open_unix_connection(path)
        payload = noise.randbytes(noise.randrange(1, 400))
        writer.write(encode_frame(payload) if seed % 2 else payload)
        writer.write_eof()
        async with asyncio.timeout(5):
            try:
                answer = await reader.read(-1)
            except ConnectionResetError:
                answer = b""
        for frame in FrameReader(REPLY_BYTES_MAX).receive(answer):
            assert isinstance(msgspec.msgpack.decode(frame, type=Reply).answer, Failed)
        writer.close()
        assert (await other.sign_node_host(node_id=NODE, public_key=KEY)).serial


async def test_peer_that_stalls_inside_a_frame_is_cut(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FRAME_SECONDS_MAX", 0.02)
    async with running_signer(path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(call(0)[:-1])
        assert await ended(reader)
        writer.close()


async def test_peer_that_says_nothing_may_stay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FRAME_SECONDS_MAX", 0.0)
    async with running_signer(path), SignerClient(path) as client:
        for _ in range(3):
            assert (await client.sign_node_host(node_id=NODE, public_key=KEY)).serial


async def test_peer_that_does_not_read_is_held_and_others_go_on(path: Path) -> None:
    async with running_signer(path, rates=NO_LIMIT):
        reader, writer = await asyncio.open_unix_connection(path)
        ask = encode_frame(msgspec.msgpack.encode(NumberedRequest(0, PublicKeys())))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        sent = 0
        while sent < 20_000 and writer.transport.get_write_buffer_size() < 65_536:
            writer.write(ask * 50)
            sent += 50
            await asyncio.sleep(0)
        assert writer.transport.get_write_buffer_size() > 0, "the signer went on reading without end"
        assert await works(path)
        writer.transport.abort()
        assert not reader.at_eof()


class ListeningTransport(asyncio.Transport):
    """Remembers what was written and whether anything is read."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0
        self.is_reading_now = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(FrameReader(REPLY_BYTES_MAX).receive(bytes(data)))

    def pause_reading(self) -> None:
        self.is_reading_now = False

    def resume_reading(self) -> None:
        self.is_reading_now = True


async def test_many_calls_are_answered_in_turns_and_nothing_more_is_read_meanwhile() -> None:
    connections = SignerConnections(signing_service(rates=NO_LIMIT), {7}, uid_of=lambda _: 7)
    transport = ListeningTransport()
    peer = connections.make_protocol()
    peer.connection_made(transport)
    peer.data_received(b"".join(call(number) for number in range(server.TURN_CALLS_MAX + 1)))
    assert transport.written == server.TURN_CALLS_MAX
    assert not transport.is_reading_now
    await asyncio.sleep(0)
    assert transport.written == server.TURN_CALLS_MAX + 1
    assert transport.is_reading_now


async def test_connections_are_bounded_and_a_place_becomes_free(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS_MAX", 2)
    async with running_signer(path):
        clients = [SignerClient(path) for _ in range(2)]
        for client in clients:
            await client.public_keys()
        reader, writer = await asyncio.open_unix_connection(path)
        assert await ended(reader)
        writer.close()
        clients[0].close()
        assert await works(path)
        clients[1].close()

"""Bytes passed on between two sockets: whole, with back-pressure, and not for ever."""

import asyncio
import gc
import os
import socket
import time
import tracemalloc

from doorward.net.splice import splice

BULK = 4 * 1024 * 1024


def pair() -> tuple[socket.socket, socket.socket]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    return left, right


async def read_all(sock: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while more := await loop.sock_recv(sock, 65_536):
        data += more
    return data


async def test_both_directions_arrive_whole_and_ends_pass_on() -> None:
    loop = asyncio.get_running_loop()
    (client, inner), (outer, server) = pair(), pair()
    there, back = os.urandom(BULK), os.urandom(BULK)

    async def send(sock: socket.socket, data: bytes) -> None:
        await loop.sock_sendall(sock, data)
        sock.shutdown(socket.SHUT_WR)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(splice(inner, outer, idle_seconds=10))
        tasks.create_task(send(client, there))
        tasks.create_task(send(server, back))
        got_there = tasks.create_task(read_all(server))
        got_back = tasks.create_task(read_all(client))
    assert (got_there.result() == there, got_back.result() == back) == (True, True)
    client.close()
    server.close()


async def test_a_peer_that_does_not_read_stops_the_other() -> None:
    (client, inner), (outer, server) = pair(), pair()
    task = asyncio.create_task(splice(inner, outer, idle_seconds=10))
    sent = 0
    for _ in range(2000):
        try:
            sent += client.send(bytes(65_536))
        except BlockingIOError:
            await asyncio.sleep(0)
    assert sent < BULK
    client.close()
    server.close()
    async with asyncio.timeout(5):
        await task


async def test_silence_ends_it() -> None:
    (client, inner), (outer, server) = pair(), pair()
    at = time.monotonic()
    await splice(inner, outer, idle_seconds=0.3)
    assert 0.2 < time.monotonic() - at < 2
    assert client.recv(1) == b""
    client.close()
    server.close()


async def test_a_peer_that_breaks_off_ends_it() -> None:
    (client, inner), (outer, server) = pair(), pair()
    server.close()
    client.send(b"x")
    client.close()
    async with asyncio.timeout(5):
        await splice(inner, outer, idle_seconds=10)


async def used_after(*turns: str) -> int:
    """How often it is said that there is a use, after these turns of client (c) and server (s)."""
    loop = asyncio.get_running_loop()
    (client, inner), (outer, server) = pair(), pair()
    said: list[None] = []
    task = asyncio.create_task(splice(inner, outer, idle_seconds=10, used=lambda: said.append(None)))
    for turn in turns:
        source, target = (client, server) if turn == "c" else (server, client)
        await loop.sock_sendall(source, b"some bytes")
        assert await loop.sock_recv(target, 100) == b"some bytes"
    client.close()
    server.close()
    async with asyncio.timeout(5):
        await task
    return len(said)


async def test_a_handshake_alone_is_of_no_use_and_the_answer_behind_it_is() -> None:
    assert await used_after("c", "s", "s", "c", "c") == 0
    assert await used_after("c", "s", "c", "s") == 1
    assert await used_after("c", "s", "s", "c", "c", "s", "s", "c", "s") == 1
    assert await used_after("s", "s", "s") == 0


async def test_connections_on_which_nothing_passes_hold_no_buffers() -> None:
    """Thousands of hellos that wait for nothing would else be hundreds of megabytes."""
    pairs = [(pair(), pair()) for _ in range(100)]
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tasks = [asyncio.create_task(splice(one[1], other[0], idle_seconds=10)) for one, other in pairs]
    for _ in range(20):
        await asyncio.sleep(0)
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    for one, other in pairs:
        one[0].close()
        other[1].close()
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks)
    assert held < 100 * 32 * 1024

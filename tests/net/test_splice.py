"""Bytes passed on between two sockets: whole, with back-pressure, and not for ever."""

import asyncio
import os
import socket
import time

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

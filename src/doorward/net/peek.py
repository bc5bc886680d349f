"""Looks at the first bytes of a connection without taking them, so that its owner still finds them.

SO_RCVLOWAT makes the kernel wait until enough has arrived: without it a client that sends one byte and waits wakes us
hundreds of thousands of times a second (measured).
"""

import asyncio
import socket


async def peek(sock: socket.socket, count: int) -> bytes:
    """At least `count` bytes, without taking them; fewer when the peer sends no more. The caller sets the deadline."""
    loop = asyncio.get_running_loop()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock, _resolve, readable)
    try:
        await readable
        return sock.recv(max(count, 4096), socket.MSG_PEEK)
    finally:
        loop.remove_reader(sock)
        if sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


async def take(sock: socket.socket, count: int) -> bytes:
    """Exactly `count` bytes, taken; fewer when the peer sends no more."""
    loop = asyncio.get_running_loop()
    taken = b""
    while len(taken) < count:
        data = await loop.sock_recv(sock, count - len(taken))
        if not data:
            break
        taken += data
    return taken


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

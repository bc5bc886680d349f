"""Passes bytes between two sockets, undecrypted, with straight back-pressure: one buffer in each direction."""

import asyncio
import contextlib
import socket
from typing import Final

BUFFER_BYTES: Final = 64 * 1024
LINGER_SECONDS: Final = 30.0
"""How long one direction may go on after the other has ended."""


async def splice(left: socket.socket, right: socket.socket, *, idle_seconds: float) -> None:
    """Carry both directions until both have ended, or nothing has passed for `idle_seconds`. Closes both sockets."""
    loop = asyncio.get_running_loop()
    last = [loop.time()]
    try:
        async with asyncio.TaskGroup() as tasks:
            pumps = [
                tasks.create_task(_carry(left, right, last), name="splice towards the authority"),
                tasks.create_task(_carry(right, left, last), name="splice towards the client"),
            ]
            watcher = tasks.create_task(_watch(pumps, last, idle_seconds), name="splice idle watch")
            await asyncio.wait(pumps)
            watcher.cancel()
    except* OSError:
        pass  # either peer may break off at any time
    finally:
        left.close()
        right.close()


async def _carry(source: socket.socket, target: socket.socket, last: list[float]) -> None:
    loop = asyncio.get_running_loop()
    buffer = bytearray(BUFFER_BYTES)
    view = memoryview(buffer)
    while count := await loop.sock_recv_into(source, buffer):
        last[0] = loop.time()
        await loop.sock_sendall(target, view[:count])
        last[0] = loop.time()
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


async def _watch(pumps: list[asyncio.Task[None]], last: list[float], idle_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        limit = min(idle_seconds, LINGER_SECONDS) if any(pump.done() for pump in pumps) else idle_seconds
        left = last[0] + limit - loop.time()
        if left <= 0:
            for pump in pumps:
                pump.cancel()
            return
        await asyncio.sleep(min(left, LINGER_SECONDS))

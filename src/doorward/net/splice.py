"""Passes bytes between two sockets, undecrypted, with straight back-pressure, and no buffer while nothing passes.

What is encrypted tells whether it is of any use by its turns alone: the second answer is the first that no handshake
asks for. (After a hello that has to be repeated it is the handshake's. Who makes use of that gains an order, no place.)
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

CHUNK_BYTES: Final = 64 * 1024
LINGER_SECONDS: Final = 30.0
"""How long one direction may go on after the other has ended."""
ANSWERS_OF_USE: Final = 2


@dataclass(slots=True)
class _Traffic:
    """When something passed last, and how often who is called has answered."""

    last: float
    used: Callable[[], None]
    answers: int = 0
    is_asked: bool = False

    def passed(self, at: float, *, is_answer: bool) -> None:
        self.last = at
        if is_answer and self.is_asked:
            self.answers += 1
            if self.answers == ANSWERS_OF_USE:
                self.used()
        self.is_asked = not is_answer


async def splice(
    left: socket.socket, right: socket.socket, *, idle_seconds: float, used: Callable[[], None] = lambda: None
) -> None:
    """Carry both directions until both have ended, or nothing has passed for `idle_seconds`. Closes both sockets.

    `left` calls and `right` answers; `used` is told once, of the first answer behind the handshake's.
    """
    traffic = _Traffic(asyncio.get_running_loop().time(), used)
    try:
        async with asyncio.TaskGroup() as tasks:
            pumps = [
                tasks.create_task(_carry(left, right, traffic, is_answer=False), name="splice towards the authority"),
                tasks.create_task(_carry(right, left, traffic, is_answer=True), name="splice towards the client"),
            ]
            watcher = tasks.create_task(_watch(pumps, traffic, idle_seconds), name="splice idle watch")
            await asyncio.wait(pumps)
            watcher.cancel()
    except* OSError:
        pass  # either peer may break off at any time
    finally:
        left.close()
        right.close()


async def _carry(source: socket.socket, target: socket.socket, traffic: _Traffic, *, is_answer: bool) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, CHUNK_BYTES):
        traffic.passed(loop.time(), is_answer=is_answer)
        await loop.sock_sendall(target, data)
        traffic.last = loop.time()
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


async def _watch(pumps: list[asyncio.Task[None]], traffic: _Traffic, idle_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        limit = min(idle_seconds, LINGER_SECONDS) if any(pump.done() for pump in pumps) else idle_seconds
        left = traffic.last + limit - loop.time()
        if left <= 0:
            for pump in pumps:
                pump.cancel()
            return
        await asyncio.sleep(min(left, LINGER_SECONDS))

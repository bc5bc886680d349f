"""Accepts connections, many at a time, and goes on when descriptors run out."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Final

from doorward.base.errors import Conflict

BACKLOG: Final = 1024
ACCEPTS_AT_ONCE: Final = 64
"""Between two looks at everything else that the event loop has to do."""
PAUSE_SECONDS: Final = 0.1
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class AddressTaken(Conflict):
    """Another process listens there."""

    code = "address_taken"


Accepted = Callable[[socket.socket, str, int], None]


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; `AddressTaken`, or another OSError when the address is not ours."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressTaken(f"listening on {host}, port {port}: another process does") from error
        raise
    return sock


async def accept(listener: socket.socket, accepted: Accepted) -> None:
    """Hand every connection to `accepted(sock, address, port)` until cancelled. The listener stays the caller's."""
    loop = asyncio.get_running_loop()
    while True:
        ready: asyncio.Future[None] = loop.create_future()
        loop.add_reader(listener, _resolve, ready)
        try:
            await ready
        finally:
            loop.remove_reader(listener)
        if not _accept_some(listener, accepted):
            await asyncio.sleep(PAUSE_SECONDS)


def _accept_some(listener: socket.socket, accepted: Accepted) -> bool:
    """False when descriptors or memory ran out, and waiting is all that helps."""
    for _ in range(ACCEPTS_AT_ONCE):
        try:
            sock, address = listener.accept()
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno in _EXHAUSTED:
                return False
            continue  # the peer left again before we came to it
        sock.setblocking(False)
        accepted(sock, str(address[0]), int(address[1]))
    return True


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

"""One port for everything whose client speaks first: the first bytes tell SSH and TLS apart.

A connection is looked at under a deadline and within the limits of `doors`, then handed on with its first bytes still
in the socket. What is neither SSH nor TLS is closed without a word.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from doorward.net.accept import accept
from doorward.net.doors import Doors, Visit
from doorward.net.peek import peek
from doorward.net.supervise import Tasks
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.tls.client_hello import HANDSHAKE_RECORD, ClientHello, NeedBytes, parse_client_hello

SSH_START: Final = b"SSH-"
SSH_IN_TLS: Final = "doorward-ssh"
"""What a client offers by ALPN whose TLS carries SSH."""

SshHandler = Callable[[socket.socket, str, Visit], None]
TlsHandler = Callable[[socket.socket, str, Visit, ClientHello], Coroutine[Any, Any, None]]
Refuser = Callable[[socket.socket], Coroutine[Any, Any, None]]


class OnePort:
    """What becomes of accepted sockets.

    `serve_ssh` and `serve_ssh_in_tls` take the socket over; `serve_tls` is awaited; `refuse_ssh` says that there is no
    room. Each closes the socket and lets the visit leave when it is done.
    """

    def __init__(
        self,
        doors: Doors,
        tasks: Tasks,
        *,
        serve_ssh: SshHandler,
        serve_tls: TlsHandler,
        serve_ssh_in_tls: TlsHandler,
        refuse_ssh: Refuser,
    ) -> None:
        self._doors = doors
        self._tasks = tasks
        self._serve_ssh = serve_ssh
        self._serve_tls = serve_tls
        self._serve_ssh_in_tls = serve_ssh_in_tls
        self._refuse_ssh = refuse_ssh

    async def serve(self, listener: socket.socket) -> None:
        """Accept until cancelled."""
        await accept(listener, self.accepted)

    def accepted(self, sock: socket.socket, address: str, _port: int) -> None:
        """Take one accepted socket over."""
        task: asyncio.Task[None] | None = None

        def close() -> None:
            if task is not None and not task.done():
                task.cancel()
                return
            with contextlib.suppress(OSError):  # until whoever has the socket now has said how to close it
                sock.shutdown(socket.SHUT_RDWR)

        visit = self._doors.arrive(address, close)
        task = self._tasks.spawn(self._greet(sock, address, visit), "greet a connection")

    async def _greet(self, sock: socket.socket, address: str, visit: Visit) -> None:
        try:
            async with asyncio.timeout(self._doors.limits.first_bytes_seconds):
                hello = await recognise(sock)
        except (OSError, TimeoutError, RemoteProtocolError):
            hello = None
        except asyncio.CancelledError:
            visit.leave()
            sock.close()
            raise
        if hello is None:
            visit.leave()
            sock.close()
        elif isinstance(hello, ClientHello) and SSH_IN_TLS in hello.protocols:
            if visit.spoke():
                await self._serve_ssh_in_tls(sock, address, visit, hello)
            else:
                visit.leave()
                sock.close()
        elif isinstance(hello, ClientHello):
            await self._greet_tls(sock, address, visit, hello)
        elif visit.spoke():
            self._serve_ssh(sock, address, visit)
        else:
            visit.leave()
            await self._refuse_ssh(sock)

    async def _greet_tls(self, sock: socket.socket, address: str, visit: Visit, hello: ClientHello) -> None:
        try:
            if visit.passed_on():
                with contextlib.suppress(OSError):
                    await self._serve_tls(sock, address, visit, hello)
        finally:
            visit.leave()
            sock.close()


async def recognise(sock: socket.socket) -> ClientHello | bytes | None:
    """A ClientHello, `SSH_START`, or None for anything else. The caller sets the deadline."""
    start = await peek(sock, len(SSH_START))
    if start.startswith(SSH_START):
        return SSH_START
    if not start or start[0] != HANDSHAKE_RECORD:
        return None
    return await peek_hello(sock)


async def peek_hello(sock: socket.socket) -> ClientHello:
    """The ClientHello at the start of a connection; `RemoteProtocolError` when there is none, or only a part."""
    wanted = 1
    while True:
        data = await peek(sock, wanted)
        if len(data) < wanted:
            raise RemoteProtocolError("reading a ClientHello: the connection ended inside")
        parsed = parse_client_hello(data)
        if isinstance(parsed, ClientHello):
            return parsed
        wanted = parsed.count if isinstance(parsed, NeedBytes) else wanted

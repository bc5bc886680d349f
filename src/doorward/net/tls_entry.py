"""A TLS listener that reads the PROXY header and the ClientHello before it chooses a TLS context.

The context must be chosen before the handshake: swapping it in the server-name callback does not turn on client
verification (tried). Gateways pass connections on with a PROXY header; it is believed when it proves that its sender
holds the key that gateways are given, wherever it comes from, and it may be missing: then everybody speaks for
themselves.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from doorward.net import quickack
from doorward.net.accept import accept
from doorward.net.doors import Doors, Visit
from doorward.net.one_port import peek_hello
from doorward.net.peek import peek, take
from doorward.net.supervise import Tasks
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.proxy_protocol.header import SIGNATURE, NeedBytes, is_proven, parse_header
from doorward.wire.tls.client_hello import ClientHello

HANDSHAKE_SECONDS: Final = 15.0


@dataclass(frozen=True, slots=True)
class Peer:
    """`address` and `port` are the client's; `via` is the address that passed it on, None when it came by itself."""

    address: str
    port: int
    via: str | None = None


ChooseContext = Callable[[ClientHello, Peer], ssl.SSLContext | None]
ProtocolFactory = Callable[[Peer], asyncio.Protocol]


class TlsEntry:
    """Serves accepted sockets. `choose_context` may answer None: then the connection is closed."""

    def __init__(
        self,
        doors: Doors,
        tasks: Tasks,
        *,
        choose_context: ChooseContext,
        protocol_factory: ProtocolFactory,
        splice_key: bytes,
    ) -> None:
        self._doors = doors
        self._tasks = tasks
        self._choose_context = choose_context
        self._protocol_factory = protocol_factory
        self._splice_key = splice_key

    async def serve(self, listener: socket.socket) -> None:
        """Accept until cancelled."""
        await accept(listener, self.accepted)

    def accepted(self, sock: socket.socket, address: str, port: int) -> None:
        """Take one accepted socket over."""
        task: asyncio.Task[None] | None = None

        def close() -> None:
            if task is not None:
                task.cancel()

        visit = self._doors.arrive(address, close)
        task = self._tasks.spawn(self._greet(sock, Peer(address, port), visit), "greet a TLS connection")

    async def _greet(self, sock: socket.socket, peer: Peer, visit: Visit) -> None:
        handed_over = False
        try:
            async with asyncio.timeout(self._doors.limits.first_bytes_seconds):
                peer = await self._read_proxy_header(sock, peer)
                if peer.via is not None:
                    # Count the client itself: all that one gateway passes on would else be one address.
                    visit.leave()
                    visit = self._doors.arrive(peer.address, visit.close)
                hello = await peek_hello(sock)
            context = self._choose_context(hello, peer)
            if context is not None and visit.proved():
                handed_over = True
                await self._hand_over(sock, peer, visit, context)
        except (OSError, TimeoutError, RemoteProtocolError):
            pass  # broke off, waited, or talks something else: nothing is written of who has not proven anything
        finally:
            if not handed_over:
                visit.leave()
                sock.close()

    async def _read_proxy_header(self, sock: socket.socket, peer: Peer) -> Peer:
        if (await peek(sock, 1))[:1] != SIGNATURE[:1]:
            return peer
        header = b""
        parsed = parse_header(header)
        while isinstance(parsed, NeedBytes):
            more = await take(sock, parsed.count - len(header))
            if len(header) + len(more) < parsed.count:
                raise RemoteProtocolError("reading a PROXY header: the connection ended inside")
            header += more
            parsed = parse_header(header)
        if not is_proven(header, self._splice_key):
            raise RemoteProtocolError("reading a PROXY header: its sender is no gateway of ours")
        source = parsed[0].source
        return peer if source is None else Peer(source.address, source.port, via=peer.address)

    async def _hand_over(self, sock: socket.socket, peer: Peer, visit: Visit, context: ssl.SSLContext) -> None:
        quickack.no_delay(sock)
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: _leaving(self._protocol_factory(peer), visit),
                sock,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
        except BaseException:
            visit.leave()
            with contextlib.suppress(OSError):
                sock.close()
            raise


def _leaving(protocol: asyncio.Protocol, visit: Visit) -> asyncio.Protocol:
    """The protocol, which also lets its visit leave when the connection is lost."""
    lost = protocol.connection_lost

    def connection_lost(error: Exception | None) -> None:
        visit.leave()
        lost(error)

    setattr(protocol, "connection_lost", connection_lost)  # noqa: B010  (a method of this one object)
    return protocol


async def serve_tls(
    listeners: Sequence[socket.socket],
    choose_context: ChooseContext,
    protocol_factory: ProtocolFactory,
    *,
    splice_key: bytes,
    doors: Doors,
    tasks: Tasks,
) -> None:
    """Serve on all `listeners` until cancelled; they stay the caller's to close. An empty key believes no header."""
    entry = TlsEntry(
        doors,
        tasks,
        choose_context=choose_context,
        protocol_factory=protocol_factory,
        splice_key=splice_key,
    )
    async with asyncio.TaskGroup() as group:
        for listener in listeners:
            group.create_task(entry.serve(listener), name="accept TLS")

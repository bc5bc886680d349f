"""A TLS listener that reads the PROXY header and the ClientHello before it chooses a TLS context.

The context must be chosen before the handshake: swapping it in the server-name callback does not turn on client
verification (tried). Gateways pass connections on with a PROXY header; `believes` says whether its proof is one of
ours, and it may be missing: then everybody speaks for themselves.

A hello proves nothing, nor does a handshake without a certificate: until a verified certificate has been shown a
connection stands unproven at the doors, and makes room.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from doorward.net import quickack
from doorward.net.accept import accept
from doorward.net.doors import Doors, Stage, Visit
from doorward.net.one_port import peek_hello
from doorward.net.peek import peek, take
from doorward.net.supervise import Tasks
from doorward.wire.errors import RemoteProtocolError
from doorward.wire.proxy_protocol.header import SIGNATURE, NeedBytes, parse_header
from doorward.wire.tls.client_hello import ClientHello

HANDSHAKE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Peer:
    """`address` and `port` are the client's; `via` is the address that passed it on, None when it came by itself."""

    address: str
    port: int
    via: str | None = None


Shown = Mapping[str, Any]
"""A verified certificate, as `ssl.SSLSocket.getpeercert` shows it."""


def names_in(shown: Shown) -> str:
    """Whom a certificate names."""
    return repr((shown.get("subject"), shown.get("subjectAltName")))


@dataclass(frozen=True, slots=True)
class Entrance:
    """By which context to shake hands, which place is for who then shows a certificate, and who that is."""

    context: ssl.SSLContext
    place: Stage = Stage.INSIDE
    holder_of: Callable[[Shown], str] = names_in


ChooseEntrance = Callable[[ClientHello, Peer], Entrance | None]
Believes = Callable[[bytes], Awaitable[bool]]
"""Whether a whole PROXY header comes from somebody who may claim sources."""
ProtocolFactory = Callable[[Peer], asyncio.Protocol]


class TlsEntry:
    """Serves accepted sockets. `choose` may answer None: then the connection is closed."""

    def __init__(
        self,
        doors: Doors,
        tasks: Tasks,
        *,
        choose: ChooseEntrance,
        protocol_factory: ProtocolFactory,
        believes: Believes,
    ) -> None:
        self._doors = doors
        self._tasks = tasks
        self._choose = choose
        self._protocol_factory = protocol_factory
        self._believes = believes

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
            entrance = self._choose(hello, peer)
            if entrance is not None and visit.greeted():
                handed_over = True
                await self._hand_over(sock, peer, visit, entrance)
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
        if not await self._believes(header):
            raise RemoteProtocolError("reading a PROXY header: its sender is no gateway of ours")
        source = parsed[0].source
        return peer if source is None else Peer(source.address, source.port, via=peer.address)

    async def _hand_over(self, sock: socket.socket, peer: Peer, visit: Visit, entrance: Entrance) -> None:
        quickack.no_delay(sock)
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: _AtTheEntrance(visit, entrance, lambda: self._protocol_factory(peer)),
                sock,
                ssl=entrance.context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
        except BaseException:
            visit.leave()
            with contextlib.suppress(OSError):
                sock.close()
            raise


class _AtTheEntrance(asyncio.Protocol):
    """Stands at the transport until the handshake is over, and lets in whoever may come in then."""

    def __init__(self, visit: Visit, entrance: Entrance, make: Callable[[], asyncio.Protocol]) -> None:
        self._visit = visit
        self._entrance = entrance
        self._make = make

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is over; a certificate that was shown has been verified in it."""
        connection = cast("asyncio.Transport", transport)
        if not self._may_enter(connection.get_extra_info("peercert")):
            connection.abort()
            return
        protocol = _leaving(self._make(), self._visit)
        connection.set_protocol(protocol)
        protocol.connection_made(connection)
        self._visit.taken_over(connection.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """It was not let in."""
        self._visit.leave()

    def _may_enter(self, shown: Shown | None) -> bool:
        if shown:
            return self._visit.proved(self._entrance.holder_of(shown), self._entrance.place)
        self._visit.used()
        return self._visit.stage is not Stage.GONE


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
    choose: ChooseEntrance,
    protocol_factory: ProtocolFactory,
    *,
    believes: Believes,
    doors: Doors,
    tasks: Tasks,
) -> None:
    """Serve on all `listeners` until cancelled; they stay the caller's to close."""
    entry = TlsEntry(
        doors,
        tasks,
        choose=choose,
        protocol_factory=protocol_factory,
        believes=believes,
    )
    async with asyncio.TaskGroup() as group:
        for listener in listeners:
            group.create_task(entry.serve(listener), name="accept TLS")

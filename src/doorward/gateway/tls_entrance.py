"""SSH inside TLS, for `dw proxy ssh`: who comes is known before a node's face is minted (ADR 0024).

Both sides show the X.509 certificate that they have anyway. The user's must come from the users' intermediate, and only
that user can sign in by SSH inside; it opens nothing by itself. The node's name stands in SNI.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, cast

from doorward.base.errors import Refused
from doorward.base.ids import InstallationId
from doorward.domain.certificates.face_names import node_in_face
from doorward.domain.certificates.x509_check import check_x509, to_pem
from doorward.domain.certificates.x509_names import X509Kind
from doorward.gateway.parts import GatewayParts
from doorward.net import quickack
from doorward.net.one_port import SSH_IN_TLS
from doorward.wire.tls.client_hello import ClientHello

HANDSHAKE_SECONDS: Final = 10.0
CONTEXT_SECONDS: Final = 60.0
"""How long a context serves before it is made anew, with what the identity and the trust have become."""
EARLY_BYTES_MAX: Final = 16_384
"""What a client may send before it has heard from us: its version and its first key exchange message."""


class NotAdmitted(Refused):
    """This TLS connection does not lead to SSH."""

    code = "not_admitted"


class TlsDoor(asyncio.Protocol):
    """Stands at the transport from the TLS handshake until the SSH connection takes it over."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TLS handshake has succeeded."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Kept for the SSH connection."""
        self._early += data
        if len(self._early) > EARLY_BYTES_MAX:
            self.refuse()

    def eof_received(self) -> bool:
        """Half a connection is none."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left early."""
        self._transport = None

    def peer_certificate(self) -> bytes:
        """The DER certificate that the client has shown; `NotAdmitted` when it has gone."""
        if self._transport is None:
            raise NotAdmitted("reading a client's certificate: the client has gone")
        shown = self._transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return bytes(shown or b"")

    def refuse(self) -> None:
        """Close."""
        if self._transport is not None:
            self._transport.abort()

    def hand_over(self, make: Callable[[], asyncio.Protocol]) -> None:
        """From now on what `make` makes has the transport; `NotAdmitted`, and nothing is made, when the client left."""
        transport, early = self._transport, bytes(self._early)
        if transport is None:
            raise NotAdmitted("handing a connection over: the client has gone")
        self._transport = None
        protocol = make()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if early:
            protocol.data_received(early)


@dataclass(frozen=True, slots=True)
class Arrival:
    """Whose connection it is, to which node's name, and how to take it over."""

    face: str
    user_id: str
    hand_over: Callable[[Callable[[], asyncio.Protocol]], None]


class TlsEntrance:
    """Takes TLS handshakes. `show_identity` None: there is nothing to show, and nobody is let in."""

    def __init__(self, parts: GatewayParts, show_identity: Callable[[ssl.SSLContext], None] | None) -> None:
        self._parts = parts
        self._show_identity = show_identity
        self._context: ssl.SSLContext | None = None
        self._context_until = float("-inf")

    @contextlib.asynccontextmanager
    async def arrival(self, sock: socket.socket, hello: ClientHello) -> AsyncIterator[Arrival]:
        """Handshake and look at who it is; OSError or `Refused` when it leads nowhere.

        The connection is closed at the end unless it was handed over.
        """
        face, context = hello.server_name or "", self._tls_context()
        if context is None or node_in_face(face, self._parts.trust.node_suffix) is None:
            sock.close()
            raise NotAdmitted("serving TLS: there is nothing under that name")
        quickack.no_delay(sock)
        door = TlsDoor()
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: door, sock, ssl=context, ssl_handshake_timeout=HANDSHAKE_SECONDS
        )
        try:
            yield Arrival(face, self._user_of(door), door.hand_over)
        finally:
            door.refuse()

    def _user_of(self, door: TlsDoor) -> str:
        trust = self._parts.trust
        identity = check_x509(
            door.peer_certificate(),
            kind=X509Kind.USER,
            intermediates=trust.user_x509_authorities,
            installation_id=InstallationId(trust.installation_id),
            now=self._parts.clock.now(),
        )
        return identity.id

    def _tls_context(self) -> ssl.SSLContext | None:
        now = self._parts.clock.elapsed_seconds()
        authorities = self._parts.trust.user_x509_authorities
        if self._show_identity is None or not authorities:
            return None
        if self._context is None or now >= self._context_until:
            self._context = _server_context(authorities)
            self._show_identity(self._context)
            self._context_until = now + CONTEXT_SECONDS
        return self._context


def _server_context(user_authorities: list[bytes]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols([SSH_IN_TLS])
    context.verify_mode = ssl.CERT_REQUIRED
    # The users' intermediate is the only anchor: a certificate of another kind does not finish the handshake.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata="".join(to_pem(one) for one in user_authorities))
    return context

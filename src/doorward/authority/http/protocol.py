"""uvicorn's HTTP protocol, told who is at the other end.

No ASGI server hands out the peer's certificate, so this subclass reads it from the TLS layer when the connection is
made and puts a `Peer` into each request's state. The address comes from the listener, which has read the PROXY header
of a gateway that passes connections on.
"""

import asyncio
import ssl
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from doorward.authority.callers import Peer

PEER_KEY = "doorward_peer"


class PeerProtocol(HttpToolsProtocol):
    """One connection; `source` is the client's address as text."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], source: str) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state)
        self._source = source

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        self.app_state = {**self.app_state, PEER_KEY: Peer(self._source, certificate)}
        super().connection_made(transport)

"""uvicorn's HTTP protocol, told who is at the other end, and bounded in what it takes from strangers.

No ASGI server hands out the peer's certificate, so this subclass reads it from the TLS layer when the connection is
made and puts a `Peer` into each request's state. The address comes from the listener, which has read the PROXY header
of a gateway that passes connections on.

Who shows no certificate is somebody who signs in, or nobody: their connections rest only shortly between requests and
take no more of them after `STRANGER_SECONDS`.

httptools has no limit for a request's line, headers or trailers and appends what it reads to what it has, so bytes that
belong to no body are counted here, before anybody is known. uvicorn's own deadline is for idle connections between
requests alone, so what a connection waits for before and inside a request has its deadline here.
"""

import asyncio
import ssl
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from doorward.authority.callers import Peer

PEER_KEY = "doorward_peer"
OVERHEAD_BYTES_MAX: Final = 64 * 1024
"""Of a request's line, headers, trailers and chunk lengths; each byte of a body makes up for one of its framing."""

HEAD_SECONDS: Final = 10.0
"""From the handshake, or from a request's first byte, to the end of its headers."""
BODY_SECONDS: Final = 30.0
"""From there to the end of its body; `KNOWN_BODY_SECONDS` for who has shown a certificate: gateways send recordings."""
KNOWN_BODY_SECONDS: Final = 120.0
STRANGER_IDLE_SECONDS: Final = 10
"""Between two requests; our client lets go of a connection after five."""
STRANGER_SECONDS: Final = 120.0
"""From the handshake to the last answer."""


class PeerProtocol(HttpToolsProtocol):
    """One connection; `source` is the client's address as text."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any], source: str) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state)
        self._source = source
        self._overhead_bytes = 0
        self._body_seconds = BODY_SECONDS
        self._deadline: asyncio.TimerHandle | None = None
        self._farewell: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        self.app_state = {**self.app_state, PEER_KEY: Peer(self._source, certificate)}
        self._body_seconds = BODY_SECONDS if certificate is None else KNOWN_BODY_SECONDS
        super().connection_made(transport)
        self._wait(HEAD_SECONDS)
        if certificate is None:
            self.timeout_keep_alive = STRANGER_IDLE_SECONDS
            self._farewell = self.loop.call_later(STRANGER_SECONDS, self.shutdown)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        if self._farewell is not None:
            self._farewell.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._overhead_bytes += len(data)
        if self._deadline is None:
            self._wait(HEAD_SECONDS)
        super().data_received(data)
        if self._overhead_bytes > OVERHEAD_BYTES_MAX:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        self._wait(self._body_seconds)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._overhead_bytes = max(0, self._overhead_bytes - 2 * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._overhead_bytes = 0
        self._wait(None)
        super().on_message_complete()

    def _wait(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)

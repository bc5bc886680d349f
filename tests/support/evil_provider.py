"""An identity provider that does what it is told, wrong things too: in this process, on loopback.

A test changes `claims`, `mint`, `discovery` or an answer of a path, and signs in through it as through any other.
"""

import http.server
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.support.minted_tokens import mint, public_jwk, rsa_key

CLIENT_ID = "doorward"


@dataclass(frozen=True, slots=True)
class Reply:
    """Raw bytes of an answer."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    seconds_between_bytes: float = 0


class _QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that left is none of ours."""


@dataclass
class EvilProvider:
    """Use it as a context manager. `asked` keeps what reached it: method and path, form."""

    sub: str = "u1"
    claims: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    replies: dict[str, Reply] = field(default_factory=dict)
    sign: Callable[[dict[str, Any]], str] = lambda claims: mint(claims, rsa_key())
    keys: list[dict[str, Any]] = field(default_factory=lambda: [public_jwk(rsa_key())])
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    callback: dict[str, str] = field(default_factory=dict)
    nonce: str = ""

    def __post_init__(self) -> None:
        self._server = _QuietServer(("127.0.0.1", 0), self._handler())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.02), daemon=True)

    @property
    def issuer(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def sign_in(self, url: str) -> str:
        """What the browser would be sent back with; nobody is asked anything."""
        query = {name: found[0] for name, found in parse_qs(urlsplit(url).query).items()}
        self.nonce = query["nonce"]
        brought = {"code": "the-code", "state": query["state"], **self.callback}
        return f"{query['redirect_uri']}?{urlencode(brought)}"

    def id_claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of an ID token made now, `claims` over them, None removing one."""
        now = int(datetime.now(UTC).timestamp())
        plain = {
            "iss": self.issuer,
            "sub": self.sub,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "preferred_username": "bob",
            "groups": ["engineers"],
            "department": "ops",
        }
        full = {**plain, **self.claims, **changes}
        return {name: value for name, value in full.items() if value is not None}

    def _answer(self, path: str) -> Reply:
        if path in self.replies:
            return self.replies[path]
        if path == "/.well-known/openid-configuration":
            return self._json(self._description())
        if path == "/jwks":
            return self._json({"keys": self.keys})
        if path == "/token":
            return self._json({"token_type": "Bearer", "id_token": self.sign(self.id_claims()), **self.tokens})
        return Reply(404)

    def _description(self) -> dict[str, Any]:
        plain = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        }
        return {name: value for name, value in {**plain, **self.discovery}.items() if value is not None}

    def _json(self, value: object) -> Reply:
        return Reply(body=json.dumps(value).encode(), headers=(("content-type", "application/json"),))

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                form = dict(pair for pair in parse_qs(self.rfile.read(length).decode()).items())
                provider.asked.append((f"{self.command} {self.path}", {name: one[0] for name, one in form.items()}))
                reply = provider._answer(urlsplit(self.path).path)
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                if not reply.seconds_between_bytes:
                    self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                if not reply.seconds_between_bytes:
                    self.wfile.write(reply.body)
                    return
                for byte in reply.body:
                    if provider._stop.wait(reply.seconds_between_bytes):
                        return
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()

            do_GET = do_POST = _any  # noqa: N815  (http.server's names)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler
